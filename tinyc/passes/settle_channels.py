"""A channel that always has one value needs no inputs: its weights become zero and its bias says it all.

y = conv2d x, w, b {activation=relu} (channel 3: -900 + at most 400)   ->   the same, w[3] = 0, b[3] = -1300
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ops import DepthwiseConv2D
from tinyc.ops.arithmetic import Integers
from tinyc.passes.edit import Names, bias_tensor, with_operations
from tinyc.passes.ranges import LINEAR, Range, accumulators, bias_values, value_ranges


def settle_channels(graph: Graph) -> Graph:
    """The bias becomes the least sum that could have been; it fits 32 bits, else the channel is not known to be constant."""
    ranges, names = value_ranges(graph), Names(graph.tensors)
    settled = [_settled(graph, operation, ranges, names) for operation in graph.operations]
    return with_operations(graph, [o for o, _ in settled], tensors=[t for _, new in settled for t in new])


def _settled(
    graph: Graph, operation: Operation, ranges: Mapping[str, Range], names: Names
) -> tuple[Operation, tuple[Tensor, ...]]:
    op, operands = operation.op, graph.operands(operation)
    if not isinstance(op, LINEAR):
        return operation, ()
    weights = operands.input(1)
    axis = 3 if isinstance(op, DepthwiseConv2D) else 0
    others = tuple(i for i in range(len(weights.shape)) if i != axis)
    constant = ranges[operation.outputs[0]].constant & (weights.values != 0).any(axis=others)
    if not constant.any():
        return operation, ()
    sums: Integers = accumulators(op, operands, ranges[str(operation.inputs[0])]).low
    data = np.where(np.expand_dims(constant, others), 0, weights.values).astype(weights.dtype.numpy)
    new_weights = replace(weights, name=names.fresh(f"{weights.name}:settled"), data=data)
    biases = np.where(constant, sums, bias_values(operands))
    new_bias = bias_tensor(operands, names.fresh(f"{operation.outputs[0]}:bias"), biases)
    inputs = (operation.inputs[0], new_weights.name, new_bias.name)
    return replace(operation, inputs=inputs), (new_weights, new_bias)
