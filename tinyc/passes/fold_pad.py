"""Zero-point padding of rows and columns belongs to the convolution that follows.

p = pad x (1,1)(1,1); y = conv2d p   ->   y = conv2d x, padding +1
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation
from tinyc.ops import Conv2D, DepthwiseConv2D, Pad, Padding
from tinyc.passes.edit import with_operations


def fold_pad(graph: Graph) -> Graph:
    """Exact because a convolution's padding has the value of its input's zero point, as the pad's has here."""
    producers = graph.producers()
    return with_operations(
        graph, _live(graph, [_folded(graph, producers, operation) for operation in graph.operations])
    )


def _folded(graph: Graph, producers: dict[str, Operation], operation: Operation) -> Operation:
    op = operation.op
    if not isinstance(op, Conv2D | DepthwiseConv2D):
        return operation
    source = producers.get(operation.inputs[0] or "")
    if source is None or not isinstance(source.op, Pad) or not _is_spatial(graph, source):
        return operation
    (_, _), (top, bottom), (left, right), (_, _) = source.op.paddings
    padding = Padding(
        top=op.padding.top + top,
        bottom=op.padding.bottom + bottom,
        left=op.padding.left + left,
        right=op.padding.right + right,
    )
    return replace(operation, op=replace(op, padding=padding), inputs=(source.inputs[0], *operation.inputs[1:]))


def _is_spatial(graph: Graph, operation: Operation) -> bool:
    pad, operands = operation.op, graph.operands(operation)
    assert isinstance(pad, Pad)
    if len(pad.paddings) != 4 or operands.input(0).quantization != operands.output.quantization:
        return False
    neutral = pad.value is None or pad.value == operands.input(0).zero_point
    return neutral and pad.paddings[0] == (0, 0) and pad.paddings[3] == (0, 0)


def _live(graph: Graph, operations: list[Operation]) -> list[Operation]:
    read = {name for operation in operations for name in operation.inputs} | set(graph.outputs)
    return [o for o in operations if not isinstance(o.op, Pad) or o.outputs[0] in read]
