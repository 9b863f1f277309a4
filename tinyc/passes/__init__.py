"""Rewrites of the graph, one a file, each `Graph -> Graph` with its before and after at the top.

Decision: a pass keeps the name of every tensor whose values it does not change.  Because: validation can compare any surviving tensor
with the unrewritten model.  Rejected: a side table from new to old tensors.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyc.ir import Graph
from tinyc.passes.depthwise_to_conv2d import depthwise_to_conv2d
from tinyc.passes.drop_channels import removed_channels
from tinyc.passes.drop_dead import drop_dead
from tinyc.passes.drop_identity import drop_identity
from tinyc.passes.expand_pack import expand_pack
from tinyc.passes.fold_clamp import fold_clamp
from tinyc.passes.fold_constants import fold_constants
from tinyc.passes.fold_pad import fold_pad
from tinyc.passes.input_by_rows import input_by_rows
from tinyc.passes.quantized_boundary import quantized_boundary
from tinyc.passes.ranges import overflowing
from tinyc.passes.reduce import reduce
from tinyc.passes.sum_by_rows import sum_by_rows
from tinyc.passes.tabulate import tabulate
from tinyc.passes.transpose_to_reshape import transpose_to_reshape

__all__ = ["ALL", "input_by_rows", "overflowing", "quantized_boundary", "removed_channels", "rewrite"]

Pass = Callable[[Graph], Graph]

ALL: tuple[Pass, ...] = (
    fold_constants,
    expand_pack,
    transpose_to_reshape,
    fold_pad,
    fold_clamp,
    tabulate,
    depthwise_to_conv2d,
    reduce,
    sum_by_rows,
    drop_identity,
    drop_dead,
)


def rewrite(graph: Graph) -> Graph:
    """Every pass in order, verified between one another."""
    for step in ALL:
        graph = step(graph).verify()
    return graph
