"""Which channels of a tensor are always equal, whatever the inputs: the analysis under `merge_channels`.

Channels get numbers such that equal numbers mean equal values.  A layer's output channel is told by what it sums (its weights over input
numbers), its bias, its factor and its place; an operator that treats all channels alike by the numbers it reads.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from tinyc.ir import Graph, Op, Operands, Operation, Tensor
from tinyc.ops import Add, Concatenation, Conv2D, DepthwiseConv2D, FullyConnected, Mul, Reshape, Sub
from tinyc.ops.arithmetic import Integers
from tinyc.passes.channels import MIXING, is_channelwise
from tinyc.passes.ranges import BYTES, Linear, Range, bias_values, multipliers


class Numbers:
    """By tensor: a number for every channel.  Only channels of one graph can be compared."""

    def __init__(self, graph: Graph, ranges: Mapping[str, Range]) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._of: dict[str, Integers] = {}
        for name, tensor in graph.tensors.items():
            if tensor.dtype in BYTES and tensor.shape:
                self._of[name] = self._numbered(_constant_keys(tensor) if tensor.is_constant else _own_keys(tensor))
        for operation in graph.operations:
            name = operation.outputs[0]
            if name in self._of:
                self._of[name] = self._settled(self._keys(graph, operation), graph.tensors[name], ranges[name])

    def of(self, name: str | None) -> Integers:
        """The numbers of a tensor's channels, none where it has no bytes."""
        return self._of.get(name or "", np.zeros(0, np.int64))

    def columns(self, operation: Operation, operands: Operands) -> Integers | None:
        """A number for every weight column of a convolution or dense layer; None where columns are not whole pixels."""
        numbers, count = self.of(operation.inputs[0]), operands.input(1).shape[-1]
        return None if not numbers.size or count % numbers.size else self._repeated(numbers, count)

    def _numbered(self, keys: Iterable[Hashable]) -> Integers:
        return np.array([self._numbers.setdefault(key, len(self._numbers)) for key in keys], np.int64)

    def _settled(self, keys: Sequence[Hashable], tensor: Tensor, values: Range) -> Integers:
        """Constants are equal where their values are, whichever way they came about."""
        constant = values.constant.tolist()
        return self._numbered(
            (tensor.name, "constant", low) if is_constant else (tensor.name, key)
            for key, is_constant, low in zip(keys, constant, values.low.tolist(), strict=True)
        )

    def _repeated(self, numbers: Integers, count: int) -> Integers:
        """Of a flattened image: the channels of one pixel after the other."""
        return self._numbered(("pixel", i // numbers.size, int(numbers[i % numbers.size])) for i in range(count))

    def _keys(self, graph: Graph, operation: Operation) -> Sequence[Hashable]:
        """What tells the channels of the output apart; nothing else about the operator differs between them."""
        op, operands = operation.op, graph.operands(operation)
        x, y = self.of(operation.inputs[0]), operands.output
        if isinstance(op, MIXING):
            columns = self.columns(operation, operands)
            return _own_keys(y) if columns is None else _sums(op, operands, _by_number(op, operands, columns))
        if isinstance(op, DepthwiseConv2D) and x.size:
            return _sums(op, operands, _by_channel(op, operands, x))
        if isinstance(op, Add | Sub | Mul):
            return self._pairs(operation, y)
        if isinstance(op, Concatenation) and op.axis == len(y.shape) - 1:
            keys = [key for name in operation.inputs for key in self.of(name).tolist()]
            return keys if len(keys) == y.shape[-1] else _own_keys(y)
        if isinstance(op, Reshape) and x.size:
            return self._reshaped(x, y)
        return list(x.tolist()) if x.size and _is_alike(op, operands) else _own_keys(y)

    def _pairs(self, operation: Operation, y: Tensor) -> Sequence[Hashable]:
        a, b = (self.of(name) for name in operation.inputs[:2])
        return list(zip(a.tolist(), b.tolist(), strict=True)) if a.size == b.size == y.shape[-1] else _own_keys(y)

    def _reshaped(self, x: Integers, y: Tensor) -> Sequence[Hashable]:
        count = y.shape[-1]
        if count % x.size == 0:
            return list(self._repeated(x, count).tolist())
        return [tuple(x[c::count].tolist()) for c in range(count)] if x.size % count == 0 else _own_keys(y)


def _own_keys(tensor: Tensor) -> Sequence[Hashable]:
    """Every channel is like no other."""
    return [(tensor.name, channel) for channel in range(tensor.shape[-1])]


def _constant_keys(tensor: Tensor) -> Sequence[Hashable]:
    pixels = tensor.values.reshape(-1, tensor.shape[-1])
    return [(tensor.shape, tensor.quantization, pixels[:, c].tobytes()) for c in range(tensor.shape[-1])]


def _is_alike(op: Op, operands: Operands) -> bool:
    """Every channel is made of the same channel of the input, all in the same way."""
    return is_channelwise(op, operands) and operands.output.shape[-1] == operands.input(0).shape[-1]


def _by_number(op: Conv2D | FullyConnected, operands: Operands, columns: Integers) -> list[Hashable]:
    """Per output channel the weights that meet each number, added: equal inputs need not have equal weights."""
    order = np.argsort(columns, kind="stable")
    _, starts = np.unique(columns[order], return_index=True)
    sums = np.add.reduceat(operands.input(1).values.astype(np.int64)[..., order], starts, axis=-1)
    return [filters.tobytes() for filters in sums]


def _by_channel(op: DepthwiseConv2D, operands: Operands, x: Integers) -> list[Hashable]:
    weights = operands.input(1).values.astype(np.int64)
    numbers = np.repeat(x, op.multiplier).tolist()
    return [(number, weights[..., channel].tobytes()) for channel, number in enumerate(numbers)]


def _sums(op: Linear, operands: Operands, products: Sequence[Hashable]) -> Sequence[Hashable]:
    biases = bias_values(operands).tolist()
    return list(zip(products, biases, multipliers(op, operands), strict=True))
