"""What a group needs in any placement: exactly, from its buffers tick by tick, or at least, before it is simulated.

A set of steps is a number whose bits are their indices; a region runs the steps between two such sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tinyc.ir import Graph, Window
from tinyc.kernels.contract import Extent
from tinyc.plan.candidates import Lifetime, Region, fills_simply, lifetimes, region_variants, writers
from tinyc.plan.lives import members_of
from tinyc.plan.overlap import Distance, distance
from tinyc.plan.place import ALIGNMENT, Buffer, Overlap, Problem, bounds_during, lower_bound
from tinyc.plan.step import Step
from tinyc.plan.views import Views

NEVER = 2**62
"""What a group costs that cannot be."""
PADDING = ALIGNMENT - 1
"""How far a bound may be below the bytes that are live: whatever lies last needs no padding behind it."""
STATE = ":state"
"""The buffer in which a region that takes the input row by row keeps its counters from push to push."""
Steps = int


def state_bytes(steps: int) -> int:
    """What a region of so many steps must remember between two pushed rows: a counter each."""
    return 4 * steps


def scratch_name(step: int) -> str:
    """The buffer that a step has as scratch."""
    return f":scratch {step}"


def group_bound(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], group: Region | int
) -> int:
    """The bytes that any placement of any plan with this group needs while it runs."""
    return lower_bound(group_problem(graph, steps, alive, pinned, group))


def group_problem(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], group: Region | int
) -> Problem:
    """What is of use while a group runs, in ticks from its first call."""
    if isinstance(group, Region):
        return _region_problem(steps, alive, group)
    now = ((0, 0),)
    sizes = {life.root: life.bytes for life in alive.values() if life.first <= group <= life.last}
    if steps[group].scratch_bytes:
        sizes[scratch_name(group)] = steps[group].scratch_bytes
    target, pairs = steps[group].output.root, single_distances(graph, steps, alive, pinned, group)
    return Problem(
        buffers=tuple(Buffer(name=name, bytes=size, lives=now) for name, size in sizes.items()),
        overlaps=tuple(Overlap(group=0, source=s, target=target, distance=gap) for s, gap in pairs.items()),
    )


def _region_problem(steps: Sequence[Step], alive: Mapping[str, Lifetime], region: Region) -> Problem:
    start, end = region.start, region.end
    buffers = [
        Buffer(
            name=life.root,
            bytes=region.ring_bytes.get(life.root, life.bytes),
            lives=region.lives(life.root, entered=life.first < start, left=life.last >= end),
        )
        for life in alive.values()
        if life.first < end and life.last >= start
    ]
    for index in range(start, end):
        if steps[index].scratch_bytes:
            turns = region.turns(index - start)
            buffers.append(Buffer(name=scratch_name(index), bytes=steps[index].scratch_bytes, lives=turns))
    if any(step.pushed for step in steps[start:end]):
        buffers.append(Buffer(name=STATE, bytes=state_bytes(end - start), lives=((0, region.ticks - 1),)))
    overlaps = (Overlap(group=0, source=s, target=t, distance=gap) for (s, t), gap in region.distances.items())
    return Problem(buffers=tuple(buffers), overlaps=tuple(overlaps))


def beside_scratch(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], group: Region | int
) -> list[int]:
    """For each step of a group, the bytes that any placement needs beside its scratch while it runs."""
    problem = group_problem(graph, steps, alive, pinned, group)
    members = range(group.end - group.start) if isinstance(group, Region) else range(1)
    turns = [group.turns(at) if isinstance(group, Region) else ((0, 0),) for at in members]
    scratch = {scratch_name(index) for index in range(len(steps))}
    others = [b for b in problem.buffers if b.name not in scratch]
    marks = [Buffer(name=f":turn {at}", bytes=0, lives=lives) for at, lives in enumerate(turns)]
    return bounds_during(replace(problem, buffers=(*others, *marks)), [mark.name for mark in marks])


def regions_by_need(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], start: int, end: int
) -> list[tuple[int, Region]]:
    """Steps [start, end) as a region in each order of demands and direction, after what it needs, the least first.

    Among equals those that may run in either direction, then the smallest rings.
    """
    variants = region_variants(graph, steps, alive, pinned, start, end)
    variants.sort(key=lambda region: (region.descending is not None, sum(region.ring_bytes.values())))
    found = [(group_bound(graph, steps, alive, pinned, region), region) for region in variants]
    return sorted(found, key=lambda option: option[0])


def pinned_roots(graph: Graph, views: Views) -> frozenset[str]:
    """The roots that hold an input or an output of the graph."""
    return frozenset(views[name].root for name in (*graph.inputs, *graph.outputs))


def pinned_lifetimes(graph: Graph, steps: Sequence[Step], views: Views) -> dict[str, Lifetime]:
    """Lifetimes in steps; inputs live from before the first, outputs to after the last."""
    found = lifetimes(graph, steps)
    inputs, outputs = ({views[name].root for name in names} for names in (graph.inputs, graph.outputs))
    pushed = {views[step.operands.input(0).name].root for step in steps if step.pushed}  # never whole in the arena
    for root in sorted(
        inputs - pushed - found.keys()
    ):  # no step touches it: it is an output too, perhaps reshaped, or unused
        found[root] = Lifetime(root=root, bytes=graph.tensors[root].bytes, first=-1, last=len(steps))
    for root in found.keys() & (inputs | outputs):
        life = found[root]
        first = -1 if root in inputs else life.first
        last = len(steps) if root in outputs else life.last
        found[root] = Lifetime(root=root, bytes=life.bytes, first=first, last=last)
    return found


def single_distances(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], index: int
) -> dict[str, Distance]:
    """The dying whole inputs that a step by itself may overwrite, and by how far."""
    step = steps[index]
    target = step.operands.output
    if alive[step.output.root].first != index or not fills_simply(graph, step.output, target):
        return {}
    if step.op.kept_rows is not None:
        return {}
    roots = [view.root for view in step.inputs if view is not None]
    found: dict[str, Distance] = {}
    for position, view in zip(step.activations, step.inputs, strict=True):
        if view is None or alive[view.root].last != index or roots.count(view.root) > 1:
            continue
        source = step.operands.input(position)
        if not fills_simply(graph, view, source) or alive[view.root].bytes != source.bytes:
            continue
        gap = distance(step.kernel, step.op, step.operands, position)
        if gap is not None:
            found[view.root] = gap
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Root:
    """A buffer: its bytes whole, and as the lowest ring that it can be; the steps that touch it; whether it is an input or an output."""

    bytes: int
    ring: int
    touched: Steps
    written: Steps
    given: bool
    kept: bool

    def crosses(self, done: Steps) -> bool:
        """Whether it holds something of use when the steps of `done` have run and no others."""
        return (self.given or bool(self.touched & done)) and (self.kept or bool(self.touched & ~done))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One input of a step: its buffer, the steps that write it, and what its rows, counted in one direction, need of that buffer's.

    `needed[n]`: how many rows the first n rows need; `oldest[n]`: the first row that row n or a later one needs.
    """

    root: str
    writers: tuple[int, ...]
    needed: tuple[int, ...]
    oldest: tuple[int, ...]

    def first_rows(self, count: int) -> int:
        """How many rows the first `count` rows need; all of them, where it counts another tensor's rows and these are fewer."""
        return self.needed[min(count, len(self.needed) - 1)]

    def widest(self, made: int, rows: int) -> int:
        """How many of the buffer's `rows` rows one of the first `made` rows needs at once; all, where it counts another tensor's."""
        if self.oldest[-1] != rows:
            return rows
        return max([1, *(self.needed[n + 1] - self.oldest[n] for n in range(made))])


