"""The stable text form of a graph: what golden tests compare and `--dump` prints."""

from __future__ import annotations

import dataclasses
from enum import Enum

from tinyc.ir.graph import Graph, Operation
from tinyc.ir.types import Tensor


def to_text(graph: Graph) -> str:
    """One line a tensor that is input or constant, one line an operation, in execution order."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input {_typed(graph.tensors[name])}" for name in graph.inputs]
    lines += [f"  const {_typed(t)}" for t in graph.tensors.values() if t.is_constant]
    lines += [f"  {_operation(graph, operation)}" for operation in graph.operations]
    lines += [f"  output {name}" for name in graph.outputs]
    return "\n".join(lines) + "\n"


def _operation(graph: Graph, operation: Operation) -> str:
    outputs = ", ".join(_typed(graph.tensors[name]) for name in operation.outputs)
    inputs = ", ".join(name or "-" for name in operation.inputs)
    attributes = [
        f"{f.name}={_value(getattr(operation.op, f.name))}"
        for f in dataclasses.fields(operation.op)  # type: ignore[arg-type]
        if getattr(operation.op, f.name) != f.default
    ]
    return f"{outputs} = {operation.op.kind}({inputs})" + (f" {{{', '.join(attributes)}}}" if attributes else "")


def _typed(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    quantization = tensor.quantization
    if quantization is None:
        return f"{tensor.name}:{tensor.dtype.value}[{shape}]"
    if quantization.axis is not None:
        return f"{tensor.name}:{tensor.dtype.value}[{shape}] per-axis {quantization.axis}"
    return f"{tensor.name}:{tensor.dtype.value}[{shape}] {quantization.scale.hex()}@{quantization.zero_point}"


def _value(value: object) -> str:
    return value.name.lower() if isinstance(value, Enum) else str(value)
