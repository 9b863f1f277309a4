"""Import a .tflite file: verified bytes in, a verified graph out, or one ModelError that lists what is wrong.

Decision: shapes are static, so SHAPE arithmetic is evaluated while importing and RESHAPE gets its shape as an attribute.
Because: what a shape is must be known before an operator can be checked.  Rejected: tensors as shapes throughout the compiler.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from tinyc.errors import ModelError, UsageError
from tinyc.frontends import flatbuffer
from tinyc.frontends.tflite_node import Node, Options
from tinyc.frontends.tflite_operators import IMPORTERS, Importer, convert
from tinyc.frontends.tflite_schema import IDENTIFIER, MODEL, OPERATOR_CODE, VERSION
from tinyc.frontends.tflite_tensors import DTYPES, Refused, TensorReader, type_name, unique_names
from tinyc.ir import DType, Graph, Op, Operands, Operation, Tensor
from tinyc.ir.types import Array
from tinyc.ops import ShapeOf

LARGEST_FILE = 1 << 28
LONGEST_SHOWN = 60
MOST_PROBLEMS = 100
LARGEST_KNOWN = 1024
"""Elements of an integer tensor that still counts as shape arithmetic."""

_BUILTIN_CODE_SLOT = 4 + 2 * list(OPERATOR_CODE.fields).index("BuiltinCode")
FLOAT_BOUNDARY = ("DEQUANTIZE", "QUANTIZE")
QUANTIZE_FIRST = (
    "tinyc deploys int8 models: quantize it first (full-integer post-training quantization with sample inputs)."
)
SEE_OPERATORS = "`tinyc ops` lists what is supported."


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A model as it was in the file at `path`: `tensor_indices` maps the graph's tensor names to indices in the file."""

    graph: Graph
    sha256: str
    file_bytes: int
    tensor_indices: Mapping[str, int]
    path: Path


def load(path: Path) -> Imported:
    """The model in the file at `path`; ModelError where it is damaged, contradicts itself or is not supported."""
    data = _read(path)
    try:
        flatbuffer.verify(data, MODEL, identifier=IDENTIFIER)
    except flatbuffer.Damaged as damage:
        raise ModelError(f"{path.name} is not a .tflite model, or it is damaged: {damage}.") from damage
    model = tflite.Model.GetRootAs(data, 0)
    if model.Version() != VERSION:
        raise ModelError(f"{path.name} has schema version {model.Version()}, only {VERSION} is supported.")
    if not model.SubgraphsLength():
        raise ModelError(f"{path.name} contains no graph.")
    graph, indices = _Import(path, model).run()
    return Imported(
        graph=graph,
        sha256=hashlib.sha256(data).hexdigest(),
        file_bytes=len(data),
        tensor_indices=indices,
        path=path,
    )


def _read(path: Path) -> bytes:
    if path.suffix.lower() == ".onnx":
        raise ModelError(
            f"{path.name} is an ONNX model, which is not supported yet.", hint="Convert it to int8 .tflite."
        )
    if path.exists() and not path.is_file():
        raise UsageError(f"{path.name} is not a file.")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(
                f"{path.name} is larger than {LARGEST_FILE >> 20} MB, more than any microcontroller holds."
            )
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror or error}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """An operator as the file has it: `inputs` and `outputs` are tensor indices, -1 where an input is absent."""

    index: int
    kind: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    raw: Any = field(repr=False)


