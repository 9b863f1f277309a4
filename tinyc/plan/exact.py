"""What no plan of the searched class goes below, and a plan of that class that needs no more.

Dynamic programming over downsets: the sets of steps that may have run at some moment.  `best[d]` is the least, over every order of the
steps of `d` and every way to cut that order into groups, of the most that any group needs; a group needs what is live while it runs.
A chain has one downset a step, a branch multiplies them.  The states are those of Ahn et al., "Ordering Chaos: Memory-Aware Scheduling
of Irregularly Wired Neural Networks for Edge Devices" (MLSys 2020), which has no regions; a region here is one transition.

The class: any order of the steps; any cut of it into single steps and regions of at most `MOST_CALLS` rows, the steps of a region in the
file's order, all of them demanding their inputs first to last or all last to first; rings that serve both directions; any direction of
each group; any placement; where tiles are allowed, regions of at most `LONGEST_TILED` steps in tiles too.  Kernels are given.  Exact up
to `MOST_DOWNSETS` sets and `MOST_REGIONS` regions; what is left out (floors of bounds.py) costs more than what is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tinyc.ir import Graph, Tensor
from tinyc.plan.bounds import (
    NEVER,
    PADDING,
    Floors,
    Steps,
    group_bound,
    pinned_lifetimes,
    pinned_roots,
    regions_by_need,
)
from tinyc.plan.candidates import Lifetime, Region, views_meet
from tinyc.plan.lives import members_of
from tinyc.plan.place import place
from tinyc.plan.problem import make_problem
from tinyc.plan.search import LONGEST_TILED, Grid, Partition, Point, layers_bound, least_memory, patches
from tinyc.plan.search import PATCHES as PATCH_GRIDS
from tinyc.plan.search import STRIPS as STRIP_GRIDS
from tinyc.plan.step import Step
from tinyc.plan.tiles import one_for_each_demand_order, tile_region
from tinyc.plan.views import View, Views

MOST_DOWNSETS = 3000
"""Beyond, only the given order of the steps is searched."""
MOST_REGIONS = 2000
"""Beyond so many simulated regions the search stops, and says so."""
MOST_SETTLED = 12
"""Plans of up to so many steps are all placed where the least bound is not reached, at most `MOST_PLACED` of them."""
MOST_PLACED = 200
Groups = list[tuple[list[int], Region | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """What was found below a limit: `partition` of the steps in `order`; None where there is nothing.

    `complete`: no plan of the class needs less than `bytes`.  `orders`: every order of the steps was considered, not only the given one.
    """

    bytes: int
    order: tuple[int, ...]
    partition: Partition | None
    complete: bool
    orders: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Which class of plans was searched, what all of it needs at least, and whether the plan needs no more than that."""

    kind: str
    bound: int
    exhaustive: bool


LAYERS = "each layer by itself in the file's order: both directions, every placement"
PATCHES = (
    f"the first layers, up to {LONGEST_TILED}, in patches, the rest by themselves: every split, grids of "
    + ", ".join(f"{rows}x{columns}" for rows, columns in PATCH_GRIDS)
)
EVERY_ORDER = "every order of the layers"
THIS_ORDER = "this order of the layers"
REGIONS = (
    "every cut of it into layers and regions, each layer's demands first to last or last to first, both directions, every placement;"
    " nothing computed twice, these kernels"
)
STRIPS = (
    f"every cut of it into layers and regions, regions whole or, up to {LONGEST_TILED} layers long, in "
    + ", ".join(str(strips) for _, strips in STRIP_GRIDS)
    + " strips, every placement; these kernels"
)


