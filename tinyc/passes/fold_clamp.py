"""A relu that does not requantize belongs to the operator that feeds it.

t = conv2d x; y = relu t   ->   y = conv2d x {activation=relu}
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation
from tinyc.ops import Activation, Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mul, Relu, Sub
from tinyc.passes.edit import sole_consumer, with_operations

CLAMPING = (Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mul, Sub)


def fold_clamp(graph: Graph) -> Graph:
    """Only where relu's input and output have the same quantization and nobody else reads its input."""
    consumers = graph.consumers()
    folded: dict[str, Operation] = {}
    for operation in graph.operations:
        relu = sole_consumer(graph, operation.outputs[0], consumers)
        if relu is None or not isinstance(relu.op, Relu) or not isinstance(operation.op, CLAMPING):
            continue
        operands = graph.operands(relu)
        if operation.op.activation is not Activation.NONE:
            continue
        if operands.input(0).quantization == operands.output.quantization:
            merged = replace(operation.op, activation=relu.op.activation)
            folded[operation.name] = replace(operation, op=merged, outputs=relu.outputs)
            folded[relu.name] = operation
    gone = {name for name, operation in folded.items() if operation.name != name}
    return with_operations(graph, [folded.get(o.name, o) for o in graph.operations if o.name not in gone])
