"""The loop form run as the generated C runs it: row counters, demands, and jumps to whoever lacks rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinyc.checker.document import Certificate, Demand, Group, Layer, Loop, Tile
from tinyc.errors import PlanRefuted


@dataclass(frozen=True, slots=True)
class Call:
    """One kernel call: a row of the columns of `tile`, or all rows at once where `row` is None."""

    loop: Loop
    layer: Layer
    row: int | None
    tile: Tile

    def __str__(self) -> str:
        return f"{self.layer}, " + ("its only call" if self.row is None else f"row {self.row}")


def calls(certificate: Certificate, group: Group) -> Iterator[Call]:
    """Every kernel call of a group in order."""
    layers = [certificate.layers[loop.layer] for loop in group.loops]
    if group.is_region:
        for number in range(max(len(group.loops[0].tiles), 1)):
            tiles = [_tile(loop, layer, number) for loop, layer in zip(group.loops, layers, strict=True)]
            for at, row in _rows(group, layers, tiles):
                yield Call(group.loops[at], layers[at], row, tiles[at])
        return
    loop, layer = group.loops[0], layers[0]
    everything = _tile(loop, layer, 0)
    if loop.mode != "rows":
        yield Call(loop, layer, None, everything)
        return
    rows = range(layer.output.rows)
    for row in reversed(rows) if group.descending else rows:
        yield Call(loop, layer, row, everything)


def divide(numerator: int, c: int, what: object) -> int:
    """The division of C, which is a floor only where nothing is negative."""
    if numerator < 0 and c != 1:
        raise PlanRefuted(f"{what} divides {numerator} by {c}, which C rounds the wrong way.")
    return numerator // c


def _tile(loop: Loop, layer: Layer, number: int) -> Tile:
    if loop.tiles:
        return loop.tiles[number]
    return Tile(0, layer.output.rows, 0, layer.output.columns, 0, (0,) * len(loop.sources))


def _rows(group: Group, layers: Sequence[Layer], tiles: Sequence[Tile]) -> Iterator[tuple[int, int]]:
    """The calls of a region's run, or of all its runs where each has one row that the caller pushes: (position, row)."""
    made = [tile.first for tile in tiles]
    takers = [at for at, loop in enumerate(group.loops) if any(source.pushed for source in loop.sources)]
    pushes = max((layers[at].output.rows for at in takers), default=1)
    for _ in range(pushes):
        yield from _run(group, layers, tiles, made, takers)


def _run(
    group: Group, layers: Sequence[Layer], tiles: Sequence[Tile], made: list[int], takers: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """From the sinks, go to the first loop that lacks rows; make one; go back to the one that needs it, or to the sinks.

    Ends when the sinks are complete, or where one of `takers` wants a second pushed row.
    """
    at: int | None = None
    hops, pushed = 0, True
    while True:
        if at is None:
            at = next((sink for sink in group.sinks if made[sink] < tiles[sink].end), None)
            hops = 0
            if at is None:
                return
        rows = layers[at].output.rows
        row = rows - 1 - made[at] if group.descending else made[at]
        before = _lacking(group.loops[at], layers[at], row, made, descending=group.descending)
        if before is not None:
            at = before
            hops += 1
            if hops > len(made):
                raise PlanRefuted(f"{layers[at]} waits for rows that wait for its own: its region never ends.")
            continue
        if at in takers:
            if not pushed:
                return
            pushed = False
        if made[at] >= rows:
            raise PlanRefuted(f"{layers[at]} is to make row {made[at]} of {rows}: its region goes on when it is done.")
        yield at, row
        made[at] += 1
        at = group.loops[at].resume
        hops = 0


def _lacking(loop: Loop, layer: Layer, row: int, made: Sequence[int], *, descending: bool) -> int | None:
    for demand in loop.demands:
        need = _need(demand, row, layer, descending=descending)
        for writer in demand.writers:
            if made[writer] < need:
                return writer
    return None


def _need(demand: Demand, row: int, layer: Layer, *, descending: bool) -> int:
    edge = divide(demand.a * row + demand.offset, demand.c, layer)
    return demand.rows - max(edge, 0) if descending else min(edge, demand.rows)