def judge(
    graph: Graph, steps: Sequence[Step], views: Views, *, schedule: str, tiled: bool, reached: int, effort: float
) -> Searched:
    """What the search that led to a plan of `reached` bytes proves of it."""
    if schedule == "layers":
        bound = layers_bound(graph, steps, views)
        return Searched(kind=LAYERS, bound=bound, exhaustive=reached <= bound)
    if schedule == "patches":
        found = patches(graph, steps, views, peak=None)
        bound = layers_bound(graph, steps, views) if found is None else found.peak
        return Searched(kind=PATCHES, bound=bound, exhaustive=reached <= bound)
    found_least = least(graph, steps, views, below=reached, grids=STRIP_GRIDS if tiled else ())
    kind = f"{EVERY_ORDER if found_least.orders else THIS_ORDER}, {STRIPS if tiled else REGIONS}"
    bound = found_least.bytes if found_least.complete else 0
    if tiled or bound == reached or not found_least.orders:
        return Searched(kind=kind, bound=bound, exhaustive=found_least.orders and bound == reached)
    settled = settle(graph, steps, views, below=reached, effort=effort)
    proven = settled.proven and settled.bytes == reached
    return Searched(kind=kind, bound=reached if proven else bound, exhaustive=proven)


def least(graph: Graph, steps: Sequence[Step], views: Views, *, below: int, grids: Sequence[Grid] = ()) -> Least:
    """The least that any order and partition of the steps needs, if it is less than `below`; regions in tiles of `grids` too."""
    return _Exact(graph, steps, views, grids=grids).run(below)


def least_memory_in_any_order(graph: Graph, steps: tuple[Step, ...], views: Views) -> tuple[tuple[Step, ...], Point]:
    """The steps in the given order, or in one that strictly needs less, and the point of least memory."""
    order, point = _least_in_any_order(_Asked(graph, steps, views))
    return tuple(steps[index] for index in order), point


@dataclass(frozen=True)
class _Asked:
    """What the search is asked; equal where its answer is: constants' values do not matter."""

    graph: Graph = field(compare=False)
    steps: tuple[Step, ...]
    views: Views = field(compare=False)
    told: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        roots = sorted({view.root for view in self.views.values()})
        told = (
            self.graph.inputs,
            self.graph.outputs,
            tuple(sorted(self.views.items(), key=lambda item: item[0])),
            tuple(self.graph.tensors[root] for root in roots if root in self.graph.tensors),
        )
        object.__setattr__(self, "told", told)


@lru_cache(maxsize=16)
def _least_in_any_order(asked: _Asked) -> tuple[tuple[int, ...], Point]:
    """The order, as places in the steps that were asked for, and the point; planning and its front ask the same."""
    graph, steps, views = asked.graph, asked.steps, asked.views
    point = least_memory(graph, steps, views)
    found = least(graph, steps, views, below=point.peak)
    if found.partition is None:
        return tuple(range(len(steps))), point
    return found.order, least_memory(graph, [steps[index] for index in found.order], views)


def dependencies(steps: Sequence[Step]) -> list[Steps]:
    """For each step, those that must run before it: they write what it reads, or read or write what it overwrites."""
    return [
        sum(1 << i for i, earlier in enumerate(steps[:j]) if _conflict(earlier, step)) for j, step in enumerate(steps)
    ]


def _conflict(earlier: Step, later: Step) -> bool:
    wrote, writes = _written(earlier), _written(later)
    return any(views_meet(*wrote, *read) for read in _read(later)) or any(
        views_meet(*writes, *place) for place in (wrote, *_read(earlier))
    )


def _written(step: Step) -> tuple[View, Tensor]:
    return step.output, step.operands.output


def _read(step: Step) -> Iterator[tuple[View, Tensor]]:
    for position, view in zip(step.activations, step.inputs, strict=True):
        if view is not None:
            yield view, step.operands.input(position)


def downsets(before: Sequence[Steps], *, most: int) -> list[Steps] | None:
    """Every set of steps that is closed under `before`, smaller ones first; None where there are more than `most`."""
    found = level = [0]
    while level:
        level = sorted({d | 1 << i for d in level for i, needs in enumerate(before) if not (d >> i & 1 or needs & ~d)})
        found = found + level
        if len(found) > most:
            return None
    return found


