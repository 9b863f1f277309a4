"""Everything that goes exactly, until nothing more goes: taps trimmed free a padding, that frees constants, they free channels.

y = conv2d x, w {padding=1} (outer taps zero, x[2] always 7)   ->   y = conv2d x:live, w:live (1x1, x[2] in the bias)
"""

from __future__ import annotations

from tinyc.ir import Graph
from tinyc.passes.drop_channels import drop_channels
from tinyc.passes.merge_channels import merge_channels
from tinyc.passes.settle_channels import settle_channels
from tinyc.passes.trim_taps import trim_taps

STEPS = (trim_taps, settle_channels, drop_channels, merge_channels)


def reduce(graph: Graph) -> Graph:
    """Ends because every step that changes anything leaves fewer weights that are not zero, taps or channels, or lets channels go."""
    while True:
        before = graph
        for step in STEPS:
            graph = step(graph).verify()
        if graph == before:
            return graph
