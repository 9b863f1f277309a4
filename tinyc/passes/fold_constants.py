"""Evaluate what depends on constants only, and the shapes of tensors.

s = shape x; d = strided_slice s; p = pack(d, -1); y = reshape x, p   ->   y = reshape x
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ops import ShapeOf
from tinyc.passes.edit import with_operations


def fold_constants(graph: Graph) -> Graph:
    """Source: the shapes of a graph are static here, so a SHAPE chain always ends in constants."""
    tensors = dict(graph.tensors)
    kept: list[Operation] = []
    for operation in graph.operations:
        inputs = tuple(None if name is None else tensors[name] for name in operation.inputs)
        foldable = isinstance(operation.op, ShapeOf) or all(t is None or t.is_constant for t in inputs)
        if not foldable or set(operation.outputs) & set(graph.outputs):
            kept.append(operation)
            continue
        tensors.update({t.name: t for t in _evaluate(operation, inputs, graph)})
    return with_operations(graph, kept, tensors=tensors.values())


def _evaluate(operation: Operation, inputs: tuple[Tensor | None, ...], graph: Graph) -> list[Tensor]:
    operands = replace(graph.operands(operation), inputs=inputs)
    results = operation.op.evaluate(operands, tuple(None if t is None else t.data for t in inputs))
    return [replace(tensor, data=data) for tensor, data in zip(operands.outputs, results, strict=True)]
