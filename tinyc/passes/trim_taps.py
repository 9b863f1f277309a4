"""Outer rows and columns of a convolution's window that are all zero, or never over the image, vanish.

y = conv2d x, w:8x3x3x4 {padding=1} (only the middle tap is not zero)   ->   y = conv2d x, w:8x1x1x4
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ops import Conv2D, DepthwiseConv2D, Padding
from tinyc.ops.window import output_size
from tinyc.passes.edit import Names, with_operations
from tinyc.passes.ranges import Mask

Span = tuple[int, int, int, int]
"""First and last window index that stay, then the padding before and after."""


def trim_taps(graph: Graph) -> Graph:
    """A window row goes together with its padding row: what is cut before must be padding, after it the output must keep its size."""
    names = Names(graph.tensors)
    trimmed = [_trimmed(graph, operation, names) for operation in graph.operations]
    return with_operations(graph, [o for o, _ in trimmed], tensors=[t for _, new in trimmed for t in new])


def _trimmed(graph: Graph, operation: Operation, names: Names) -> tuple[Operation, tuple[Tensor, ...]]:
    op, operands = operation.op, graph.operands(operation)
    if not isinstance(op, Conv2D | DepthwiseConv2D):
        return operation, ()
    weights, p = operands.input(1), op.padding
    used = weights.values != 0
    top, bottom, *vertical = _span(graph, operation, op, 0, used.any(axis=(0, 2, 3)), (p.top, p.bottom))
    left, right, *horizontal = _span(graph, operation, op, 1, used.any(axis=(0, 1, 3)), (p.left, p.right))
    data = np.ascontiguousarray(weights.values[:, top : bottom + 1, left : right + 1, :])
    if data.shape == weights.shape:
        return operation, ()
    new = replace(weights, name=names.fresh(f"{weights.name}:trimmed"), shape=data.shape, data=data)
    inputs = (operation.inputs[0], new.name, *operation.inputs[2:])
    return replace(operation, op=replace(op, padding=Padding(*vertical, *horizontal)), inputs=inputs), (new,)


def _span(
    graph: Graph, operation: Operation, op: Conv2D | DepthwiseConv2D, axis: int, used: Mask, padding: tuple[int, int]
) -> Span:
    """What stays of the window on one axis, one tap at least."""
    operands = graph.operands(operation)
    extent, outputs = operands.input(0).shape[1 + axis], operands.output.shape[1 + axis]
    stride, dilation = op.stride[axis], op.dilation[axis]
    (before, after), first, last = padding, 0, used.size - 1
    starts = np.arange(outputs) * stride - before
    seen = [((starts + tap * dilation >= 0) & (starts + tap * dilation < extent)).any() for tap in range(used.size)]
    needed = used & np.array(seen)
    while first < last and not needed[first] and before >= dilation:
        first, before = first + 1, before - dilation
    while first < last and not needed[last]:
        less = max(after - dilation, 0)
        size = last - first
        if output_size(extent, size, stride=stride, dilation=dilation, before=before, after=less) != outputs:
            break
        last, after = last - 1, less
    return first, last, before, after
