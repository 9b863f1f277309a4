"""Simulate a region: its ops run row by row together, each row made when somebody needs it.

The walk: from the sink, follow the first input that lacks rows; run the operation found; start again at the sink.  No row is made
twice.  Ring heights, lifetimes and overlap distances all come from this walk, so branches and residuals need no rules of their own.
Rows here are logical: row 0 is the first one made, whichever the direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyc.ir import Window

Rule = Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One input of a step: the root buffer that it lies in, its rows, and the row rule."""

    root: str
    rows: int
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStep:
    """A step as the walk sees it: how many rows it makes into which root, from which reads, in demand order."""

    rows: int
    target: str
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What a simulated region needs.

    `calls` are (step, logical row) in order; `rings` the rows that each inner root must keep; `ticks` the first and the last call that
    touches each root; `distances` bytes D for every (input root, output root): see `overlap.py`.
    """

    calls: tuple[tuple[int, int], ...]
    rings: Mapping[str, int]
    ticks: Mapping[str, tuple[int, int]]
    distances: Mapping[tuple[str, str], int]


def walk_order(
    rows: Sequence[int], sinks: Sequence[int], missing: Callable[[int, int, Sequence[int]], int | None]
) -> Iterator[tuple[int, int]]:
    """The calls of a region in order; `missing(step, row, made)` is the step that must run before, or None."""
    made = [0] * len(rows)
    for sink in sinks:
        while made[sink] < rows[sink]:
            step = sink
            while (before := missing(step, made[step], made)) is not None:
                step = before
            yield step, made[step]
            made[step] += 1


@dataclass(slots=True)
class _Simulation:
    steps: Sequence[RowStep]
    descending: bool
    writers: dict[str, list[int]] = field(default_factory=dict)
    readers: dict[str, list[tuple[int, Read]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, step in enumerate(self.steps):
            self.writers.setdefault(step.target, []).append(index)
            for read in step.reads:
                self.readers.setdefault(read.root, []).append((index, read))

    def lo(self, step: int, read: Read, row: int) -> int:
        """The first logical row of `read` that logical row `row` needs, within the tensor."""
        if self.descending:
            return read.rows - min(max(read.window.hi(self.steps[step].rows - 1 - row), 0), read.rows)
        return min(max(read.window.lo(row), 0), read.rows)

    def hi(self, step: int, read: Read, row: int) -> int:
        """One past the last logical row of `read` that logical row `row` needs, within the tensor."""
        if self.descending:
            return read.rows - min(max(read.window.lo(self.steps[step].rows - 1 - row), 0), read.rows)
        return min(max(read.window.hi(row), 0), read.rows)

    def missing(self, step: int, row: int, made: Sequence[int]) -> int | None:
        for read in self.steps[step].reads:
            need = self.hi(step, read, row)
            for writer in self.writers.get(read.root, ()):
                if made[writer] < need:
                    return writer
        return None

    def oldest(self, root: str, made: Sequence[int]) -> int:
        """The lowest row of `root` that a reader's next row, or any later one, still needs."""
        lowest = None
        for step, read in self.readers.get(root, ()):
            row = made[step]
            need = read.rows if row >= self.steps[step].rows else self.lo(step, read, row)
            lowest = need if lowest is None else min(lowest, need)
        return 0 if lowest is None else lowest


def simulate(
    steps: Sequence[RowStep],
    *,
    sinks: Sequence[int],
    descending: bool,
    inner: frozenset[str],
    row_bytes: Mapping[str, int],
    dying: frozenset[str] = frozenset(),
    outer: frozenset[str] = frozenset(),
) -> Walk:
    """Run the walk.  `inner` roots become rings, `dying` whole inputs may be overwritten, `outer` roots are whole outputs."""
    simulation = _Simulation(steps, descending)
    calls = tuple(walk_order([step.rows for step in steps], sinks, simulation.missing))
    made = [0] * len(steps)
    rings = dict.fromkeys(inner, 1)
    ticks: dict[str, tuple[int, int]] = {}
    distances: dict[tuple[str, str], int] = {}
    for tick, (index, row) in enumerate(calls):
        step = steps[index]
        if step.target in inner:
            rings[step.target] = max(rings[step.target], row + 1 - simulation.oldest(step.target, made))
        elif step.target in outer:
            written = (row + 1) * row_bytes[step.target]
            for source in dying:
                gap = written - simulation.oldest(source, made) * row_bytes[source]
                distances[source, step.target] = max(gap, distances.get((source, step.target), gap))
        for root in (step.target, *(read.root for read in step.reads)):
            ticks[root] = (ticks.get(root, (tick, tick))[0], tick)
        made[index] += 1
    return Walk(calls=calls, rings=rings, ticks=ticks, distances=distances)
