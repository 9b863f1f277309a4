"""Small .tflite models made on the spot, with the flatbuffer builders of the `tflite` package.

Tensors are given as `tinyc.ir.Tensor`; operators as the schema has them, so that a test states a file, not a graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from tinyc.ir import DType, Quantization, Tensor
from tinyc.ir.types import Array

VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PACK": 2,
    "PAD": 2,
    "PADV2": 2,
    "RELU": 2,
    "RELU6": 2,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "SOFTMAX": 2,
    "STRIDED_SLICE": 2,
    "SUB": 2,
    "TRANSPOSE": 2,
}
"""The operator versions that int8 needs; others have version 1."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator: `inputs` and `outputs` are tensor names (None: absent), `options` the fields of its options table."""

    kind: str
    inputs: Sequence[str | None]
    outputs: Sequence[str]
    table: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None


def tensor(
    name: str,
    *shape: int,
    dtype: DType = DType.INT8,
    scale: float | Sequence[float] | None = None,
    zero: int = 0,
    axis: int | None = None,
    data: Array | None = None,
) -> Tensor:
    """A tensor; scales are rounded to float32 as a file holds them."""
    quantization = None
    if scale is not None:
        scales = tuple(float(np.float32(s)) for s in np.atleast_1d(np.asarray(scale)))
        quantization = Quantization(scales=scales, zero_points=(zero,) * len(scales), axis=axis)
    return Tensor(name=name, shape=shape, dtype=dtype, quantization=quantization, data=data)


def constant(name: str, values: Any, dtype: DType = DType.INT32) -> Tensor:
    """A constant without quantization: axes, paddings, sizes."""
    data = np.asarray(values, dtype.numpy)
    return Tensor(name=name, shape=data.shape, dtype=dtype, data=data)


def single(
    kind: str,
    inputs: Sequence[Tensor | None],
    output: Tensor,
    table: str = "",
    version: int | None = None,
    **options: Any,
) -> bytes:
    """A model of one operator; the inputs without data are the model's."""
    present = [t for t in inputs if t is not None]
    operator = Operator(
        kind=kind,
        inputs=[None if t is None else t.name for t in inputs],
        outputs=[output.name],
        table=table,
        options=options,
        version=version,
    )
    return write([*present, output], [operator], [t.name for t in present if not t.is_constant], [output.name])


def write(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    open_batch: Sequence[str] = (),
) -> bytes:
    """The bytes of a .tflite file with one graph; the tensors in `open_batch` have -1 as first extent in their signature."""
    builder = flatbuffers.Builder(1024)
    index = {t.name: i for i, t in enumerate(tensors)}
    buffers = [_table(builder, "Buffer")]
    entries = []
    for t in tensors:
        number = 0
        if t.data is not None:
            number = len(buffers)
            buffers.append(_table(builder, "Buffer", Data=_aligned(builder, t.values.tobytes())))
        entries.append(_tensor(builder, t, number, open_batch=t.name in open_batch))
    kinds = list(dict.fromkeys((o.kind, o.version or VERSIONS.get(o.kind, 1)) for o in operators))
    codes = [_operator_code(builder, kind, version) for kind, version in kinds]
    nodes = [_operator(builder, o, index, kinds) for o in operators]
    subgraph = _table(
        builder,
        "SubGraph",
        Tensors=_offsets(builder, entries),
        Inputs=_ints(builder, [index[name] for name in inputs]),
        Outputs=_ints(builder, [index[name] for name in outputs]),
        Operators=_offsets(builder, nodes),
    )
    model = _table(
        builder,
        "Model",
        Version=3,
        OperatorCodes=_offsets(builder, codes),
        Subgraphs=_offsets(builder, [subgraph]),
        Buffers=_offsets(builder, buffers),
    )
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def _tensor(builder: Any, t: Tensor, buffer: int, *, open_batch: bool) -> int:
    fields = {
        "Shape": _ints(builder, t.shape),
        "Type": getattr(tflite.TensorType, t.dtype.name),
        "Buffer": buffer,
        "Name": builder.CreateString(t.name),
    }
    if open_batch:
        fields["ShapeSignature"] = _ints(builder, (-1, *t.shape[1:]))
    if t.quantization is not None:
        fields["Quantization"] = _table(
            builder,
            "QuantizationParameters",
            Scale=builder.CreateNumpyVector(np.array(t.quantization.scales, np.float32)),
            ZeroPoint=builder.CreateNumpyVector(np.array(t.quantization.zero_points, np.int64)),
            QuantizedDimension=t.quantization.axis or 0,
        )
    return _table(builder, "Tensor", **fields)


def _operator_code(builder: Any, kind: str, version: int) -> int:
    number = getattr(tflite.BuiltinOperator, kind)
    return _table(builder, "OperatorCode", DeprecatedBuiltinCode=min(number, 127), BuiltinCode=number, Version=version)


def _operator(builder: Any, o: Operator, index: Mapping[str, int], kinds: Sequence[tuple[str, int]]) -> int:
    fields = {
        "OpcodeIndex": kinds.index((o.kind, o.version or VERSIONS.get(o.kind, 1))),
        "Inputs": _ints(builder, [-1 if name is None else index[name] for name in o.inputs]),
        "Outputs": _ints(builder, [index[name] for name in o.outputs]),
    }
    if o.table:
        values = {k: _ints(builder, v) if isinstance(v, list | tuple) else v for k, v in o.options.items()}
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, o.table)
        fields["BuiltinOptions"] = _table(builder, o.table, **values)
    return _table(builder, "Operator", **fields)


def _table(builder: Any, name: str, **fields: Any) -> int:
    getattr(tflite, f"{name}Start")(builder)
    for key, value in fields.items():
        getattr(tflite, f"{name}Add{key}")(builder, value)
    offset: int = getattr(tflite, f"{name}End")(builder)
    return offset


def _ints(builder: Any, values: Sequence[int]) -> int:
    offset: int = builder.CreateNumpyVector(np.array(values, np.int32))
    return offset


def _offsets(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    vector: int = builder.EndVector()
    return vector


def _aligned(builder: Any, data: bytes) -> int:
    builder.StartVector(1, len(data), 16)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    vector: int = builder.EndVector()
    return vector
