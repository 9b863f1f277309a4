"""A pack is a concatenation of reshaped inputs.

y = pack(a, b) axis=1   ->   a1 = reshape a; b1 = reshape b; y = concatenation(a1, b1) axis=1
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation
from tinyc.ops import Concatenation, Pack, Reshape
from tinyc.passes.edit import fresh_name, with_operations


def expand_pack(graph: Graph) -> Graph:
    """Both forms are then placed without a copy."""
    operations: list[Operation] = []
    for operation in graph.operations:
        if not isinstance(operation.op, Pack):
            operations.append(operation)
            continue
        graph, expanded = _expand(graph, operation, operation.op)
        operations += expanded
    return with_operations(graph, operations)


def _expand(graph: Graph, operation: Operation, pack: Pack) -> tuple[Graph, list[Operation]]:
    output = graph.tensors[operation.outputs[0]]
    axis = pack.axis % len(output.shape)
    expanded: list[Operation] = []
    pieces: list[str] = []
    for index, name in enumerate(operation.inputs):
        assert name is not None
        source = graph.tensors[name]
        shape = (*source.shape[:axis], 1, *source.shape[axis:])
        piece = replace(source, name=fresh_name(graph, f"{name}_row"), shape=shape, data=None)
        graph = replace(graph, tensors={**graph.tensors, piece.name: piece})
        reshape = Reshape(shape=shape)
        expanded.append(
            replace(operation, name=f"{operation.name}_{index}", op=reshape, inputs=(name,), outputs=(piece.name,))
        )
        pieces.append(piece.name)
    return graph, [*expanded, replace(operation, op=Concatenation(axis=axis), inputs=tuple(pieces))]