class _Import:
    """One run over one model.  Every step collects what it finds wrong, and no step runs on the ruins of the one before."""

    def __init__(self, path: Path, model: Any) -> None:
        self.path = path
        self.model = model
        self.subgraph = model.Subgraphs(0)
        self.reader = TensorReader(model, self.subgraph)
        self.problems: list[str] = []
        self.hint = ""

    def run(self) -> tuple[Graph, dict[str, int]]:
        if not self.subgraph.OperatorsLength():
            raise ModelError(f"{self.path.name} has no operators.")
        inputs, outputs = _indices(self.subgraph, "Inputs"), _indices(self.subgraph, "Outputs")
        sources = [self.source(index) for index in range(self.subgraph.OperatorsLength())]
        self.raise_problems()
        for source in sources:
            self.survey(source)
        if self.model.SubgraphsLength() > 1:
            self.problems.append(f"it has {self.model.SubgraphsLength()} subgraphs, only one is supported")
        self.raise_problems()
        self.check_flow(sources, inputs, outputs)
        self.raise_problems()
        tensors = self.tensors(sources, (*inputs, *outputs))
        self.check_ends(sources, tensors, inputs, outputs)
        self.raise_problems()
        operations = self.operations(sources, tensors)
        self.raise_problems()
        return self.graph(operations, tensors, inputs, outputs)

    def raise_problems(self) -> None:
        if not self.problems:
            return
        shown = self.problems[:MOST_PROBLEMS]
        if len(self.problems) > len(shown):
            shown.append(f"and {len(self.problems) - len(shown)} more")
        raise ModelError(f"{self.path.name}: {'; '.join(shown)}.", hint=self.hint)

    def source(self, index: int) -> _Source:
        """Operator `index` with indices that exist."""
        raw = self.subgraph.Operators(index)
        inputs, outputs = _indices(raw, "Inputs"), _indices(raw, "Outputs")
        kind, version = f"with code {raw.OpcodeIndex()}", 0
        if raw.OpcodeIndex() < self.model.OperatorCodesLength():
            code = self.model.OperatorCodes(raw.OpcodeIndex())
            kind, version = _kind(code), code.Version()
        else:
            self.problems.append(f"operator {index} has code {raw.OpcodeIndex()}, which the file does not define")
        count = len(self.reader)
        outside = [tensor for tensor in inputs if not -1 <= tensor < count]
        outside += [tensor for tensor in outputs if not 0 <= tensor < count]
        for tensor in outside:
            self.problems.append(f"operator {index} {kind} refers to tensor {tensor}, the file has {count}")
        return _Source(index=index, kind=kind, version=version, inputs=inputs, outputs=outputs, raw=raw)

    def complain(self, source: _Source, clause: str) -> None:
        name = _shown(self.reader.names[source.outputs[0]]) if source.outputs else "none"
        self.problems.append(f"operator {source.index} {source.kind} (tensor '{name}') {clause}")

    def survey(self, source: _Source) -> None:
        """Whether the operator, its version and the types of its tensors are supported at all."""
        importer = IMPORTERS.get(source.kind)
        codes = [self.reader.type_code(tensor) for tensor in (*source.inputs, *source.outputs) if tensor >= 0]
        is_float = source.kind not in FLOAT_BOUNDARY and tflite.TensorType.FLOAT32 in codes
        foreign = [code for code in codes if code not in DTYPES]
        if is_float:
            self.hint = QUANTIZE_FIRST
        if importer is None:
            self.hint = self.hint or SEE_OPERATORS
            self.complain(source, "is not supported")
        elif is_float and not importer.moves_only:
            self.complain(source, "computes in float32")
        elif foreign:
            self.complain(source, f"has a tensor of type {type_name(foreign[0])}, which is not supported")
        elif source.version > importer.version:
            self.complain(source, f"has version {source.version}, {importer.version} is the newest that is supported")
        elif not source.outputs or len(source.outputs) > 1:
            self.complain(source, f"has {len(source.outputs)} outputs, not one")
        elif not importer.inputs[0] <= len(source.inputs) <= importer.inputs[1]:
            self.complain(source, f"has {len(source.inputs)} inputs, not {_count(*importer.inputs)}")
        elif clause := _extras(source.raw):
            self.complain(source, clause)

    def check_flow(self, sources: Sequence[_Source], inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        """Whether every tensor has one origin, before it is read."""
        count = len(self.reader)
        for what, ends in (("input", inputs), ("output", outputs)):
            if not ends:
                self.problems.append(f"the model has no {what}s")
            if len(set(ends)) < len(ends):
                self.problems.append(f"the model lists an {what} twice")
            absent = [end for end in ends if not 0 <= end < count]
            self.problems += [f"{what} {end} does not exist, the file has {count} tensors" for end in absent]
        if self.problems:
            return
        written = {tensor for source in sources for tensor in source.outputs}
        known = set(inputs)
        self.problems += [f"output '{self.name(end)}' is also an input" for end in outputs if end in known]
        for source in sources:
            for tensor in source.inputs:
                if tensor in written and tensor not in known:
                    self.complain(source, f"reads tensor '{self.name(tensor)}' before it is written")
            for tensor in source.outputs:
                if tensor in known:
                    self.complain(source, "writes a tensor that already has a value")
            known.update(source.outputs)

    def name(self, tensor: int) -> str:
        return _shown(self.reader.names[tensor])

    def tensors(self, sources: Sequence[_Source], ends: tuple[int, ...]) -> dict[int, Tensor]:
        """Every tensor that an operator uses or the model passes in or out, by its index in the file."""
        used = set(ends)
        for source in sources:
            used.update(source.inputs, source.outputs)
        used.discard(-1)
        found: dict[int, Tensor] = {}
        for index in sorted(used):
            try:
                found[index] = self.reader.read(index)
            except Refused as refusal:
                self.problems.append(f"tensor '{self.name(index)}' {refusal}")
        written = {tensor for source in sources for tensor in source.outputs}
        given = {*written, *ends}
        for index, tensor in found.items():
            if not tensor.is_constant and index not in given:
                self.problems.append(f"tensor '{self.name(index)}' is read, but has no data and no operator writes it")
            if tensor.is_constant and index in written:
                self.problems.append(f"tensor '{self.name(index)}' is a constant, but an operator writes it")
        return found

    def check_ends(
        self,
        sources: Sequence[_Source],
        tensors: Mapping[int, Tensor],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Whether inputs and outputs are what a program can be given and can give back."""
        if self.problems:
            return
        written = {tensor for source in sources for tensor in source.outputs}
        for index in inputs:
            open_axes = [axis for axis in self.reader.dynamic_axes(index) if axis > 0]
            if open_axes:
                self.problems.append(f"input '{self.name(index)}' leaves the size of dimension {open_axes[0]} open")
                self.hint = "Fix every size but the batch when converting."
            if tensors[index].is_constant:
                self.problems.append(f"input '{self.name(index)}' is also a constant")
        for index in outputs:
            if index not in written:
                self.problems.append(f"output '{self.name(index)}' is written by no operator")

    def operations(self, sources: Sequence[_Source], tensors: dict[int, Tensor]) -> list[Operation]:
        """The operations in the file's order; replaces tensors that take another form in the graph."""
        known = {index: tensor.data for index, tensor in tensors.items() if tensor.data is not None}
        operations: list[Operation] = []
        for source in sources:
            try:
                operations.append(self.operation(source, tensors, known))
            except Refused as refusal:
                self.complain(source, str(refusal))
        return operations

    def operation(self, source: _Source, tensors: dict[int, Tensor], known: dict[int, Array]) -> Operation:
        importer = IMPORTERS[source.kind]
        node = _node(source, importer, tensors, known)
        op, inputs = convert(importer, node)
        operands = Operands(inputs=inputs, outputs=(node.output,))
        _check(op, operands)
        tensors.update({i: t for i, t in zip(source.inputs, inputs, strict=False) if t is not None})
        if _is_shape_arithmetic(op, operands, node):
            values = tuple(node.known.get(position) for position in range(len(inputs)))
            known[source.outputs[0]] = op.evaluate(operands, values)[0]
        return Operation(
            name=f"{op.kind}_{source.index}",
            op=op,
            inputs=tuple(None if tensor is None else tensor.name for tensor in inputs),
            outputs=(node.output.name,),
            source_index=source.index,
        )

    def graph(
        self,
        operations: Sequence[Operation],
        tensors: Mapping[int, Tensor],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> tuple[Graph, dict[str, int]]:
        """The verified graph of what operators read and write, and where its tensors are in the file."""
        names = self.reader.names
        used = {name for o in operations for name in (*o.inputs, *o.outputs)} | {names[i] for i in (*inputs, *outputs)}
        indices = {tensor.name: index for index, tensor in tensors.items() if tensor.name in used}
        graph = Graph(
            name=self.path.stem,
            tensors={name: tensors[index] for name, index in indices.items()},
            operations=tuple(operations),
            inputs=tuple(names[index] for index in inputs),
            outputs=tuple(names[index] for index in outputs),
        )
        try:
            return graph.verify(), indices
        except ValueError as error:
            raise ModelError(f"{self.path.name}: {error}.") from error


def _indices(table: Any, field_name: str) -> tuple[int, ...]:
    """A vector of tensor indices; () where it is absent."""
    if not getattr(table, f"{field_name}Length")():
        return ()
    return tuple(int(index) for index in getattr(table, f"{field_name}AsNumpy")())


def _kind(code: Any) -> str:
    """The schema's name of an operator.

    Two fields hold its code, one of them deprecated, and the greater counts.  The generated accessor of the newer one
    answers with the deprecated one for codes below 127, whatever the file says, so its slot is read directly.
    """
    table, number = code._tab, code.DeprecatedBuiltinCode()
    if slot := table.Offset(_BUILTIN_CODE_SLOT):
        number = max(number, struct.unpack_from("<i", table.Bytes, table.Pos + slot)[0])
    if number == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM:{unique_names([code.CustomCode()])[0]}"
    name: str = tflite.BUILTIN_OPCODE2NAME.get(number, f"BUILTIN_{number}")
    return name


def _extras(raw: Any) -> str:
    """What a builtin operator should not have, as a clause; empty where there is nothing."""
    if raw.CustomOptionsLength() or raw.LargeCustomOptionsSize() or raw.LargeCustomOptionsOffset():
        return "has custom options, which are not supported"
    if raw.BuiltinOptions2Type() or raw.BuiltinOptions2() is not None:
        return "has options of a newer kind, which are not supported"
    if raw.MutatingVariableInputsLength() and np.any(raw.MutatingVariableInputsAsNumpy()):
        return "changes its inputs, which is not supported"
    if raw.IntermediatesLength():
        return "has intermediate tensors, which are not supported"
    return ""


def _node(source: _Source, importer: Importer, tensors: Mapping[int, Tensor], known: Mapping[int, Array]) -> Node:
    absent = [position for position, index in enumerate(source.inputs) if index == -1]
    if absent and not (importer.has_bias and absent == [2]):
        raise Refused(f"lacks input {absent[0]}")
    return Node(
        kind=source.kind,
        inputs=tuple(None if index == -1 else tensors[index] for index in source.inputs),
        output=tensors[source.outputs[0]],
        options=Options(source.raw, importer.options),
        known={position: known[index] for position, index in enumerate(source.inputs) if index in known},
    )


def _check(op: Op, operands: Operands) -> None:
    """Refused where the shapes contradict the operator, or a constraint does not hold (the first: others may rest on it)."""
    try:
        (expected,) = op.output_shapes(operands.inputs)
    except ValueError as error:
        raise Refused(f"contradicts itself: {error}") from error
    if expected != operands.output.shape:
        raise Refused(f"gives shape {list(expected)}, the file says {list(operands.output.shape)}")
    for constraint in op.constraints:
        if not constraint.holds(op, operands):
            raise Refused(f"is supported only where {constraint.sentence}: {constraint.found(op, operands)}")


def _is_shape_arithmetic(op: Op, operands: Operands, node: Node) -> bool:
    """Small integers without a scale, whose inputs are known or need not be."""
    if node.output.dtype not in (DType.INT32, DType.INT64) or node.output.elements > LARGEST_KNOWN:
        return False
    return isinstance(op, ShapeOf) or all(position in node.known for position in range(len(operands.inputs)))


def _shown(name: str) -> str:
    return name if len(name) <= LONGEST_SHOWN else f"{name[: LONGEST_SHOWN - 3]}..."


def _count(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
