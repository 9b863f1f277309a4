"""Choose which runs of steps become regions: the least peak first, then the fewest rows made inside regions.

Exact over partitions of the given step order into consecutive runs, each a step by itself or a region; with tiles, over the grids named
here too.  Every group counts with what any placement needs while it runs (bounds.py), so a plan whose placement reaches the peak found
here is the least of its class.  Dynamic programming: `best[j]` is the least peak of any partition of the first j steps; what it leaves
out costs more than what it has (a floor below the true cost, or work that is more already).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from tinyc.ir import Graph
from tinyc.plan.bounds import (
    NEVER,
    Floors,
    beside_scratch,
    group_bound,
    pinned_lifetimes,
    pinned_roots,
    regions_by_need,
)
from tinyc.plan.candidates import Lifetime, Region
from tinyc.plan.step import Step
from tinyc.plan.tiles import one_for_each_demand_order, tile_region
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


def layers_bound(graph: Graph, steps: Sequence[Step], views: Views) -> int:
    """What every step by itself needs at least."""
    search = _Search(graph, steps, views)
    return max((search.bound(group) for group in layers(graph, steps, views)), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way to run a model: a partition, its bounded peak, and the multiply-accumulates that it computes again."""

    partition: Partition
    peak: int
    extra_macs: int


def least_memory(graph: Graph, steps: Sequence[Step], views: Views) -> Point:
    """The partition that computes nothing twice with the least peak, and among those the one that streams least."""
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
    pinned, alive = pinned_roots(graph, views), pinned_lifetimes(graph, steps, views)
    return [
        point.peak - beside for part in point.partition for beside in beside_scratch(graph, steps, alive, pinned, part)
    ]


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


