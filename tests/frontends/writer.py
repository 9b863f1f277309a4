"""Write .tflite files from plain descriptions, sound or contradictory: the opposite of the importer, driven by its layouts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from tinyc.frontends import tflite_schema as schema
from tinyc.frontends.flatbuffer import Child, Layout, Scalar, String, Tables, Union, Vector
from tinyc.frontends.tflite_operators import IMPORTERS

NUMPY = {
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FLOAT32": np.float32,
}
FLOATS = ("Min", "Max", "Scale", "Beta")
SCALARS = {1: "Uint8", 4: "Int32", 8: "Uint64"}
VECTORS: dict[int, type[np.generic]] = {1: np.uint8, 4: np.int32, 8: np.int64}


def write(layout: Layout, values: Mapping[str, Any], *, identifier: bytes = schema.IDENTIFIER) -> bytes:
    """The file whose root table is `values`, by the names of the layout's fields."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_table(builder, layout, values), file_identifier=identifier)
    return bytes(builder.Output())


def _table(builder: Any, layout: Layout, values: Mapping[str, Any]) -> int:
    unknown = values.keys() - layout.fields.keys()
    assert not unknown, f"{layout.name} has no {unknown}"
    stored = {name: _outside(builder, name, layout.fields[name], value) for name, value in values.items()}
    builder.StartObject(len(layout.fields))
    for slot, (name, kind) in enumerate(layout.fields.items()):
        if name not in stored:
            continue
        if not isinstance(kind, Scalar):
            builder.PrependUOffsetTRelativeSlot(slot, stored[name], 0)
        elif name in FLOATS:
            builder.PrependFloat32Slot(slot, stored[name], None)
        else:
            getattr(builder, f"Prepend{SCALARS[kind.bytes]}Slot")(slot, stored[name], None)
    end: int = builder.EndObject()
    return end


def _outside(builder: Any, name: str, kind: Any, value: Any) -> Any:
    """What a table holds for a field: the number itself, or the offset of what was written before the table."""
    if isinstance(kind, Scalar):
        return value
    if isinstance(kind, String):
        return builder.CreateString(value)
    if isinstance(kind, Vector):
        return builder.CreateNumpyVector(np.array(value, np.float32 if name in FLOATS else VECTORS[kind.element_bytes]))
    if isinstance(kind, Tables):
        entries = [_table(builder, kind.layout, entry) for entry in value]
        builder.StartVector(4, len(entries), 4)
        for entry in reversed(entries):
            builder.PrependUOffsetTRelative(entry)
        return builder.EndVector()
    if isinstance(kind, Child):
        return _table(builder, kind.layout, value)
    if isinstance(kind, Union):
        layout, fields = value
        return _table(builder, layout, fields)
    return _table(builder, Layout("Anything", {}), {})


@dataclass(slots=True)
class ModelFile:
    """A model under construction; every list may be bent before `bytes()`."""

    tensors: list[dict[str, Any]] = field(default_factory=list)
    buffers: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    operators: list[dict[str, Any]] = field(default_factory=list)
    codes: list[dict[str, Any]] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of the model."""

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        kind: str = "INT8",
        *,
        scale: float | Sequence[float] | None = 0.5,
        zero: int | Sequence[int] = 0,
        axis: int = 0,
        data: Any = None,
        **more: Any,
    ) -> int:
        """Append a tensor, constant where it has `data`; its index."""
        values = {"Name": name, "Shape": list(shape), "Type": getattr(tflite.TensorType, kind), **more}
        if data is not None:
            self.buffers.append({"Data": np.frombuffer(np.array(data, NUMPY[kind]).tobytes(), np.uint8)})
            values["Buffer"] = len(self.buffers) - 1
        if scale is not None and kind in ("INT8", "UINT8", "INT16", "INT32"):
            quantization = {"Scale": np.atleast_1d(scale), "ZeroPoint": np.atleast_1d(zero)}
            values["Quantization"] = {**quantization, "QuantizedDimension": axis}
        self.tensors.append(values)
        return len(self.tensors) - 1

    def ints(self, name: str, *values: int, shape: Sequence[int] | None = None) -> int:
        """Append a constant of int32, a vector where no shape is given."""
        return self.tensor(name, (len(values),) if shape is None else shape, "INT32", scale=None, data=values)

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], *, version: int = 1, **options: Any
    ) -> dict[str, Any]:
        """Append an operator with the options table that belongs to it."""
        number = getattr(tflite.BuiltinOperator, kind)
        self.codes.append({"DeprecatedBuiltinCode": min(number, 127), "BuiltinCode": number, "Version": version})
        values: dict[str, Any] = {"OpcodeIndex": len(self.codes) - 1, "Inputs": list(inputs), "Outputs": list(outputs)}
        layout = IMPORTERS[kind].options if kind in IMPORTERS else None
        if layout is not None:
            values |= {"BuiltinOptionsType": schema.options_tag(layout), "BuiltinOptions": (layout, options)}
        self.operators.append(values)
        return values

    def copy(self) -> ModelFile:
        return copy.deepcopy(self)

    def bytes(self) -> bytes:
        graph = {
            "Tensors": self.tensors,
            "Inputs": self.inputs,
            "Outputs": self.outputs,
            "Operators": self.operators,
        }
        model = {"Version": 3, "OperatorCodes": self.codes, "Subgraphs": [graph], "Buffers": self.buffers}
        return write(schema.MODEL, {**model, **self.extra})
