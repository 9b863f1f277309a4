"""Inverted bottlenecks as one operation each, for plans that have no room for the expanded image's rows.

e = conv2d 1x1 x; d = depthwise_conv2d e; y = conv2d 1x1 d   ->   y = inverted_bottleneck x
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyc.ir import Graph, Operation
from tinyc.ops import Conv2D, DepthwiseConv2D, InvertedBottleneck
from tinyc.passes.edit import sole_consumer, with_operations

BLOCK = 8
"""Expanded channels made at a time: fewer save little beside the sums of the projection, which they make dearer."""

Bottleneck = tuple[Operation, Operation, Operation]


def bottlenecks(graph: Graph) -> dict[str, Bottleneck]:
    """Expansion, depthwise convolution and projection, by the projection's name; nobody else reads what is between them."""
    producers, consumers = graph.producers(), graph.consumers()
    found: dict[str, Bottleneck] = {}
    for depthwise in graph.operations:
        expand = producers.get(depthwise.inputs[0] or "")
        project = sole_consumer(graph, depthwise.outputs[0], consumers)
        if not isinstance(depthwise.op, DepthwiseConv2D) or expand is None or project is None:
            continue
        alone = sole_consumer(graph, expand.outputs[0], consumers) is not None
        if alone and depthwise.op.multiplier == 1 and _is_pointwise(graph, expand) and _is_pointwise(graph, project):
            depth, channels = (graph.operands(expand).input(0).shape[3], graph.operands(expand).output.shape[3])
            if channels > depth and channels > BLOCK:
                found[project.name] = expand, depthwise, project
    return found


def fuse_bottlenecks(graph: Graph, chosen: Mapping[str, Bottleneck]) -> Graph:
    """Each of `chosen` as one operation: exact, because it adds the same products in 32 bits, in another order."""
    gone = {operation.name for expand, depthwise, _ in chosen.values() for operation in (expand, depthwise)}
    operations = [
        _fused(graph, *chosen[operation.name]) if operation.name in chosen else operation
        for operation in graph.operations
        if operation.name not in gone
    ]
    return with_operations(graph, operations).verify()


def _fused(graph: Graph, expand: Operation, depthwise: Operation, project: Operation) -> Operation:
    assert isinstance(expand.op, Conv2D) and isinstance(depthwise.op, DepthwiseConv2D)
    assert isinstance(project.op, Conv2D)
    op = InvertedBottleneck(
        expand=expand.op,
        depthwise=depthwise.op,
        project=project.op,
        expanded=graph.tensors[expand.outputs[0]],
        filtered=graph.tensors[depthwise.outputs[0]],
        block=BLOCK,
    )
    constants = (_constants(stage) for stage in (expand, depthwise, project))
    return Operation(
        name=project.name,
        op=op,
        inputs=(expand.inputs[0], *(name for pair in constants for name in pair)),
        outputs=project.outputs,
        source_index=project.source_index,
    )


def _constants(operation: Operation) -> tuple[str | None, str | None]:
    """The weights and the bias of a convolution."""
    weights, bias = (*operation.inputs[1:], None)[:2]
    return weights, bias


def _is_pointwise(graph: Graph, operation: Operation) -> bool:
    op = operation.op
    if not isinstance(op, Conv2D) or op.stride != (1, 1) or any(op.padding):
        return False
    weights = graph.operands(operation).input(1)
    return weights.is_constant and weights.shape[1:3] == (1, 1)
