"""Operations that change nothing vanish.

y = lut x (identity table); z = pad y (0,0)   ->   z is x
"""

from __future__ import annotations

from tinyc.ir import Graph, Operation
from tinyc.ops import Concatenation, Lut, Pad, Reshape, StridedSlice, Transpose
from tinyc.passes.edit import rename_inputs, with_operations

MOVERS = (Concatenation, Pad, Reshape, StridedSlice, Transpose)
IDENTITY = tuple(range(128)) + tuple(range(-128, 0))


def drop_identity(graph: Graph) -> Graph:
    """Operations that write an output of the graph stay, so that outputs keep their names."""
    names: dict[str, str] = {}
    kept: list[Operation] = []
    for original in graph.operations:
        operation = rename_inputs(original, names)
        if _is_identity(graph, operation) and operation.outputs[0] not in graph.outputs:
            assert operation.inputs[0] is not None
            names[operation.outputs[0]] = operation.inputs[0]
        else:
            kept.append(operation)
    return with_operations(graph, kept)


def _is_identity(graph: Graph, operation: Operation) -> bool:
    operands = graph.operands(operation)
    source, target = operands.input(0), operands.output
    if (source.shape, source.dtype) != (target.shape, target.dtype):
        return False
    if isinstance(operation.op, Lut):
        return operation.op.table == IDENTITY
    if isinstance(operation.op, Transpose):
        return list(operation.op.permutation) == sorted(operation.op.permutation)
    if isinstance(operation.op, StridedSlice) and min(operation.op.strides) < 0:
        return False
    return isinstance(operation.op, MOVERS) and source.quantization == target.quantization
