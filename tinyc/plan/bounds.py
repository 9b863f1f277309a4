"""What a group needs in any placement: exactly, from its buffers tick by tick, or at least, before it is simulated.

A set of steps is a number whose bits are their indices; a region runs the steps between two such sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyc.ir import Graph, Window
from tinyc.kernels.contract import Extent
from tinyc.plan.candidates import Lifetime, Region, fills_simply, lifetimes, region_variants, writers
from tinyc.plan.overlap import Distance, distance
from tinyc.plan.place import ALIGNMENT, Buffer, Overlap, Problem, lower_bound
from tinyc.plan.step import Step
from tinyc.plan.views import Views

NEVER = 2**62
"""What a group costs that cannot be."""
PADDING = ALIGNMENT - 1
"""How far a bound may be below the bytes that are live: whatever lies last needs no padding behind it."""
Steps = int


def state_bytes(steps: int) -> int:
    """What a region of so many steps must remember between two pushed rows: a counter each."""
    return 4 * steps


def group_bound(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], group: Region | int
) -> int:
    """The bytes that any placement of any plan with this group needs while it runs."""
    pairs: Mapping[tuple[str, str], Distance]
    if isinstance(group, Region):
        start, end, last = group.start, group.end, group.calls - 1
        pairs = group.distances
    else:
        start, end, last = group, group + 1, 0
        target, alone = steps[group].output.root, single_distances(graph, steps, alive, pinned, group)
        pairs = {(source, target): gap for source, gap in alone.items()}
    rings: Mapping[str, int] = group.ring_bytes if isinstance(group, Region) else {}
    ticks: Mapping[str, tuple[int, int]] = group.ticks if isinstance(group, Region) else {}
    buffers = [
        Buffer(
            name=life.root,
            bytes=rings.get(life.root, life.bytes),
            first=0 if life.first < start else ticks.get(life.root, (0, last))[0],
            last=last if life.last >= end else ticks.get(life.root, (0, last))[1],
        )
        for life in alive.values()
        if life.first < end and life.last >= start
    ]
    chosen = steps[start:end]
    scratch = max(step.scratch_bytes for step in chosen)
    state = state_bytes(len(chosen)) if any(step.pushed for step in chosen) else 0
    buffers += [Buffer(name=f":{size}", bytes=size, first=0, last=last) for size in (scratch, state) if size]
    overlaps = [Overlap(group=0, source=s, target=t, distance=gap) for (s, t), gap in pairs.items()]
    return lower_bound(Problem(buffers=tuple(buffers), overlaps=tuple(overlaps)))


def regions_by_need(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], start: int, end: int
) -> list[tuple[int, Region]]:
    """Steps [start, end) as a region in each order of demands, after what it needs, the least first; among equals the smallest rings."""
    variants = region_variants(graph, steps, alive, pinned, start, end)
    variants.sort(key=lambda region: sum(region.ring_bytes.values()))
    found = [(group_bound(graph, steps, alive, pinned, region), region) for region in variants]
    return sorted(found, key=lambda option: option[0])


def best_region(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], start: int, end: int
) -> tuple[int, Region] | None:
    """The region of steps [start, end) that needs least, after what it needs; None where there is none."""
    return next(iter(regions_by_need(graph, steps, alive, pinned, start, end)), None)


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


def least_rings(graph: Graph, steps: Sequence[Step]) -> dict[str, int]:
    """For every root, the bytes of the rows that its widest reader needs at once: no ring can be smaller."""
    least: dict[str, int] = {}
    for step in steps:
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is None:
                continue
            tensor = graph.tensors[view.root]
            rows = tensor.hwc[0]
            rule = step.op.row_rule(step.operands, position)
            if isinstance(rule, Window):
                highest = (min(rule.hi(r), rows) - max(rule.lo(r), 0) for r in range(step.operands.output.hwc[0]))
                rows = min(rows, max(1, *highest, 1))
            least[view.root] = max(least.get(view.root, 0), rows * (tensor.bytes // tensor.hwc[0]))
    return {**{step.output.root: 0 for step in steps}, **least}


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
    """One input of a step: its buffer, how many rows of it each next row needs, and the steps that write it."""

    root: str
    rows: int
    window: Window | None
    writers: tuple[int, ...]

    def up_to(self, made: int) -> int:
        """The rows that the first `made` rows need."""
        return self.rows if self.window is None else min(max(self.window.hi(made - 1), 0), self.rows)


@dataclass(slots=True)
class Floors:
    """What groups need at least, for steps in any order."""

    graph: Graph
    steps: Sequence[Step]
    views: Views
    whole: Steps = field(init=False)
    """The steps that can be in no region."""
    roots: Mapping[str, _Root] = field(init=False)
    reads: Sequence[Sequence[_Read]] = field(init=False)
    rows: Sequence[int] = field(init=False)
    after: Sequence[Steps] = field(init=False)
    """For each step, those whose first row needs a row of it, directly or not."""
    parted: dict[Steps, int] = field(default_factory=dict)
    first_rows: dict[tuple[Steps, int], tuple[int, list[tuple[Steps, int]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.whole = sum(1 << i for i, step in enumerate(self.steps) if step.kernel.extent is Extent.WHOLE)
        self.roots = self._touched()
        self.rows = [step.operands.output.hwc[0] for step in self.steps]
        self.reads = [_reads(self.steps, index) for index in range(len(self.steps))]
        self.after = self._descendants()

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
        """What a region needs at least, at the first row of whichever of its steps needs the most then (or the first found at `limit`)."""
        most, last = 0, members[-1]
        for index in members:
            if index != last and not self.after[index] >> last & 1:
                continue  # it runs for another output of the region, when the last step has made all its rows
            if (before, index) not in self.first_rows:
                self.first_rows[before, index] = self._first_row(before, index)
            entering, rings = self.first_rows[before, index]
            most = max(most, entering + sum(ring for touched, ring in rings if not touched & ~after) - PADDING)
            if most >= limit:
                break
        return most

    def _first_row(self, before: Steps, index: int) -> tuple[int, list[tuple[Steps, int]]]:
        """What is surely live when the step makes its first row in a region that starts after `before`.

        The bytes of what is there already and still needed, and of what the region makes: steps that touch it, bytes of the lowest ring.
        By then no step that needs this one has made a row, and the others at most what the first rows of those need: `most`.  At least
        made is what this one row needs: `made`.
        """
        later = self.after[index] | 1 << index
        most, made = [0] * len(self.steps), [0] * len(self.steps)
        made[index] = 1
        for j in reversed(range(len(self.steps))):
            if before >> j & 1:
                continue
            asked = 1 if later >> j & 1 else most[j]
            for read in self.reads[j]:
                for writer in read.writers:
                    if asked and not (before | later) >> writer & 1:
                        most[writer] = max(most[writer], read.up_to(asked))
                    if made[j]:
                        made[writer] = max(made[writer], read.up_to(made[j]))
        left = (j for j in range(len(self.steps)) if not before >> j & 1 and most[j] < self.rows[j])
        unfinished = {read.root for j in left for read in self.reads[j]}
        entering = 0
        rings: list[tuple[Steps, int]] = []
        for name, root in self.roots.items():
            needed = root.kept or name in unfinished
            if needed and (root.given or root.touched & before):
                entering += root.bytes
            elif needed and root.ring and any(made[j] for j in members_of(root.written & ~before)):
                rings.append((root.touched, root.ring))
        return entering, rings

    def _descendants(self) -> list[Steps]:
        after = [0] * len(self.steps)
        for j in reversed(range(len(self.steps))):
            for read in self.reads[j]:
                for writer in read.writers if read.up_to(1) else ():
                    after[writer] |= after[j] | 1 << j
        return after

    def _touched(self) -> dict[str, _Root]:
        pinned = pinned_roots(self.graph, self.views)
        bits: dict[str, Steps] = {}
        written: dict[str, Steps] = {}
        for index, step in enumerate(self.steps):
            written[step.output.root] = written.get(step.output.root, 0) | 1 << index
            for view in (*step.inputs, step.output):
                if view is not None:
                    bits[view.root] = bits.get(view.root, 0) | 1 << index
        count, narrowest = len(self.steps), least_rings(self.graph, self.steps)
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


def _reads(steps: Sequence[Step], index: int) -> list[_Read]:
    step = steps[index]
    found: list[_Read] = []
    for number, (position, view) in enumerate(zip(step.activations, step.inputs, strict=True)):
        if view is not None:
            rule = step.op.row_rule(step.operands, position)
            found.append(
                _Read(
                    root=view.root,
                    rows=step.operands.input(position).hwc[0],
                    window=rule if isinstance(rule, Window) else None,
                    writers=writers(steps, index, number),
                )
            )
    return found


def members_of(steps: Steps) -> list[int]:
    """The indices of a set of steps, ascending."""
    return [index for index in range(steps.bit_length()) if steps >> index & 1]
