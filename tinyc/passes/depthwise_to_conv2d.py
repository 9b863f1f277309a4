"""A depthwise convolution of one channel is a convolution.

y = depthwise_conv2d x:..x1, w:1x3x3x8 {multiplier=8}   ->   y = conv2d x, w:8x3x3x1
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ops import Conv2D, DepthwiseConv2D
from tinyc.passes.edit import Names, with_operations


def depthwise_to_conv2d(graph: Graph) -> Graph:
    """The same sums, and from there on the same arithmetic; convolutions may lose output channels one by one."""
    names = Names(graph.tensors)
    rewritten = [_rewritten(graph, operation, names) for operation in graph.operations]
    return with_operations(graph, [o for o, _ in rewritten], tensors=[t for _, new in rewritten for t in new])


def _rewritten(graph: Graph, operation: Operation, names: Names) -> tuple[Operation, tuple[Tensor, ...]]:
    op, operands = operation.op, graph.operands(operation)
    if not isinstance(op, DepthwiseConv2D) or operands.input(0).shape[-1] != 1:
        return operation, ()
    weights = operands.input(1)
    data = np.ascontiguousarray(weights.values.transpose(3, 1, 2, 0))
    quantization = weights.quantization
    if quantization is not None and quantization.axis is not None:
        quantization = replace(quantization, axis=0)
    new = replace(
        weights,
        name=names.fresh(f"{weights.name}:conv2d"),
        shape=data.shape,
        data=data,
        quantization=quantization,
    )
    conv2d = Conv2D(stride=op.stride, dilation=op.dilation, padding=op.padding, activation=op.activation)
    inputs = (operation.inputs[0], new.name, *operation.inputs[2:])
    return replace(operation, op=conv2d, inputs=inputs), (new,)