def points_below(graph: Graph, steps: Sequence[Step], views: Views, *, peak: int, most: int = 12) -> Iterator[Point]:
    """The least work for ever smaller peaks, each a fiftieth below the last, down to the least that tiles reach."""
    search = _Search(graph, steps, views)
    least = search.least_peak(grids=STRIPS)
    limit = peak
    for _ in range(most):
        limit -= max(limit // 50, 4)
        point = search.partition(max(limit, least), grids=STRIPS) if peak > least else None
        if point is None:
            return
        yield point
        peak = limit = point.peak


@dataclass(slots=True)
class _Search:
    graph: Graph
    steps: Sequence[Step]
    views: Views
    alive: Mapping[str, Lifetime] = field(init=False)
    pinned: frozenset[str] = field(init=False)
    floors: Floors = field(init=False)
    rows_before: list[int] = field(init=False)
    """The output rows of all steps before each."""
    regions: dict[tuple[int, int], list[tuple[int, Region]]] = field(default_factory=dict)
    singles: dict[int, int] = field(default_factory=dict)
    floor: dict[tuple[int, int], int] = field(default_factory=dict)
    """Below what regions need, as far as that had to be known."""
    tiled: dict[tuple[int, int, Grid], tuple[int, Region] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.floors = Floors(self.graph, self.steps, self.views)
        self.rows_before = [0, *accumulate(step.operands.output.hwc[0] for step in self.steps)]
        self.pinned = pinned_roots(self.graph, self.views)
        self.alive = pinned_lifetimes(self.graph, self.steps, self.views)

    def least_peak(self, *, grids: Sequence[Grid] = ()) -> int:
        """Ask for less until there is nothing."""
        peak = NEVER
        while peak > 0 and (found := self._below(peak, grids)) is not None:
            peak = found
        return peak

    def _below(self, limit: int, grids: Sequence[Grid]) -> int | None:
        """The peak of some partition whose groups all need less than `limit`; None where there is none."""
        reached: dict[int, int] = {0: 0}
        for end in range(1, len(self.steps) + 1):
            for start in range(end - 1, -1, -1):
                cost = self._least_cost(start, end, limit, grids) if start in reached else NEVER
                if cost < limit:
                    reached[end] = max(reached[start], cost)
                    break
                if self.floors.is_whole(start):
                    break
        return reached.get(len(self.steps))

    def _least_cost(self, start: int, end: int, limit: int, grids: Sequence[Grid]) -> int:
        """What one group needs, in tiles where it needs `limit` or more without; or something not below `limit`."""
        cost = self._cost(start, end, limit=limit)
        if cost < limit:
            return cost
        return min((cut for cut, _ in self._cuts(start, end, limit, grids)), default=cost)

    def partition(self, peak: int, *, grids: Sequence[Grid]) -> Point | None:
        """Among partitions whose groups all stay within `peak`, the one that computes least again, then makes least rows in regions."""
        count = len(self.steps)
        best: list[_Entry | None] = [_Entry((0, 0), -1, 0)] + [None] * count
        for end in range(1, count + 1):
            for start in range(end - 1, -1, -1):
                before, entry = best[start], best[end]
                if before is None:
                    continue
                least = (before.work[0], before.work[1] + self._region_rows(start, end))
                if entry is not None and least >= entry.work:
                    continue
                option = self._option(start, end, peak, grids)
                if option is not None:
                    cost, group = option
                    work = (least[0] + _extra(group), least[1])
                    if entry is None or work < entry.work:
                        best[end] = _Entry(work, start, max(cost, before.peak), group)
                if self.floors.is_whole(start):
                    break
        return self._point(best)

    def _region_rows(self, start: int, end: int) -> int:
        """The rows that steps [start, end) make in a region; none where they are one step by itself."""
        return 0 if self._is_single(start, end) else self.rows_before[end] - self.rows_before[start]

    def _is_single(self, start: int, end: int) -> bool:
        """Whether it is one step by itself; one whose rows are pushed is a region."""
        return end - start == 1 and not self.steps[start].pushed

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
        """What computes least again of the ways to run steps [start, end) within `peak`, after what it needs; None where there is none."""
        cost = self._cost(start, end, limit=peak + 1)
        if cost <= peak:
            return cost, self.group(start, end)
        found = self._cuts(start, end, peak + 1, grids)
        return min(found, key=lambda option: (option[1].extra_macs, option[0]), default=None)

    def _cuts(self, start: int, end: int, limit: int, grids: Sequence[Grid]) -> list[tuple[int, Region]]:
        """The region in tiles, in all the ways that need less than `limit`."""
        if not grids or not self._tiles_could_fit(start, end, limit):
            return []
        found = filter(None, (self.tiled_region(start, end, grid) for grid in grids))
        return [option for option in found if option[0] < limit]

    def tiled_region(self, start: int, end: int, grid: Grid) -> tuple[int, Region] | None:
        """The region in tiles, with the demands in the order that needs less, after what it needs; None where it cannot be cut."""
        key = (start, end, grid)
        if key not in self.tiled:
            uncut = one_for_each_demand_order(region for _, region in self._untiled(start, end))
            cuts = (tile_region(self.graph, self.steps, each, bands=grid[0], strips=grid[1]) for each in uncut)
            options = [(self.bound(cut), cut) for cut in cuts if cut is not None]
            self.tiled[key] = min(options, key=lambda option: (option[0], option[1].extra_macs), default=None)
        return self.tiled[key]

    def _untiled(self, start: int, end: int) -> list[tuple[int, Region]]:
        if (start, end) not in self.regions:
            self.regions[start, end] = regions_by_need(self.graph, self.steps, self.alive, self.pinned, start, end)
        return self.regions[start, end]

    def _tiles_could_fit(self, start: int, end: int, limit: int) -> bool:
        """Whether what a tiled region reads and leaves, which it cannot overlap, leaves room below `limit`."""
        if not 1 < end - start <= LONGEST_TILED or self.floors.has_whole(start, end):
            return False
        whole = [
            life.bytes
            for life in self.alive.values()
            if life.first < end and life.last >= start and not (start <= life.first and life.last < end)
        ]
        return sum(whole) < limit

    def group(self, start: int, end: int) -> Region | int:
        """Steps [start, end): a region, which a step whose rows are pushed always is, or the one step."""
        if self._is_single(start, end):
            return start
        regions = self._untiled(start, end)
        assert regions, "a pushed row is copied, which every region can"
        return regions[0][1]

    def _cost(self, start: int, end: int, *, limit: int) -> int:
        """What one group needs without tiles, or something not below `limit`."""
        if self._is_single(start, end):
            return self.single_cost(start)
        if self.floors.has_whole(start, end):
            return NEVER
        floor = self.floor.get((start, end), 0)
        if floor < limit and (start, end) not in self.regions:
            floor = self.floor[start, end] = self.floors.run(start, end, limit)
        if floor >= limit:
            return floor
        regions = self._untiled(start, end)
        return regions[0][0] if regions else NEVER

    def single_cost(self, index: int) -> int:
        """What one step by itself needs."""
        if index not in self.singles:
            self.singles[index] = self.bound(index)
        return self.singles[index]

    def bound(self, group: Region | int) -> int:
        return group_bound(self.graph, self.steps, self.alive, self.pinned, group)
