"""Operations whose outputs nobody reads vanish.

t = add x, x; y = relu x   (t is no output)   ->   y = relu x
"""

from __future__ import annotations

from tinyc.ir import Graph, Operation
from tinyc.passes.edit import with_operations


def drop_dead(graph: Graph) -> Graph:
    """Walks backwards, so chains of dead operations go at once."""
    read = set(graph.outputs)
    kept: list[Operation] = []
    for operation in reversed(graph.operations):
        if read.isdisjoint(operation.outputs):
            continue
        kept.append(operation)
        read.update(name for name in operation.inputs if name is not None)
    return with_operations(graph, reversed(kept))
