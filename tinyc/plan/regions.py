"""Simulate a region: its ops run row by row together, each row made when somebody needs it.

The walk: from the sink, follow the first input that lacks rows; run the operation found; go back to who needed it.  No row is made
twice.  Ring heights, lifetimes and overlap distances all come from this walk, so branches and residuals need no rules of their own.
Rows here are logical: row 0 is the first one made, whichever the direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tinyc.ir import Window
from tinyc.plan.lives import Lives, joined

MOST_WALKS = 4096
"""Walks that are remembered: planning asks for the same ones again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One input of a step: the root buffer that it lies in, its rows, the row rule, and the steps of the region that write it."""

    root: str
    rows: int
    window: Window
    writers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStep:
    """A step as the walk sees it: how many rows it makes into which root, from which reads, in demand order."""

    rows: int
    target: str
    reads: tuple[Read, ...]
    carries: bool = False
    """Whether it makes each row from its row before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """What one step makes in one tile: output rows [first, end), columns [x0, x1)."""

    first: int
    end: int
    x0: int
    x1: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What a simulated region needs.

    `order` is the step of each call; `rings` the rows that each inner root must keep, `lives` the calls at which its ring holds something
    of use; `touched` the first and the last call that reads or writes each root; `distances` bytes D for every (input root, output root):
    see `overlap.py`.
    """

    order: tuple[int, ...]
    rings: Mapping[str, int]
    lives: Mapping[str, Lives]
    touched: Mapping[str, tuple[int, int]]
    distances: Mapping[tuple[str, str], int]


def walk_order(
    band: Sequence[tuple[int, int]], sinks: Sequence[int], missing: Callable[[int, int, Sequence[int]], int | None]
) -> Iterator[tuple[int, int]]:
    """The calls of a region in order, each step from its first row of `band` to the last that is asked of it.

    `missing(step, row, made)` is the step that must run before, or None.

    Going back to the step that lacked the row is the same as starting again at the sink: the way there is still the first unmet one.
    """
    made = [first for first, _ in band]
    for sink in sinks:
        while made[sink] < band[sink][1]:
            path = [sink]
            while path:
                step = path[-1]
                before = missing(step, made[step], made)
                if before is not None:
                    path.append(before)
                    continue
                yield step, made[step]
                made[step] += 1
                path.pop()


@dataclass(slots=True)
class _Simulation:
    steps: Sequence[RowStep]
    descending: bool
    limits: Sequence[tuple[int, int]]
    needs: list[list[tuple[list[int], int]]] = field(default_factory=list)
    """For each step, in demand order: how many rows each of its rows needs, of which writer."""
    readers: dict[str, list[tuple[int, list[int]]]] = field(default_factory=dict)
    """For each root: its readers, and the lowest row that each of their rows needs (one more entry: when they are done)."""
    writers: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, (step, (_, end)) in enumerate(zip(self.steps, self.limits, strict=True)):
            self.writers.setdefault(step.target, []).append(index)
            self.needs.append([(self.hi(step.rows, read), w) for read in step.reads for w in read.writers])
            for read in step.reads:
                self.readers.setdefault(read.root, []).append((index, [*self.lo(step.rows, read)[:end], read.rows]))

    def lo(self, rows: int, read: Read) -> list[int]:
        """For each logical row, the first logical row of `read` that it needs, within the tensor."""
        if self.descending:
            return [read.rows - min(max(read.window.hi(row), 0), read.rows) for row in reversed(range(rows))]
        return [min(max(read.window.lo(row), 0), read.rows) for row in range(rows)]

    def hi(self, rows: int, read: Read) -> list[int]:
        """For each logical row, one past the last logical row of `read` that it needs, within the tensor."""
        if self.descending:
            return [read.rows - min(max(read.window.lo(row), 0), read.rows) for row in reversed(range(rows))]
        return [min(max(read.window.hi(row), 0), read.rows) for row in range(rows)]

    def missing(self, step: int, row: int, made: Sequence[int]) -> int | None:
        for need, writer in self.needs[step]:
            if made[writer] < need[row]:
                return writer
        return None

    def oldest(self, root: str, made: Sequence[int]) -> int:
        """The lowest row of `root` that a reader's next row, or any later one, still needs."""
        return min((lowest[made[step]] for step, lowest in self.readers.get(root, ())), default=0)

    def is_of_use(self, root: str, made: Sequence[int]) -> bool:
        """Whether a row of `root` that is made is still needed."""
        top = max(made[step] for step in self.writers[root])
        readers = self.readers.get(root)
        if readers is None:
            return True
        for step, lowest in readers:
            if lowest[made[step]] < top:
                return True
        carriers = (step for step in self.writers[root] if self.steps[step].carries)
        return any(self.limits[step][0] < made[step] < self.limits[step][1] for step in carriers)


def simulate(
    steps: Sequence[RowStep],
    *,
    sinks: Sequence[int],
    descending: bool,
    inner: frozenset[str],
    row_bytes: Mapping[str, int],
    dying: frozenset[str] = frozenset(),
    outer: frozenset[str] = frozenset(),
    band: Sequence[tuple[int, int]] | None = None,
) -> Walk:
    """Run the walk.  `inner` roots become rings, `dying` whole inputs may be overwritten, `outer` roots are whole outputs.

    `band` limits each step to logical rows [first, end); by default all.
    """
    limits = tuple(band or [(0, step.rows) for step in steps])
    sizes = tuple((root, row_bytes[root]) for root in sorted(dying | outer))
    return _walk(tuple(steps), tuple(sinks), descending, inner, sizes, dying, outer, limits)


@lru_cache(maxsize=MOST_WALKS)
def _walk(
    steps: tuple[RowStep, ...],
    sinks: tuple[int, ...],
    descending: bool,
    inner: frozenset[str],
    sizes: tuple[tuple[str, int], ...],
    dying: frozenset[str],
    outer: frozenset[str],
    limits: tuple[tuple[int, int], ...],
) -> Walk:
    row_bytes = dict(sizes)
    simulation = _Simulation(steps, descending, limits)
    calls = tuple(walk_order(limits, sinks, simulation.missing))
    made = [first for first, _ in limits]
    rings = dict.fromkeys(inner, 1)
    touching = [tuple({step.target, *(read.root for read in step.reads)}) for step in steps]
    since: dict[str, int] = {}
    lives: dict[str, list[tuple[int, int]]] = {root: [] for root in inner}
    touched: dict[str, tuple[int, int]] = {}
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
        made[index] += 1
        for root in touching[index]:
            touched[root] = (touched.get(root, (tick, tick))[0], tick)
            if root in inner:
                since.setdefault(root, tick)
                if not simulation.is_of_use(root, made):
                    lives[root].append((since.pop(root), tick))
    for root, first in since.items():
        lives[root].append((first, len(calls) - 1))
    return Walk(
        order=tuple(step for step, _ in calls),
        rings=rings,
        lives={root: joined(spans) for root, spans in lives.items() if spans},
        touched=touched,
        distances=distances,
    )
