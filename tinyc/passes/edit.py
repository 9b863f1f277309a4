"""The few edits that rewrites are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tinyc.ir import Graph, Operation, Tensor


def with_operations(graph: Graph, operations: Iterable[Operation], *, tensors: Iterable[Tensor] = ()) -> Graph:
    """`graph` with other operations; `tensors` are added or replaced, and those that nobody names any more are dropped."""
    kept = tuple(operations)
    named = {*graph.inputs, *graph.outputs}
    for operation in kept:
        named.update(name for name in operation.inputs if name is not None)
        named.update(operation.outputs)
    everything = {**graph.tensors, **{tensor.name: tensor for tensor in tensors}}
    return replace(graph, operations=kept, tensors={name: t for name, t in everything.items() if name in named})


def rename_inputs(operation: Operation, names: Mapping[str, str]) -> Operation:
    """`operation` reading `names[x]` wherever it read x."""
    inputs = tuple(None if name is None else names.get(name, name) for name in operation.inputs)
    return operation if inputs == operation.inputs else replace(operation, inputs=inputs)


def sole_consumer(graph: Graph, name: str, consumers: Mapping[str, tuple[Operation, ...]]) -> Operation | None:
    """The only operation that reads `name`, or None where there are several or the tensor is an output of the graph."""
    readers = consumers.get(name, ())
    return readers[0] if len(readers) == 1 and name not in graph.outputs else None


def fresh_name(graph: Graph, wish: str) -> str:
    """`wish`, or the first of `wish_1`, `wish_2`, ... that no tensor has."""
    if wish not in graph.tensors:
        return wish
    number = 1
    while f"{wish}_{number}" in graph.tensors:
        number += 1
    return f"{wish}_{number}"
