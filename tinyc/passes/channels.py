"""Which channels of which tensors nobody needs: the analysis under `drop_channels`.

A convolution or dense layer may have any of its output channels and read any of its input channels; every other operator ties channels
of its inputs to channels of its output, which then stay or go together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyc.ir import Graph, Op, Operands, Operation
from tinyc.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lut,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
    ResizeNearestNeighbor,
    StridedSlice,
    Sub,
)
from tinyc.ops.arithmetic import INT32_MAX, Integers
from tinyc.passes.ranges import BYTES, Mask, Range, bias_values

Slots = npt.NDArray[np.intp]
Mixing = Conv2D | FullyConnected
MIXING = (Conv2D, FullyConnected)

ALIGNMENT = 4
"""Kernels work on four channels at a time: as many surplus channels stay as fill the last four, and a tensor keeps four at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """By tensor: `dead` channels have no effect once constants are folded into the biases that follow; of them `kept` ones stay."""

    dead: Mapping[str, Mask]
    kept: Mapping[str, Mask]

    @property
    def is_empty(self) -> bool:
        return not any(mask.any() for mask in self.dead.values())


@dataclass(frozen=True, slots=True)
class _Demand:
    """A layer that mixes channels: which weight columns (by the slot they read) each live output channel needs."""

    columns: Slots
    outputs: Slots
    needs: Mask


class _Ties:
    """Slots are the channels of all tensors, numbered through; tied slots have one root."""

    def __init__(self, graph: Graph) -> None:
        self.first: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        total = 0
        for name, tensor in graph.tensors.items():
            if tensor.dtype in BYTES and not tensor.is_constant and tensor.shape:
                self.first[name], self.counts[name] = total, tensor.shape[-1]
                total += tensor.shape[-1]
        self._parents = list(range(total))
        self.pinned: set[int] = set()

    def of(self, name: str | None) -> Slots:
        """The slots of a tensor's channels; constants and other types have none."""
        if name is None or name not in self.first:
            return np.arange(0)
        return np.arange(self.first[name], self.first[name] + self.counts[name])

    def join(self, left: Slots, right: Slots) -> None:
        for a, b in zip(left.tolist(), right.tolist(), strict=True):
            self._parents[self._root(a)] = self._root(b)

    def pin(self, *names: str | None) -> None:
        """The channels of these tensors stay."""
        for name in names:
            self.pinned.update(self.of(name).tolist())

    def roots(self) -> Slots:
        return np.array([self._root(slot) for slot in range(len(self._parents))], np.intp)

    def groups(self) -> list[Slots]:
        """Roots of slots that appear in the same tensors: interchangeable for alignment."""
        tensors: defaultdict[int, list[str]] = defaultdict(list)
        for name in self.first:
            for slot in self.of(name).tolist():
                tensors[self._root(slot)].append(name)
        alike: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for root, names in tensors.items():
            alike[tuple(names)].append(root)
        return [np.array(roots, np.intp) for roots in alike.values()]

    def _root(self, slot: int) -> int:
        while self._parents[slot] != slot:
            self._parents[slot] = self._parents[self._parents[slot]]
            slot = self._parents[slot]
        return slot


def surplus(graph: Graph, ranges: Mapping[str, Range]) -> Surplus:
    """Dead channels by least fixpoint: only what an output of the graph needs is live."""
    ties = _Ties(graph)
    ties.pin(*graph.inputs, *graph.outputs)
    for operation in graph.operations:
        _tie(graph, operation, ties)
    roots, groups = ties.roots(), ties.groups()
    demands = [_demand(graph, o, o.op, ties, ranges) for o in graph.operations if isinstance(o.op, MIXING)]
    live = np.zeros(roots.size, np.bool_)
    live[roots[sorted(ties.pinned)]] = True
    settled = False
    while not settled:
        _spread(live, roots, demands)
        filling, settled = _fill(live, groups)
    slots = {name: roots[ties.of(name)] for name in ties.first}
    return Surplus(
        dead={name: ~live[own] for name, own in slots.items()},
        kept={name: live[own] | filling[own] for name, own in slots.items()},
    )


def _spread(live: Mask, roots: Slots, demands: Sequence[_Demand]) -> None:
    """Mark as live what live channels need, until nothing changes."""
    before = -1
    while before != (before := int(live.sum())):
        for demand in reversed(demands):
            needed = demand.needs[live[roots[demand.outputs]]].any(axis=0)
            live[roots[demand.columns[needed]]] = True


