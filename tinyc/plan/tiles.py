"""Cut a region into tiles: strips of output columns, or patches of rows and columns, each run through smaller rings.

Tiles need overlapping windows of the inner tensors, so the halo between two of them is computed twice: that is the price.  Strips are after
StreamNet and msf-CNN, patches after MCUNetV2; here both keep rings inside a tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tinyc.ir import Graph, Window
from tinyc.plan.candidates import NOTHING, Region, row_step
from tinyc.plan.lives import Lives, joined, shifted
from tinyc.plan.regions import Tile, Walk, simulate
from tinyc.plan.step import Step
from tinyc.plan.views import View


@dataclass(slots=True)
class _Need:
    """The rows and columns of a root that a tile needs, as they grow."""

    first: int
    end: int
    x0: int
    x1: int

    def include(self, other: _Need) -> None:
        self.first, self.end = min(self.first, other.first), max(self.end, other.end)
        self.x0, self.x1 = min(self.x0, other.x0), max(self.x1, other.x1)


def one_for_each_demand_order(regions: Iterable[Region]) -> list[Region]:
    """Of regions of the same steps those that differ once they are cut into tiles."""
    return list({region.reads: region for region in regions}.values())


def tile_region(graph: Graph, steps: Sequence[Step], region: Region, *, bands: int, strips: int) -> Region | None:
    """`region` in bands x strips tiles; None where it has several outputs, columns that do not line up, or a tile of padding only."""
    chosen = steps[region.start : region.end]
    last = chosen[-1].operands.output
    if region.sinks != (len(chosen) - 1,) or any(step.upward_only for step in chosen):
        return None
    if any(
        step.output in step.inputs and not _is_made(chosen[:position], step.output)
        for position, step in enumerate(chosen)
    ):
        return None  # computed again, it would read what it has overwritten
    if bands > last.hwc[0] or strips > last.hwc[1] or not _columns_line_up(graph, chosen, region):
        return None
    tiles = [
        _tile(chosen, region, rows, columns)
        for rows in _cuts(last.hwc[0], bands)
        for columns in _cuts(last.hwc[1], strips)
    ]
    if any(each.first >= each.end or each.x0 >= each.x1 for tile in tiles for each in tile):
        return None
    walks = _walks(chosen, region, tiles)
    rings = {root: min(max(walk.rings[root] for walk in walks), graph.tensors[root].hwc[0]) for root in region.rings}
    widths = {root: max(_width(chosen, tile, root) for tile in tiles) for root in region.rings}
    pixel = {root: graph.tensors[root].hwc[2] * graph.tensors[root].dtype.bytes for root in widths}
    made = sum(_macs(step, tile[position]) for tile in tiles for position, step in enumerate(chosen))
    calls = sum(len(walk.order) for walk in walks)
    return replace(
        region,
        rings=rings,
        ring_bytes={root: rings[root] * widths[root] * pixel[root] for root in rings},
        ring_lives=_lives(walks),
        order=(tuple(step for walk in walks for step in walk.order),),
        touched=({root: (0, calls - 1) for touched in region.touched for root in touched},),
        distances={},
        calls=calls,
        descending=False,
        tiles=tuple(tuple(tile) for tile in tiles),
        widths=widths,
        extra_macs=max(0, round(made - sum(step.op.macs(step.operands) for step in chosen))),
    )


def _is_made(before: Sequence[Step], place: View) -> bool:
    return any(step.output == place for step in before)


def _width(chosen: Sequence[Step], tile: Sequence[Tile], root: str) -> int:
    """The columns of `root` that a tile makes, all its writers together."""
    made = [each for step, each in zip(chosen, tile, strict=True) if step.output.root == root]
    return max(each.x1 for each in made) - min(each.x0 for each in made)


def _cuts(extent: int, pieces: int) -> list[tuple[int, int]]:
    """`pieces` nearly equal ranges that cover [0, extent)."""
    edges = [extent * piece // pieces for piece in range(pieces + 1)]
    return list(pairwise(edges))


def _tile(chosen: Sequence[Step], region: Region, rows: tuple[int, int], columns: tuple[int, int]) -> list[Tile]:
    """Backwards from the tile's part of the output, what each step has to make."""
    needs: dict[str, _Need] = {chosen[-1].output.root: _Need(*rows, *columns)}
    made: list[Tile] = []
    for step in reversed(chosen):
        need = needs[step.output.root]
        made.append(Tile(first=need.first, end=need.end, x0=need.x0, x1=need.x1))
        for position, view in enumerate(step.inputs):
            if view is None or view.root not in region.rings:
                continue
            wanted = _wanted(step, position, need)
            if view.root in needs:
                needs[view.root].include(wanted)
            else:
                needs[view.root] = wanted
    return made[::-1]


def _wanted(step: Step, position: int, need: _Need) -> _Need:
    activation = step.activations[position]
    height, width, _ = step.operands.input(activation).hwc
    rows = step.op.row_rule(step.operands, activation)
    columns = step.op.column_rule(step.operands, activation)
    assert isinstance(rows, Window) and isinstance(columns, Window)
    return _Need(
        first=min(max(rows.lo(need.first), 0), height),
        end=max(min(rows.hi(need.end - 1), height), 0),
        x0=min(max(columns.lo(need.x0), 0), width),
        x1=max(min(columns.hi(need.x1 - 1), width), 0),
    )


def _columns_line_up(graph: Graph, chosen: Sequence[Step], region: Region) -> bool:
    """Whether every step can make a range of columns, and column x of every view lies in column x of its root."""
    for step in chosen:
        seen = [(step.output, step.operands.output)]
        for position, view in enumerate(step.inputs):
            activation = step.activations[position]
            if not isinstance(step.op.column_rule(step.operands, activation), Window):
                return False
            if not isinstance(step.op.row_rule(step.operands, activation), Window):
                return False
            if view is not None:
                seen.append((view, step.operands.input(activation)))
        for view, viewed in seen:
            root = graph.tensors[view.root]
            if view.root not in region.rings:
                continue
            if viewed.hwc[1] != root.hwc[1] or view.offset >= root.hwc[2] * root.dtype.bytes:
                return False
    return True


def _walks(chosen: Sequence[Step], region: Region, tiles: Sequence[Sequence[Tile]]) -> list[Walk]:
    """The walk of each tile; those of one band are the same."""
    row_steps = [row_step(chosen, position, order) for position, order in enumerate(region.reads)]
    seen: dict[tuple[tuple[int, int], ...], Walk] = {}
    walks: list[Walk] = []
    for tile in tiles:
        band = tuple((each.first, each.end) for each in tile)
        if band not in seen:
            seen[band] = simulate(
                row_steps,
                sinks=region.sinks,
                descending=False,
                inner=frozenset(region.rings),
                row_bytes={},
                band=band,
            )
        walks.append(seen[band])
    return walks


def _lives(walks: Sequence[Walk]) -> dict[str, Lives]:
    """When each ring is of use, tile after tile."""
    spans: dict[str, list[tuple[int, int]]] = {root: [] for root in walks[0].rings}
    tick = 0
    for walk in walks:
        for root, lives in walk.lives.items():
            spans[root] += shifted(lives, tick)
        tick += len(walk.order)
    return {root: joined(each or NOTHING) for root, each in spans.items()}


def _macs(step: Step, tile: Tile) -> float:
    rows, columns, _ = step.operands.output.hwc
    share = (tile.end - tile.first) * (tile.x1 - tile.x0) / (rows * columns)
    return step.op.macs(step.operands) * share
