"""The loop form run as the generated C runs it: row counters, demands, and jumps to whoever lacks rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyc.checker.document import Certificate, Demand, Group, Loop
from tinyc.errors import PlanRefuted


def calls(certificate: Certificate, group: Group) -> Iterator[tuple[Loop, int | None]]:
    """Every kernel call of a group in order: the loop and its row, None where one call makes all of them."""
    if group.is_region:
        yield from _region(certificate, group)
        return
    (loop,) = group.loops
    if loop.mode != "rows":
        yield loop, None
        return
    rows = range(certificate.layers[loop.layer].output.rows)
    for row in reversed(rows) if group.descending else rows:
        yield loop, row


def divide(numerator: int, c: int, what: str) -> int:
    """The division of C, which is a floor only where nothing is negative."""
    if numerator < 0 and c != 1:
        raise PlanRefuted(f"{what} divides {numerator} by {c}, which C rounds the wrong way.")
    return numerator // c


def _region(certificate: Certificate, group: Group) -> Iterator[tuple[Loop, int | None]]:
    """From the sinks, go to the first loop that lacks rows; make one; go back to the one that needs it, or to the sinks."""
    rows = [certificate.layers[loop.layer].output.rows for loop in group.loops]
    made = [0] * len(rows)
    at: int | None = None
    hops = 0
    while True:
        if at is None:
            at = next((sink for sink in group.sinks if made[sink] < rows[sink]), None)
            hops = 0
            if at is None:
                return
        loop = group.loops[at]
        layer = certificate.layers[loop.layer]
        if loop.mode != "rows":
            raise PlanRefuted(f"{layer} runs in a region, but not by rows.")
        if made[at] >= rows[at]:
            raise PlanRefuted(f"{layer} is to make row {made[at]} of {rows[at]}: its region goes on when it is done.")
        row = rows[at] - 1 - made[at] if group.descending else made[at]
        before = _lacking(loop, row, made, descending=group.descending, what=str(layer))
        if before is not None:
            at = before
            hops += 1
            if hops > len(rows):
                raise PlanRefuted(f"{layer} waits for rows that wait for its own: its region never ends.")
            continue
        yield loop, row
        made[at] += 1
        at = loop.resume
        hops = 0


def _lacking(loop: Loop, row: int, made: Sequence[int], *, descending: bool, what: str) -> int | None:
    for demand in loop.demands:
        need = _need(demand, row, descending=descending, what=what)
        for writer in demand.writers:
            if made[writer] < need:
                return writer
    return None


def _need(demand: Demand, row: int, *, descending: bool, what: str) -> int:
    edge = divide(demand.a * row + demand.offset, demand.c, what)
    return demand.rows - max(edge, 0) if descending else min(edge, demand.rows)
