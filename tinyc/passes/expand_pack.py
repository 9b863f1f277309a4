"""A pack is a concatenation of reshaped inputs.

y = pack(a, b) axis=1   ->   a1 = reshape a; b1 = reshape b; y = concatenation(a1, b1) axis=1
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ops import Concatenation, Pack, Reshape
from tinyc.passes.edit import Names, names_of_operations, with_operations


def expand_pack(graph: Graph) -> Graph:
    """Both forms are then placed without a copy."""
    operations: list[Operation] = []
    tensors: list[Tensor] = []
    names, own = Names(graph.tensors), names_of_operations(graph)
    for operation in graph.operations:
        if not isinstance(operation.op, Pack):
            operations.append(operation)
            continue
        pieces = _pieces(graph, operation, operation.op, names)
        tensors += pieces
        for index, (name, piece) in enumerate(zip(operation.inputs, pieces, strict=True)):
            reshape, named = Reshape(shape=piece.shape), own.fresh(f"{operation.name}_{index}")
            operations.append(replace(operation, name=named, op=reshape, inputs=(name,), outputs=(piece.name,)))
        joined = Concatenation(axis=operation.op.axis)
        operations.append(replace(operation, op=joined, inputs=tuple(piece.name for piece in pieces)))
    return with_operations(graph, operations, tensors=tensors)


def _pieces(graph: Graph, operation: Operation, pack: Pack, names: Names) -> list[Tensor]:
    """The inputs of a pack with the axis along which they are joined."""
    axis = pack.axis % len(graph.tensors[operation.outputs[0]].shape)
    sources = graph.operands(operation).inputs
    return [
        replace(
            source,
            name=names.fresh(f"{source.name}_row"),
            shape=(*source.shape[:axis], 1, *source.shape[axis:]),
            data=None,
        )
        for source in sources
        if source is not None
    ]
