"""A channel that always equals an earlier one hands over its weights, in every layer that reads it; nobody reads it then.

y = conv2d x, w (x[3] always equals x[1])   ->   y = conv2d x, v   (v[..., 1] = w[..., 1] + w[..., 3], v[..., 3] = 0)

The same sums, so that accumulators stay within the bounds that they had.  `drop_channels` removes the channel; where it cannot, because
of another reader, an output of the graph or ALIGNMENT, or because added weights leave eight bits, nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ir.types import Array
from tinyc.ops.arithmetic import Integers
from tinyc.passes.channels import MIXING, surplus
from tinyc.passes.edit import Names, with_operations
from tinyc.passes.ranges import Mask, value_ranges
from tinyc.passes.twins import Numbers

MOST = 127
"""The greatest weight; the specification keeps -128 out of them."""


def merge_channels(graph: Graph) -> Graph:
    """Merges less and less until every channel that is left to merge goes, or stays to fill the last four of its tensor."""
    ranges = value_ranges(graph)
    numbers = Numbers(graph, ranges)
    wanted = {name: _repeats(numbers.of(name)) & ~dead for name, dead in surplus(graph, ranges).dead.items()}
    while True:
        merged = _merged(graph, numbers, wanted)
        gone = surplus(merged, ranges).dead
        if not any((mask & ~gone[name]).any() for name, mask in wanted.items()):
            return merged
        wanted = {name: mask & gone[name] for name, mask in wanted.items()}


def _repeats(numbers: Integers) -> Mask:
    """Which channels equal an earlier one of their tensor."""
    _, first = np.unique(numbers, return_index=True)
    repeats = np.ones(numbers.size, np.bool_)
    repeats[first] = False
    return repeats


def _merged(graph: Graph, numbers: Numbers, wanted: Mapping[str, Mask]) -> Graph:
    """Every layer reads as few as it can of the channels that are wanted."""
    names = Names(graph.tensors)
    merged = [_reading_less(graph, operation, numbers, wanted, names) for operation in graph.operations]
    return with_operations(graph, [o for o, _ in merged], tensors=[t for _, new in merged for t in new])


def _reading_less(
    graph: Graph, operation: Operation, numbers: Numbers, wanted: Mapping[str, Mask], names: Names
) -> tuple[Operation, tuple[Tensor, ...]]:
    operands, source = graph.operands(operation), operation.inputs[0] or ""
    if not isinstance(operation.op, MIXING) or source not in wanted or not wanted[source].any():
        return operation, ()
    weights, columns = operands.input(1), numbers.columns(operation, operands)
    if columns is None:
        return operation, ()
    data = _added(weights.values, columns, np.resize(wanted[source], columns.size))
    if np.array_equal(data, weights.values):
        return operation, ()
    new = replace(weights, name=names.fresh(f"{weights.name}:merged"), data=data)
    return replace(operation, inputs=(source, new.name, *operation.inputs[2:])), (new,)


def _added(weights: Array, columns: Integers, wanted: Mask) -> Array:
    """Weights where each wanted column is added to the first of equal number that has room for it."""
    sums, given = weights.astype(np.int64), np.zeros(columns.size, np.bool_)
    for column in np.flatnonzero(wanted & (weights != 0).reshape(-1, columns.size).any(axis=0)).tolist():
        for other in np.flatnonzero((columns[:column] == columns[column]) & ~given[:column]).tolist():
            both = sums[..., other] + sums[..., column]
            if np.abs(both).max() <= MOST:
                sums[..., other], sums[..., column], given[column] = both, 0, True
                break
    return sums.astype(weights.dtype)
