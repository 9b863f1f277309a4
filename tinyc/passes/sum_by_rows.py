"""A mean or a pool over a whole image takes its rows as they come.

y = mean x axes=(1, 2)   ->   s = running_sum x; y = mean_of_sum s
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import DType, Graph, Op, Operands, Operation, Tensor
from tinyc.ops import AverageOfSum, AveragePool2D, Mean, MeanOfSum, RunningSum
from tinyc.passes.edit import Names, names_of_operations, with_operations


def sum_by_rows(graph: Graph) -> Graph:
    """So that a region may end in one, and its input never exists whole."""
    operations: list[Operation] = []
    tensors: list[Tensor] = []
    names, own = Names(graph.tensors), names_of_operations(graph)
    for operation in graph.operations:
        operands = graph.operands(operation)
        finish = _finish(operation.op, operands)
        if finish is None:
            operations.append(operation)
            continue
        rows, _, channels = operands.input(0).hwc
        total = replace(
            operands.input(0),
            name=names.fresh(f"{operation.outputs[0]}:sum"),
            shape=(1, rows, 1, channels),
            dtype=DType.INT32,
        )
        tensors.append(total)
        operations.append(
            replace(
                operation,
                name=own.fresh(f"{operation.name}:sum"),
                op=RunningSum(),
                inputs=operation.inputs[:1],
                outputs=(total.name,),
            )
        )
        operations.append(replace(operation, op=finish, inputs=(total.name,)))
    return with_operations(graph, operations, tensors=tensors)


def _finish(op: Op, operands: Operands) -> Op | None:
    source, output = operands.inputs[0], operands.output
    if source is None or source.is_constant or source.dtype is not DType.INT8 or output.dtype is not DType.INT8:
        return None
    rows, columns, channels = source.hwc
    if rows == 1 or output.hwc != (1, 1, channels):
        return None
    if isinstance(op, Mean) and _sums_all_but_channels(op, source):
        return MeanOfSum(count=rows * columns, shape=output.shape)
    if isinstance(op, AveragePool2D) and op.size == (rows, columns) and not any(op.padding) and source.shape[0] == 1:
        return AverageOfSum(count=rows * columns, shape=output.shape, activation=op.activation)
    return None


def _sums_all_but_channels(op: Mean, source: Tensor) -> bool:
    rank = len(source.shape)
    return rank - 1 not in op.axes and all(axis in op.axes or source.shape[axis] == 1 for axis in range(rank - 1))
