"""Choose which runs of steps become regions: the least peak first, then the fewest rows made inside regions.

Exact over partitions of the given step order into consecutive runs, for a peak that is bounded group by group; placement then confirms
it.  Dynamic programming: `best[j]` is the least peak of any partition of the first j steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from tinyc.ir import Graph, Window
from tinyc.plan.candidates import LONGEST_REGION, Lifetime, Region, fills_simply, lifetimes, make_region
from tinyc.plan.overlap import Distance, distance
from tinyc.plan.step import Step
from tinyc.plan.tiles import tile_region
from tinyc.plan.views import Views

Partition = tuple[Region | int, ...]
"""The groups of a plan in order: a region, or the index of a step that runs by itself."""


Grid = tuple[int, int]
"""Bands of rows, strips of columns."""

STRIPS: tuple[Grid, ...] = ((1, 2), (1, 3), (1, 4), (1, 6), (1, 8), (1, 12), (1, 16))
PATCHES: tuple[Grid, ...] = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (8, 8))
LONGEST_TILED = 24


class _Entry(NamedTuple):
    """The best partition of the first steps: its work, where its last group starts, its peak, that group."""

    work: tuple[int, int]
    start: int
    peak: int
    group: Region | int | None = None


def _extra(group: Region | int) -> int:
    return group.extra_macs if isinstance(group, Region) else 0


def layers(graph: Graph, steps: Sequence[Step], views: Views) -> Partition:
    """Every step by itself."""
    search = _Search(graph, steps, views)
    return tuple(search.group(index, index + 1) for index in range(len(steps)))


def state_bytes(steps: int) -> int:
    """What a region of so many steps must remember between two pushed rows: a counter each."""
    return 4 * steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way to run a model: a partition, its bounded peak, and the multiply-accumulates that it computes again."""

    partition: Partition
    peak: int
    extra_macs: int


def least_memory(graph: Graph, steps: Sequence[Step], views: Views) -> Point:
    """The partition that computes nothing twice with the least bounded peak, and among those the one that streams least."""
    search = _Search(graph, steps, views)
    found = search.partition(search.least_peak(), grids=())
    assert found is not None
    return found


def least_work(
    graph: Graph, steps: Sequence[Step], views: Views, *, peak: int, grids: Sequence[Grid] = STRIPS
) -> Point | None:
    """The partition within a peak that computes the least again, tiles of `grids` allowed; None where there is none."""
    return _Search(graph, steps, views).partition(peak, grids=grids)


def spare_scratch(graph: Graph, steps: Sequence[Step], views: Views, point: Point) -> list[int]:
    """For each step, the bytes of scratch that it may use without raising the point's peak."""
    search = _Search(graph, steps, views)
    spare: list[int] = []
    for part in point.partition:
        group = range(part.start, part.end) if isinstance(part, Region) else range(part, part + 1)
        cost = search.bounded(part) if isinstance(part, Region) else search.single_cost(part)
        used = max(steps[index].scratch_bytes for index in group)
        spare += [point.peak - cost + used] * len(group)
    return spare


def patches(graph: Graph, steps: Sequence[Step], views: Views, *, peak: int | None) -> Point | None:
    """MCUNetV2's way: the first steps in patches, the rest by themselves; split point and grid by search.

    Within `peak` the one that computes least again; without, the one with the least peak.  None where nothing fits or can be cut.
    """
    search = _Search(graph, steps, views)
    rest = [0] * (len(steps) + 1)
    for index in reversed(range(len(steps))):
        rest[index] = max(rest[index + 1], search.single_cost(index))
    points: list[Point] = []
    for end in range(2, min(len(steps), LONGEST_TILED) + 1):
        for grid in PATCHES:
            option = search.tiled_region(0, end, grid)
            if option is not None:
                cost, region = option
                groups = (region, *range(end, len(steps)))
                points.append(Point(partition=groups, peak=max(cost, rest[end]), extra_macs=region.extra_macs))
    if peak is None:
        return min(points, key=lambda point: (point.peak, point.extra_macs), default=None)
    fitting = [point for point in points if point.peak <= peak]
    return min(fitting, key=lambda point: (point.extra_macs, point.peak), default=None)


