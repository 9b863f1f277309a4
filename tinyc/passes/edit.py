"""The few edits that rewrites are made of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from tinyc.ir import DType, Graph, Operands, Operation, Tensor
from tinyc.ops.arithmetic import Integers


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


class Names:
    """Hands out names for new tensors, or for new operations, each once; none of those that are `taken`."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, wish: str) -> str:
        """`wish`, or the first of `wish_1`, `wish_2`, ... that is not taken."""
        numbered = (f"{wish}_{number}" for number in itertools.count(1))
        name = wish if wish not in self._taken else next(each for each in numbered if each not in self._taken)
        self._taken.add(name)
        return name


def names_of_operations(graph: Graph) -> Names:
    """For operations that are added to `graph`."""
    return Names(operation.name for operation in graph.operations)


def bias_tensor(operands: Operands, name: str, data: Integers) -> Tensor:
    """The int32 bias `data` for a convolution or dense layer, quantized as the bias it replaces, if there is one."""
    old = operands.optional(2)
    values = data.astype(np.int32)
    if old is None:
        return Tensor(name=name, shape=values.shape, dtype=DType.INT32, data=values)
    return replace(old, name=name, shape=values.shape, data=values)
