"""What a graph can compute: the least and the greatest stored value of every channel, whatever the inputs are.

No rewrite but what several rest on: a channel whose least and greatest value are one is constant.  Every rule is the operator's own
meaning at the ends of its inputs' ranges, so it is exact where the operator is monotone and never too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinyc.ir import DType, Graph, Op, Operands, Operation, Tensor
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
    Pack,
    Pad,
    Reshape,
    ResizeNearestNeighbor,
    StridedSlice,
    Sub,
    Transpose,
    activation_range,
)
from tinyc.ops.arithmetic import INT32_MAX, INT32_MIN, Integers
from tinyc.ops.scaling import (
    Multiplier,
    convolution_multipliers,
    dense_multipliers,
    product_multiplier,
    requantize,
)

BYTES = (DType.INT8, DType.UINT8)
MOVING = (Concatenation, Mean, Pack, Pad, Reshape, ResizeNearestNeighbor, StridedSlice, Transpose)
LINEAR = (Conv2D, DepthwiseConv2D, FullyConnected)
Linear = Conv2D | DepthwiseConv2D | FullyConnected
Mask = npt.NDArray[np.bool_]


class Range(NamedTuple):
    """Per channel (index of the last axis): the least and the greatest value."""

    low: Integers
    high: Integers

    @property
    def constant(self) -> Mask:
        """Which channels can have one value only."""
        return np.asarray(self.low == self.high)


def value_ranges(graph: Graph) -> dict[str, Range]:
    """Of every tensor of bytes; graph inputs may hold anything."""
    ranges: dict[str, Range] = {}
    for name, tensor in graph.tensors.items():
        if tensor.dtype in BYTES:
            ranges[name] = _of_constant(tensor) if tensor.is_constant else _unknown(tensor)
    for operation in graph.operations:
        name = operation.outputs[0]
        inputs = [ranges.get(source) for source in operation.inputs if source is not None]
        if name in ranges and inputs and inputs[0] is not None:
            ranges[name] = _rule(operation.op, graph.operands(operation), [r for r in inputs if r is not None])
    return ranges


def accumulators(op: Linear, operands: Operands, x: Range) -> Range:
    """Bias plus products of a convolution or dense layer, per output channel; a window may or may not reach the padding."""
    reached = isinstance(op, FullyConnected) or not any(op.padding)
    return _sums(op, operands, _centered(operands, x, through_zero=not reached))


def overflowing(graph: Graph) -> tuple[str, ...]:
    """The operations whose 32-bit accumulator may overflow on some input, if bias and products are added in any order."""
    ranges = value_ranges(graph)
    return tuple(o.name for o in graph.operations if isinstance(o.op, LINEAR) and _may_overflow(graph, o, ranges))


def _may_overflow(graph: Graph, operation: Operation, ranges: Mapping[str, Range]) -> bool:
    op, operands = operation.op, graph.operands(operation)
    assert isinstance(op, LINEAR)
    partial = _sums(op, operands, _centered(operands, ranges[operation.inputs[0] or ""], through_zero=True))
    bias = bias_values(operands)
    low, high = np.minimum(partial.low, partial.low - bias), np.maximum(partial.high, partial.high - bias)
    return bool((low < INT32_MIN).any() or (high > INT32_MAX).any())


def _unknown(tensor: Tensor) -> Range:
    low, high = tensor.dtype.limits
    channels = tensor.shape[-1] if tensor.shape else 1
    return Range(np.full(channels, low, np.int64), np.full(channels, high, np.int64))


def _of_constant(tensor: Tensor) -> Range:
    channels = tensor.shape[-1] if tensor.shape else 1
    pixels = tensor.values.astype(np.int64).reshape(-1, channels)
    return Range(pixels.min(axis=0), pixels.max(axis=0)) if pixels.size else _unknown(tensor)


def _rule(op: Op, operands: Operands, inputs: Sequence[Range]) -> Range:
    output = operands.output
    if isinstance(op, LINEAR):
        return _linear(op, operands, inputs[0])
    if isinstance(op, AveragePool2D | MaxPool2D):
        least, most = activation_range(op.activation, output)
        return Range(inputs[0].low.clip(least, most), inputs[0].high.clip(least, most))
    if isinstance(op, Lut):
        return _table(op, operands, inputs[0])
    if isinstance(op, Add | Sub | Mul):
        return _binary(op, operands, inputs)
    if isinstance(op, MOVING) and all(t is not None and t.dtype in BYTES for t in operands.inputs):
        return _moved(op, operands, inputs)
    return _unknown(output)


def _linear(op: Linear, operands: Operands, x: Range) -> Range:
    """Requantizing is monotone as long as no 32-bit register wraps."""
    output, sums = operands.output, accumulators(op, operands, x)
    factors = multipliers(op, operands)
    shift = np.maximum(np.array([f.shift for f in factors], np.int64), 0)
    safe = (sums.low << shift >= INT32_MIN) & (sums.high << shift <= INT32_MAX)
    limits = activation_range(op.activation, output)
    ends = [requantize(end, factors, output, limits).astype(np.int64) for end in sums]
    return Range(
        np.where(safe, np.minimum(*ends), output.dtype.limits[0]),
        np.where(safe, np.maximum(*ends), output.dtype.limits[1]),
    )


def multipliers(op: Linear, operands: Operands) -> tuple[Multiplier, ...]:
    """The factor from accumulator to output, one an output channel."""
    return dense_multipliers(operands) if isinstance(op, FullyConnected) else convolution_multipliers(operands)


def _centered(operands: Operands, x: Range, *, through_zero: bool) -> Range:
    zero = operands.input(0).zero_point
    low, high = x.low - zero, x.high - zero
    return Range(np.minimum(low, 0), np.maximum(high, 0)) if through_zero else Range(low, high)


def _sums(op: Linear, operands: Operands, x: Range) -> Range:
    """Positive weights take the upper end to the upper end, negative ones to the lower."""
    weights = operands.input(1).values.astype(np.int64)
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    bias = bias_values(operands)
    if isinstance(op, DepthwiseConv2D):
        rising, falling = (part.sum(axis=(0, 1, 2)) for part in (positive, negative))
        low, high = (np.repeat(end, op.multiplier) for end in x)
        return Range(rising * low + falling * high + bias, rising * high + falling * low + bias)
    outputs, depth = weights.shape[0], weights.shape[-1]
    rising, falling = (part.reshape(outputs, -1, depth).sum(axis=1) for part in (positive, negative))
    low, high = _features(x, depth)
    return Range(rising @ low + falling @ high + bias, rising @ high + falling @ low + bias)


def _features(x: Range, depth: int) -> Range:
    """The range of every weight column: a flattened image repeats its channels."""
    channels = x.low.size
    if depth % channels == 0:
        return Range(np.tile(x.low, depth // channels), np.tile(x.high, depth // channels))
    return Range(np.full(depth, x.low.min()), np.full(depth, x.high.max()))


def bias_values(operands: Operands) -> Integers:
    """The bias of a convolution or dense layer, or zeros."""
    bias = operands.optional(2)
    if bias is None:
        return np.zeros(operands.output.shape[-1], np.int64)
    return bias.values.astype(np.int64).reshape(-1)


def _table(op: Lut, operands: Operands, x: Range) -> Range:
    least, most = operands.input(0).dtype.limits
    (table,) = op.evaluate(operands, (np.arange(least, most + 1),))
    spans = [table[low - least : high - least + 1] for low, high in zip(*x, strict=True)]
    return Range(np.array([span.min() for span in spans], np.int64), np.array([span.max() for span in spans], np.int64))


def _binary(op: Add | Sub | Mul, operands: Operands, inputs: Sequence[Range]) -> Range:
    """A sum is monotone in both inputs and a product's extremes are at the corners: all four corners are tried."""
    if isinstance(op, Mul) and product_multiplier(operands).shift > 14:
        return _unknown(operands.output)
    corners = [op.evaluate(operands, (a, b))[0].astype(np.int64) for a in inputs[0] for b in inputs[1]]
    return Range(np.min(corners, axis=0), np.max(corners, axis=0))


def _moved(op: Op, operands: Operands, inputs: Sequence[Range]) -> Range:
    """The operator itself on whole tensors that hold the ends."""
    tensors = [operands.input(index) for index in range(len(operands.inputs))]
    least, greatest = (
        op.evaluate(
            operands,
            tuple(np.broadcast_to(r[end].astype(t.dtype.numpy), t.shape) for t, r in zip(tensors, inputs, strict=True)),
        )[0]
        for end in (0, 1)
    )
    channels = operands.output.shape[-1] if operands.output.shape else 1
    return Range(
        least.astype(np.int64).reshape(-1, channels).min(axis=0),
        greatest.astype(np.int64).reshape(-1, channels).max(axis=0),
    )