@dataclass(slots=True)
class _Exact:
    graph: Graph
    steps: Sequence[Step]
    views: Views
    grids: Sequence[Grid] = ()
    pinned: frozenset[str] = field(init=False)
    floors: Floors = field(init=False)
    found: dict[tuple[Steps, Steps], list[tuple[int, Region | int]]] = field(default_factory=dict)
    floor: dict[tuple[Steps, Steps], int] = field(default_factory=dict)
    """Below what regions need, as far as that had to be known."""
    tiled: dict[tuple[Steps, Steps], list[tuple[int, Region | int]]] = field(default_factory=dict)
    simulated: int = 0

    def __post_init__(self) -> None:
        self.pinned = pinned_roots(self.graph, self.views)
        self.floors = Floors(self.graph, self.steps, self.views)

    def run(self, below: int) -> Least:
        states = downsets(dependencies(self.steps), most=MOST_DOWNSETS)
        orders = states is not None
        if states is None:
            states = [(1 << count) - 1 for count in range(len(self.steps) + 1)]
        limit, found = below, None
        while (better := self._within(states, limit)) is not None:
            limit, found = better
        return Least(
            bytes=limit,
            order=tuple(index for members, _ in found or () for index in members),
            partition=None if found is None else tuple(group for _, group in found),
            complete=self.simulated <= MOST_REGIONS,
            orders=orders,
        )

    def _within(self, states: Sequence[Steps], limit: int) -> tuple[int, Groups] | None:
        """Groups that all need less than `limit`, after what the largest needs; None where there is no such plan."""
        came: dict[Steps, tuple[Steps, int, Region | int]] = {}
        reached = [0]
        for state in states[1:]:
            if self.floors.between(state) >= limit:
                continue
            for before in reversed(reached):
                if before & ~state:
                    continue
                options = [option for option in self.options(before, state, limit) if option[0] < limit]
                cost, group = min(options or self.cuts(before, state, limit), key=_need, default=(NEVER, None))
                if cost < limit and group is not None:
                    came[state] = before, cost, group
                    reached.append(state)
                    break
        return self._groups(came, states[-1]) if states[-1] in came else None

    def _groups(self, came: Mapping[Steps, tuple[Steps, int, Region | int]], state: Steps) -> tuple[int, Groups]:
        worst = 0
        groups: Groups = []
        while state:
            before, cost, group = came[state]
            groups.append((members_of(state & ~before), group))
            worst = max(worst, cost)
            state = before
        return worst, groups[::-1]

    def options(self, before: Steps, after: Steps, limit: int) -> list[tuple[int, Region | int]]:
        """The ways to run the steps between two downsets as one group, after what they need; none where all need `limit` or more."""
        if (before, after) not in self.found:
            if self._hopeless(before, after, limit):
                return []
            self.found[before, after] = self._ways(before, after)
        return self.found[before, after]

    def cuts(self, before: Steps, after: Steps, limit: int) -> list[tuple[int, Region | int]]:
        """The ways to run them in tiles, each overlapping neither what it reads nor what it leaves; none where all need `limit` or more."""
        inside = after & ~before
        if not self.grids or not 1 < inside.bit_count() <= LONGEST_TILED or inside & self.floors.whole:
            return []
        if self.simulated > MOST_REGIONS:
            return []
        roots = self.floors.roots.values()
        if sum(root.bytes for root in roots if root.crosses(before) or root.crosses(after)) - PADDING >= limit:
            return []
        if (before, after) not in self.tiled:
            self.tiled[before, after] = self._tiled(before, after)
        return [option for option in self.tiled[before, after] if option[0] < limit]

    def _tiled(self, before: Steps, after: Steps) -> list[tuple[int, Region | int]]:
        if (before, after) not in self.found:
            self.found[before, after] = self._ways(before, after)
        steps, alive = self._in_order(before, after)
        found: list[tuple[int, Region | int]] = []
        regions = (region for _, region in self.found[before, after] if isinstance(region, Region))
        uncut = one_for_each_demand_order(regions)
        for region, (bands, strips) in itertools.product(uncut, self.grids):
            cut = tile_region(self.graph, steps, region, bands=bands, strips=strips)
            if cut is not None:
                found.append((group_bound(self.graph, steps, alive, self.pinned, cut), cut))
        return found

    def _hopeless(self, before: Steps, after: Steps, limit: int) -> bool:
        inside = after & ~before
        if self._is_single(inside):
            return False
        if inside & self.floors.whole or self.simulated > MOST_REGIONS:
            return True
        if self.floor.get((before, after), 0) < limit:
            self.floor[before, after] = self.floors.region(before, after, members_of(inside), limit)
        return self.floor[before, after] >= limit

    def _is_single(self, inside: Steps) -> bool:
        return inside.bit_count() == 1 and not self.steps[inside.bit_length() - 1].pushed

    def _ways(self, before: Steps, after: Steps) -> list[tuple[int, Region | int]]:
        start, end = before.bit_count(), after.bit_count()
        steps, alive = self._in_order(before, after)
        if self._is_single(after & ~before):
            return [(group_bound(self.graph, steps, alive, self.pinned, start), start)]
        self.simulated += 1
        return [*regions_by_need(self.graph, steps, alive, self.pinned, start, end)]

    def _in_order(self, before: Steps, after: Steps) -> tuple[list[Step], Mapping[str, Lifetime]]:
        """All steps such that those between the two downsets follow one another."""
        rest = ((1 << len(self.steps)) - 1) & ~after
        order = (*members_of(before), *members_of(after & ~before), *members_of(rest))
        steps = [self.steps[index] for index in order]
        return steps, pinned_lifetimes(self.graph, steps, self.views)