def _fill(live: Mask, groups: Sequence[Slots]) -> tuple[Mask, bool]:
    """The dead channels that stay for ALIGNMENT; False where a group would lose nothing, so that it is live after all."""
    filling, settled = np.zeros(live.size, np.bool_), True
    for group in groups:
        dead = group[~live[group]]
        count = group.size - dead.size
        room = max(ALIGNMENT, -(-count // ALIGNMENT) * ALIGNMENT) - count
        if 0 < dead.size <= room:
            live[dead], settled = True, False
        filling[dead[:room]] = True
    return filling, settled


def folded(op: Mixing, operands: Operands, x: Range) -> tuple[Mask, Integers]:
    """Which weight columns read a constant that the bias can stand for, and what they add to it, per output channel and column.

    Where windows reach the padding only the zero point will do, which adds nothing.
    """
    weights = operands.input(1).values.astype(np.int64)
    columns = weights.shape[-1]
    if columns % x.low.size:
        return np.zeros(columns, np.bool_), np.zeros((weights.shape[0], columns), np.int64)
    repeats = columns // x.low.size
    constant, value = np.tile(x.constant, repeats), np.tile(x.low - operands.input(0).zero_point, repeats)
    if isinstance(op, Conv2D) and any(op.padding):
        constant &= value == 0
    sums = weights.reshape(weights.shape[0], -1, columns).sum(axis=1) * np.where(constant, value, 0)
    if (np.abs(bias_values(operands)) + np.abs(sums).sum(axis=1) > INT32_MAX).any():
        constant &= value == 0
        sums = np.zeros_like(sums)
    return constant, sums


def _demand(graph: Graph, operation: Operation, op: Mixing, ties: _Ties, ranges: Mapping[str, Range]) -> _Demand:
    operands = graph.operands(operation)
    weights = operands.input(1)
    columns, slots = weights.shape[-1], ties.of(operation.inputs[0])
    outputs = ties.of(operation.outputs[0])
    if not slots.size or columns % slots.size:
        return _Demand(slots[:0], outputs, np.zeros((outputs.size, 0), np.bool_))
    used = (weights.values != 0).reshape(weights.shape[0], -1, columns).any(axis=1)
    constant, _ = folded(op, operands, ranges[str(operation.inputs[0])])
    return _Demand(np.tile(slots, columns // slots.size), outputs, used & ~constant)


def _tie(graph: Graph, operation: Operation, ties: _Ties) -> None:
    op, operands = operation.op, graph.operands(operation)
    x, y = ties.of(operation.inputs[0]), ties.of(operation.outputs[0])
    if isinstance(op, MIXING):
        if x.size and operands.input(1).shape[-1] % x.size:
            ties.pin(operation.inputs[0])
    elif isinstance(op, Add | Sub | Mul):
        for name in operation.inputs:
            ties.join(ties.of(name), y) if ties.of(name).size == y.size else ties.pin(name)
    elif not x.size or not y.size:
        ties.pin(*operation.inputs, *operation.outputs)
    elif isinstance(op, DepthwiseConv2D):
        ties.join(np.repeat(x, op.multiplier), y)
    elif isinstance(op, Concatenation) and op.axis == len(operands.output.shape) - 1:
        slots = np.concatenate([ties.of(name) for name in operation.inputs])
        ties.join(slots, y) if slots.size == y.size else ties.pin(*operation.inputs, *operation.outputs)
    elif isinstance(op, Reshape) and max(x.size, y.size) % min(x.size, y.size) == 0:
        widest = max(x.size, y.size)
        ties.join(np.tile(x, widest // x.size), np.tile(y, widest // y.size))
    elif is_channelwise(op, operands):
        ties.join(x, y)
    else:
        ties.pin(*operation.inputs, *operation.outputs)


def is_channelwise(op: Op, operands: Operands) -> bool:
    """One input, and channel c of the output comes from channel c of the input."""
    last = len(operands.input(0).shape) - 1
    if isinstance(op, Mean):
        return last not in op.axes
    if isinstance(op, Pad):
        return op.paddings[last] == (0, 0)
    if isinstance(op, StridedSlice):
        whole = (op.begin[last], op.end[last], op.strides[last]) == (0, operands.input(0).shape[last], 1)
        return whole and last not in op.shrink_axes
    return isinstance(op, AveragePool2D | Lut | MaxPool2D | ResizeNearestNeighbor)
