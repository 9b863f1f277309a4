"""A transpose that only moves axes of size 1 moves no data.

y = transpose(x:1x4x1x8) permutation=(0, 2, 1, 3)   ->   y = reshape x
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation
from tinyc.ops import Reshape, Transpose
from tinyc.passes.edit import with_operations


def transpose_to_reshape(graph: Graph) -> Graph:
    """The axes longer than 1 must keep their order."""
    return with_operations(graph, [_rewritten(graph, operation) for operation in graph.operations])


def _rewritten(graph: Graph, operation: Operation) -> Operation:
    if not isinstance(operation.op, Transpose):
        return operation
    operands = graph.operands(operation)
    moved = [axis for axis in operation.op.permutation if operands.input(0).shape[axis] > 1]
    if moved != sorted(moved):
        return operation
    return replace(operation, op=Reshape(shape=operands.output.shape), inputs=operation.inputs[:1])