def pareto(graph: Graph, steps: Sequence[Step], views: Views, *, most: int = 12) -> tuple[Point, ...]:
    """Peaks against work, from nothing computed twice down to the least that the searched class reaches (at most `most` points)."""
    search = _Search(graph, steps, views)
    point = search.partition(search.least_peak(), grids=())
    points: list[Point] = []
    while point is not None and len(points) < most:
        points.append(point)
        point = search.partition(point.peak - max(point.peak // 50, 4), grids=STRIPS)
    return tuple(points)


@dataclass(slots=True)
class _Search:
    graph: Graph
    steps: Sequence[Step]
    views: Views
    alive: Mapping[str, Lifetime] = field(init=False)
    pinned: frozenset[str] = field(init=False)
    least_ring: Mapping[str, int] = field(init=False)
    regions: dict[tuple[int, int], tuple[int, Region] | None] = field(default_factory=dict)
    rows_before: list[int] = field(init=False)
    """The output rows of all steps before each."""
    tiled: dict[tuple[int, int, Grid], tuple[int, Region] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.least_ring = _least_rings(self.graph, self.steps)
        self.rows_before = [0, *accumulate(step.operands.output.hwc[0] for step in self.steps)]
        self.pinned = pinned_roots(self.graph, self.views)
        self.alive = pinned_lifetimes(self.graph, self.steps, self.views)

    def least_peak(self) -> int:
        count = len(self.steps)
        best = [0] + [2**62] * count
        for end in range(1, count + 1):
            for start in range(end - 1, max(end - LONGEST_REGION, 0) - 1, -1):
                if best[start] >= best[end]:
                    continue
                cost = self._cost(start, end, limit=best[end])
                if cost is None:
                    break
                best[end] = min(best[end], max(best[start], cost))
        return best[count]

    def partition(self, peak: int, *, grids: Sequence[Grid]) -> Point | None:
        """Among partitions whose groups all stay within `peak`, the one that computes least again, then makes least rows in regions."""
        count = len(self.steps)
        best: list[_Entry | None] = [_Entry((0, 0), -1, 0)] + [None] * count
        for end in range(1, count + 1):
            for start in range(end - 1, max(end - LONGEST_REGION, 0) - 1, -1):
                before, entry = best[start], best[end]
                if before is None:
                    continue
                least = (before.work[0], before.work[1] + self._region_rows(start, end))
                if entry is not None and least >= entry.work:
                    continue
                option = self._option(start, end, peak, grids)
                if option is None:
                    break
                cost, group = option
                work = (least[0] + _extra(group), least[1])
                if cost <= peak and (entry is None or work < entry.work):
                    best[end] = _Entry(work, start, max(cost, before.peak), group)
        return self._point(best)

    def _region_rows(self, start: int, end: int) -> int:
        """The rows that steps [start, end) make in a region; none where they are one step by itself."""
        if end - start == 1 and not self.steps[start].pushed:
            return 0
        return self.rows_before[end] - self.rows_before[start]

    def _point(self, best: Sequence[_Entry | None]) -> Point | None:
        entry = best[-1]
        if entry is None:
            return None
        extra, peak = entry.work[0], entry.peak
        groups: list[Region | int] = []
        while entry is not None and entry.group is not None:
            groups.append(entry.group)
            entry = best[entry.start]
        return Point(partition=tuple(reversed(groups)), peak=peak, extra_macs=extra)

    def _option(self, start: int, end: int, peak: int, grids: Sequence[Grid]) -> tuple[int, Region | int] | None:
        """The cheapest way to run steps [start, end) within `peak`, with its cost; a cost above `peak` where there is none."""
        cost = self._cost(start, end, limit=peak + 1)
        if cost is None:
            return None
        if cost <= peak:
            return cost, self.group(start, end)
        fitting = (
            [self.tiled_region(start, end, grid) for grid in grids] if self._tiles_could_fit(start, end, peak) else []
        )
        found = [(cost, region) for cost, region in filter(None, fitting) if cost <= peak]
        return min(found, key=lambda option: option[1].extra_macs, default=(cost, start))

    def tiled_region(self, start: int, end: int, grid: Grid) -> tuple[int, Region] | None:
        """The region in tiles, with its cost; None where it cannot be cut."""
        key = (start, end, grid)
        if key not in self.tiled:
            region = self._untiled(start, end)
            cut = None if region is None else tile_region(self.graph, self.steps, region, bands=grid[0], strips=grid[1])
            self.tiled[key] = None if cut is None else (self.bounded(cut), cut)
        return self.tiled[key]

    def _untiled(self, start: int, end: int) -> Region | None:
        if (start, end) not in self.regions:
            region = make_region(self.graph, self.steps, self.alive, self.pinned, start, end)
            self.regions[start, end] = None if region is None else (self.bounded(region), region)
        entry = self.regions[start, end]
        return None if entry is None else entry[1]

    def _tiles_could_fit(self, start: int, end: int, peak: int) -> bool:
        """Whether what a tiled region reads and leaves, which it cannot overlap, leaves room within `peak`."""
        if not 1 < end - start <= LONGEST_TILED:
            return False
        whole = [
            life.bytes
            for life in self.alive.values()
            if life.first < end and life.last >= start and not (start <= life.first and life.last < end)
        ]
        return sum(whole) < peak

    def group(self, start: int, end: int) -> Region | int:
        """Steps [start, end): a region, which a step whose rows are pushed always is, or the one step."""
        if end - start == 1 and not self.steps[start].pushed:
            return start
        region = self._untiled(start, end)
        assert region is not None, "a pushed row is copied, which every region can"
        return region

    def _cost(self, start: int, end: int, *, limit: int) -> int | None:
        """The bounded peak of one group, or something not below `limit`; None where no group that starts here or earlier ends here."""
        if end - start == 1:
            return self.single_cost(start)
        floor = self._floor(start, end)
        if floor >= limit:
            return floor
        region = self._untiled(start, end)
        if region is None:
            return None if self._blocked(start) else limit
        return self.bounded(region)

    def _blocked(self, start: int) -> bool:
        """Whether the step at `start` can be in no region at all."""
        return make_region(self.graph, self.steps, self.alive, self.pinned, start, start + 1) is None

    def _floor(self, start: int, end: int) -> int:
        """What a region needs at least: what passes it by, its narrowest rings, and the larger of what it reads and leaves behind."""
        passing = reads = leaves = rings = 0
        for life in self.alive.values():
            if life.first < start and life.last >= end:
                passing += life.bytes
            elif life.first < start <= life.last:
                reads += life.bytes
            elif start <= life.first < end <= life.last:
                leaves += life.bytes
            elif start <= life.first and life.last < end and life.root not in self.pinned:
                rings += self.least_ring[life.root]
        return passing + rings + max(reads, leaves)

    def single_cost(self, index: int) -> int:
        """The bounded peak of one step by itself."""
        step = self.steps[index]
        others = {life.root: life.bytes for life in self.alive.values() if life.first <= index <= life.last}
        target = others.pop(step.output.root)
        if self.alive[step.output.root].first < index:
            return sum(others.values()) + target + step.scratch_bytes
        pairs = single_distances(self.graph, self.steps, self.alive, self.pinned, index)
        return _reach(others, target, pairs) + step.scratch_bytes

    def bounded(self, region: Region) -> int:
        """The bounded peak of a region."""
        touched = {
            life.root: life.bytes
            for life in self.alive.values()
            if life.first < region.end and life.last >= region.start and life.root not in region.rings
        }
        chosen = self.steps[region.start : region.end]
        rings = sum(region.ring_bytes.values()) + max(step.scratch_bytes for step in chosen)
        if any(step.pushed for step in chosen):
            rings += state_bytes(len(chosen))
        targets = {target for _, target in region.distances}
        if len(targets) != 1:
            return sum(touched.values()) + rings
        (target,) = targets
        pairs = {source: gap for (source, _), gap in region.distances.items()}
        return _reach(touched, touched.pop(target), pairs) + rings


def _least_rings(graph: Graph, steps: Sequence[Step]) -> dict[str, int]:
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


def _reach(others: Mapping[str, int], target: int, pairs: Mapping[str, Distance]) -> int:
    """Bytes of a group whose output may overlap the dying inputs in `pairs`, in the better of the two directions."""
    if not pairs:
        return sum(others.values()) + target
    dying = sum(others[source] for source in pairs)
    rest = sum(others.values()) - dying
    best = target + dying
    best = min(best, max(target, dying + max(min(gap.least for gap in pairs.values()), 0)))
    return rest + best


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
