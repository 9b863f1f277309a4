"""The meaning of a graph: every tensor's value, operator by operator in numpy."""

from __future__ import annotations

from collections.abc import Mapping

from tinyc.ir import Graph, Tensor
from tinyc.ir.types import Array


def evaluate(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The stored value of every tensor of `graph`, constants included, for stored `inputs` by name.

    ValueError where an input is missing or has another shape or type than its tensor.
    """
    values = {name: tensor.values for name, tensor in graph.tensors.items() if tensor.is_constant}
    for name in graph.inputs:
        values[name] = _checked(graph.tensors[name], inputs.get(name))
    for operation in graph.operations:
        known = tuple(None if name is None else values[name] for name in operation.inputs)
        results = operation.op.evaluate(graph.operands(operation), known)
        values.update(zip(operation.outputs, results, strict=True))
    return values


def _checked(tensor: Tensor, value: Array | None) -> Array:
    if value is None:
        raise ValueError(f"input {tensor.name} has no value")
    if value.shape != tensor.shape or value.dtype != tensor.dtype.numpy:
        raise ValueError(
            f"input {tensor.name} is {value.dtype} of shape {value.shape}, not {tensor.dtype.value} of shape {tensor.shape}"
        )
    return value