def _need(option: tuple[int, Region | int]) -> int:
    return option[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The plan of least memory below a limit, if there is one; `proven`: there is none with less."""

    steps: tuple[Step, ...] = ()
    partition: Partition | None = None
    bytes: int
    proven: bool


def settle(graph: Graph, steps: Sequence[Step], views: Views, *, below: int, effort: float) -> Settled:
    """For few steps: place every plan of the class whose groups need less than `below`, where placement needs more than they do."""
    if len(steps) > MOST_SETTLED:
        return Settled(bytes=below, proven=False)
    return _Settling(_Exact(graph, steps, views), effort, Settled(bytes=below, proven=True)).run()


@dataclass(slots=True)
class _Settling:
    exact: _Exact
    effort: float
    best: Settled
    states: Sequence[Steps] = ()
    placed: int = 0

    def run(self) -> Settled:
        states = downsets(dependencies(self.exact.steps), most=MOST_DOWNSETS)
        if states is None:
            return replace(self.best, proven=False)
        self.states = states
        self._go_on(0, [])
        return replace(self.best, proven=self.best.proven and self.exact.simulated <= MOST_REGIONS)

    def _go_on(self, state: Steps, groups: Groups) -> None:
        """Every way to run what is left after `state`."""
        if state == self.states[-1]:
            self._place(groups)
            return
        for after in self.states:
            if state & ~after or after == state or self.exact.floors.between(after) >= self.best.bytes:
                continue
            for need, group in self.exact.options(state, after, self.best.bytes):
                if need < self.best.bytes and self.placed < MOST_PLACED:
                    self._go_on(after, [*groups, (members_of(after & ~state), group)])

    def _place(self, groups: Groups) -> None:
        graph, views = self.exact.graph, self.exact.views
        steps = tuple(self.exact.steps[index] for members, _ in groups for index in members)
        partition = tuple(group for _, group in groups)
        placement = place(make_problem(graph, steps, views, partition), effort=self.effort)
        self.placed += 1
        proven = self.best.proven and self.placed < MOST_PLACED
        if placement.bytes < self.best.bytes:
            self.best = Settled(steps=steps, partition=partition, bytes=placement.bytes, proven=proven)
        self.best = replace(self.best, proven=proven and placement.lower_bound >= self.best.bytes)
