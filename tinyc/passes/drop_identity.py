"""Operations that change nothing vanish.

y = lut x (its table changes no value that x can have); z = pad y (0,0)   ->   z is x
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyc.ir import Graph, Operands, Operation
from tinyc.ops import Concatenation, Lut, Pad, Reshape, StridedSlice, Transpose
from tinyc.passes.edit import rename_inputs, with_operations
from tinyc.passes.ranges import Range, value_ranges

MOVERS = (Concatenation, Pad, Reshape, StridedSlice, Transpose)


def drop_identity(graph: Graph) -> Graph:
    """Operations that write an output of the graph stay, so that outputs keep their names."""
    names: dict[str, str] = {}
    kept: list[Operation] = []
    ranges = value_ranges(graph)
    for original in graph.operations:
        operation = rename_inputs(original, names)
        if _is_identity(graph, operation, ranges) and operation.outputs[0] not in graph.outputs:
            assert operation.inputs[0] is not None
            names[operation.outputs[0]] = operation.inputs[0]
        else:
            kept.append(operation)
    return with_operations(graph, kept)


def _is_identity(graph: Graph, operation: Operation, ranges: Mapping[str, Range]) -> bool:
    operands = graph.operands(operation)
    source, target = operands.input(0), operands.output
    if (source.shape, source.dtype) != (target.shape, target.dtype):
        return False
    if isinstance(operation.op, Lut):
        same = source.quantization == target.quantization
        return same and _changes_nothing(operation.op, operands, ranges[source.name])
    if isinstance(operation.op, Transpose):
        return list(operation.op.permutation) == sorted(operation.op.permutation)
    if isinstance(operation.op, StridedSlice) and min(operation.op.strides) < 0:
        return False
    return isinstance(operation.op, MOVERS) and source.quantization == target.quantization


def _changes_nothing(op: Lut, operands: Operands, x: Range) -> bool:
    """On the values that x can have."""
    values = np.arange(x.low.min(), x.high.max() + 1)
    return np.array_equal(op.evaluate(operands, (values,))[0], values)