@dataclass(slots=True)
class Floors:
    """What groups need at least, for steps in any order."""

    graph: Graph
    steps: Sequence[Step]
    views: Views
    whole: Steps = field(init=False)
    """The steps that can be in no region."""
    roots: Mapping[str, _Root] = field(init=False)
    reads: Sequence[Sequence[Sequence[_Read]]] = field(init=False)
    """In each direction, unless both are the same, what each step reads."""
    rows: Sequence[Sequence[int]] = field(init=False)
    """In each direction, of each step, how many rows every plan makes: those up to the last that an output depends on."""
    after: Sequence[Sequence[Steps]] = field(init=False)
    """In each direction, for each step, those whose first row needs a row of it, directly or not."""
    upward: Steps = field(init=False)
    """The steps that can only run upwards."""
    parted: dict[Steps, int] = field(default_factory=dict)
    first_rows: dict[tuple[Steps, int, int], tuple[int, list[tuple[Steps, int]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.whole = sum(1 << i for i, step in enumerate(self.steps) if step.kernel.extent is Extent.WHOLE)
        ways = [
            [_reads(self.steps, index, descending=descending) for index in range(len(self.steps))]
            for descending in (False, True)
        ]
        self.reads = ways[:1] if ways[0] == ways[1] else ways
        self.after = [self._descendants(reads) for reads in self.reads]
        pinned = pinned_roots(self.graph, self.views)
        self.rows = [self._rows_made(reads, pinned) for reads in self.reads]
        self.roots = self._touched(pinned)
        self.upward = sum(1 << i for i, step in enumerate(self.steps) if step.upward_only)

    def between(self, done: Steps) -> int:
        """What any plan needs whose groups part where the steps of `done` have run."""
        if done not in self.parted:
            live = sum(root.bytes for root in self.roots.values() if root.crosses(done))
            self.parted[done] = live - PADDING
        return self.parted[done]

    def is_whole(self, index: int) -> bool:
        """Whether a step can be in no region."""
        return bool(self.whole >> index & 1)

    def has_whole(self, start: int, end: int) -> bool:
        """Whether one of steps [start, end) can be in no region."""
        return bool(self.whole >> start & ((1 << end - start) - 1))

    def run(self, start: int, end: int, limit: int) -> int:
        """What the region of steps [start, end) needs at least, or something not below `limit`."""
        before, after = (1 << start) - 1, (1 << end) - 1
        ends = max(self.between(before), self.between(after))
        return ends if ends >= limit else self.region(before, after, range(start, end), limit)

    def region(self, before: Steps, after: Steps, members: Sequence[int], limit: int) -> int:
        """What a region needs at least, in whichever direction needs less, or something not below `limit`."""
        ways = range(1 if self.upward & after & ~before else len(self.reads))
        return min(self._upwards_or_down(way, before, after, members, limit) for way in ways)

    def _upwards_or_down(self, way: int, before: Steps, after: Steps, members: Sequence[int], limit: int) -> int:
        """At the first row of whichever of its steps needs the most then (or the first found at `limit`)."""
        most, last = 0, members[-1]
        for index in members:
            if index != last and not self.after[way][index] >> last & 1:
                continue  # it runs for another output of the region, when the last step has made all its rows
            if (before, index, way) not in self.first_rows:
                self.first_rows[before, index, way] = self._first_row(before, index, way)
            entering, rings = self.first_rows[before, index, way]
            most = max(most, entering + sum(ring for touched, ring in rings if not touched & ~after) - PADDING)
            if most >= limit:
                break
        return most

    def _first_row(self, before: Steps, index: int, way: int) -> tuple[int, list[tuple[Steps, int]]]:
        """What is surely of use when the step makes its first row in a region that starts after `before`.

        The bytes of what is there already and still needed, and of what the region makes: steps that touch it, bytes of the lowest ring.
        By then no step that needs this one has made a row, and the others at most what the first rows of those need: `most`.  At least
        made is what this one row needs: `made`.
        """
        reads = self.reads[way]
        later = self.after[way][index] | 1 << index
        most, made = [0] * len(self.steps), [0] * len(self.steps)
        made[index] = 1
        for j in reversed(range(len(self.steps))):
            if before >> j & 1:
                continue
            asked = 1 if later >> j & 1 else most[j]
            for read in reads[j]:
                for writer in read.writers:
                    if asked and not (before | later) >> writer & 1:
                        most[writer] = max(most[writer], read.first_rows(asked))
                    if made[j]:
                        made[writer] = max(made[writer], read.first_rows(made[j]))
        oldest: dict[str, int] = {}  # of each buffer, the first row that steps which are surely not done still need
        for j in range(len(self.steps)):
            if not before >> j & 1 and most[j] < self.rows[way][j]:
                for read in reads[j]:
                    oldest[read.root] = min(oldest.get(read.root, NEVER), read.oldest[most[j]])
        entering = 0
        rings: list[tuple[Steps, int]] = []
        for name, root in self.roots.items():
            needed = root.kept or name in oldest
            if needed and (root.given or root.touched & before):
                entering += root.bytes
            elif needed and root.ring:
                rows = max((made[j] for j in members_of(root.written & ~before)), default=0)
                if rows and (root.kept or oldest[name] < rows or root.touched >> index & 1):
                    rings.append((root.touched, root.ring))
        return entering, rings

    def _descendants(self, reads: Sequence[Sequence[_Read]]) -> list[Steps]:
        after = [0] * len(self.steps)
        for j in reversed(range(len(self.steps))):
            for read in reads[j]:
                for writer in read.writers if read.first_rows(1) else ():
                    after[writer] |= after[j] | 1 << j
        return after

    def _rows_made(self, reads: Sequence[Sequence[_Read]], pinned: frozenset[str]) -> list[int]:
        every = [step.operands.output.hwc[0] for step in self.steps]
        made = [rows if step.output.root in pinned else 0 for step, rows in zip(self.steps, every, strict=True)]
        for j in reversed(range(len(self.steps))):
            for read in reads[j]:
                for writer in read.writers:
                    made[writer] = max(made[writer], min(read.first_rows(made[j]), every[writer]))
        return made

    def _least_rings(self) -> dict[str, int]:
        """For every root, the bytes of the rows that the widest of its readers' rows needs at once: no ring can be smaller."""
        found: dict[str, list[int]] = {step.output.root: [0] * len(self.reads) for step in self.steps}
        for way, reads in enumerate(self.reads):
            for read, made in ((read, self.rows[way][j]) for j in range(len(self.steps)) for read in reads[j]):
                tensor = self.graph.tensors[read.root]
                least = found.setdefault(read.root, [0] * len(self.reads))
                least[way] = max(least[way], read.widest(made, tensor.hwc[0]) * (tensor.bytes // tensor.hwc[0]))
        return {root: min(least) for root, least in found.items()}

    def _touched(self, pinned: frozenset[str]) -> dict[str, _Root]:
        bits: dict[str, Steps] = {}
        written: dict[str, Steps] = {}
        for index, step in enumerate(self.steps):
            written[step.output.root] = written.get(step.output.root, 0) | 1 << index
            for view in (*step.inputs, step.output):
                if view is not None:
                    bits[view.root] = bits.get(view.root, 0) | 1 << index
        count, narrowest = len(self.steps), self._least_rings()
        return {
            root: _Root(
                bytes=life.bytes,
                ring=0 if root in pinned else narrowest.get(root, 0),
                touched=bits.get(root, 0),
                written=written.get(root, 0),
                given=life.first < 0,
                kept=life.last >= count,
            )
            for root, life in pinned_lifetimes(self.graph, self.steps, self.views).items()
        }


def _reads(steps: Sequence[Step], index: int, *, descending: bool) -> list[_Read]:
    step = steps[index]
    rows_out = step.operands.output.hwc[0]
    found: list[_Read] = []
    for number, (position, view) in enumerate(zip(step.activations, step.inputs, strict=True)):
        if view is None:
            continue
        rows = step.operands.input(position).hwc[0]
        rule = step.op.row_rule(step.operands, position)
        window = rule if isinstance(rule, Window) else Window(a=0, lo_offset=0, hi_offset=rows)
        lows = [min(max(window.lo(row), 0), rows) for row in range(rows_out)]
        highs = [min(max(window.hi(row), 0), rows) for row in range(rows_out)]
        if descending:
            lows, highs = [rows - high for high in reversed(highs)], [rows - low for low in reversed(lows)]
        found.append(
            _Read(
                root=view.root,
                writers=writers(steps, index, number),
                needed=(0, *highs),
                oldest=(*lows, rows),
            )
        )
    return found
