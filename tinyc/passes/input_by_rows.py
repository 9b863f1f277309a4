"""Let the caller push the input row by row, so that it need never exist whole.

y = conv2d x   ->   r = input_rows x; y = conv2d r
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Graph, Operation
from tinyc.ops import InputRows, Reshape
from tinyc.passes.edit import Names, names_of_operations, rename_inputs, with_operations


def input_by_rows(graph: Graph) -> Graph:
    """ValueError where the graph does not have exactly one input, or that one has a single row."""
    if len(graph.inputs) != 1:
        raise ValueError(f"it has {len(graph.inputs)} inputs, input by rows is for models with one")
    (name,) = graph.inputs
    source = graph.tensors[name]
    readers = graph.consumers()[name]
    if name in graph.outputs or not readers:
        raise ValueError(f"nothing reads its input {name}")
    operations = list(graph.operations)
    if len(readers) == 1 and isinstance(readers[0].op, Reshape) and readers[0].outputs[0] not in graph.outputs:
        rows = graph.tensors[readers[0].outputs[0]]
        operations.remove(readers[0])
    else:
        rows = replace(source, name=Names(graph.tensors).fresh(f"{name}:rows"))
    if rows.hwc[0] == 1:
        raise ValueError(f"its input {name} is a single row")
    own = names_of_operations(graph).fresh("input_rows")
    push = Operation(name=own, op=InputRows(shape=rows.shape), inputs=(name,), outputs=(rows.name,))
    return with_operations(graph, [push, *(rename_inputs(o, {name: rows.name}) for o in operations)], tensors=[rows])
