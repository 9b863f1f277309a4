"""The search against brute force: every order of the steps, every cut into groups, every order of demands, each placed by the solver.

What the search says that its class needs at least, and what it calls exhaustive, is what trying everything finds.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest
from graphs import Builder

from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.ops import Add, Concatenation, MaxPool2D, Mul, Padding, Transpose
from tinyc.plan import Plan, Step, make_plan
from tinyc.plan.bounds import Floors, group_bound, pinned_lifetimes, pinned_roots, regions_by_need
from tinyc.plan.candidates import Region, region_variants
from tinyc.plan.exact import dependencies, downsets, least
from tinyc.plan.place import lower_bound, place
from tinyc.plan.problem import make_problem
from tinyc.plan.search import STRIPS, Partition, least_memory, least_work
from tinyc.plan.steps import make_steps
from tinyc.plan.tiles import tile_region
from tinyc.plan.views import Views

PLAIN = (Isa.SCALAR,)
SAME = Padding(top=1, bottom=1, left=1, right=1)


def branching(seed: int) -> Graph:
    """Four to six operations: windows, strides, pools, joins of whatever fits, so that there are several orders."""
    chance = random.Random(seed)
    b = Builder(seed)
    open_ = [b.input(1, chance.randint(4, 9), chance.randint(2, 6), chance.randint(1, 4))]
    for _ in range(chance.randint(3, 5)):
        x = chance.choice(open_[-2:])
        like = [y for y in open_ if b[y].shape == b[x].shape and y != x]
        way = chance.random()
        if like and way < 0.5:
            join = chance.choice((Add(), Mul(), Concatenation(axis=3)))
            open_.append(b.apply(join, x, chance.choice(like), like=open_[0]))
        elif way < 0.6 and b[x].shape[1] > 2:
            open_.append(b.apply(MaxPool2D(size=(2, 1), stride=(2, 1)), x, like=x))
        elif way < 0.7:
            open_.append(b.depthwise(x, (3, 3), padding=SAME, like=open_[0]))
        else:
            stride = chance.choice(((1, 1), (1, 1), (2, 1)))
            open_.append(b.conv2d(x, chance.randint(1, 6), (3, 3), stride=stride, padding=SAME, like=open_[0]))
    read = {name for operation in b.graph(open_[-1]).operations for name in operation.inputs}
    return b.graph(*(name for name in open_[1:] if name not in read))


def orders(steps: Sequence[Step]) -> Iterator[tuple[Step, ...]]:
    """Every order in which no step runs before one that it needs."""
    before = dependencies(steps)
    for permutation in itertools.permutations(range(len(steps))):
        if all(before[j] & ~sum(1 << i for i in permutation[:at]) == 0 for at, j in enumerate(permutation)):
            yield tuple(steps[index] for index in permutation)


def cuts(graph: Graph, steps: Sequence[Step], views: Views, *, tiles: bool = False) -> Iterator[Partition]:
    """Every partition of the steps in this order, with every order of demands and, if wanted, every way to cut into strips.

    Within a region the steps are in the order of the file.
    """
    written = [step.name for step in make_steps(graph, isas=PLAIN)[0]]
    alive, pinned, count = pinned_lifetimes(graph, steps, views), pinned_roots(graph, views), len(steps)

    def from_step(start: int) -> Iterator[Partition]:
        if start == count:
            yield ()
            return
        for end in range(start + 1, count + 1):
            groups: list[Region | int] = [start] if end == start + 1 else []
            places = [written.index(step.name) for step in steps[start:end]]
            if end > start + 1 and places == sorted(places):
                groups += region_variants(graph, steps, alive, pinned, start, end)
            if tiles and end > start + 1:
                uncut = region_variants(graph, steps, alive, pinned, start, end)
                cut = [tile_region(graph, steps, each, bands=a, strips=b) for a, b in STRIPS for each in uncut]
                groups += [region for region in cut if region is not None]
            for group in groups:
                for rest in from_step(end):
                    yield (group, *rest)

    return from_step(0)


def brute_force(graph: Graph, steps: Sequence[Step], views: Views) -> int:
    """The least arena of the whole class; what cannot be less than the best so far is not placed."""
    best = 2**62
    for order in orders(steps):
        for partition in cuts(graph, order, views):
            problem = make_problem(graph, order, views, partition)
            if lower_bound(problem) < best:
                placed = place(problem, effort=5.0)
                assert placed.optimal
                best = min(best, placed.bytes)
    return best


@pytest.mark.parametrize("seed", range(40))
def test_the_search_finds_what_brute_force_finds(seed: int) -> None:
    graph = branching(seed)
    plan = make_plan(graph, isas=PLAIN, schedule="stream")
    steps, views = make_steps(graph, isas=PLAIN)
    found = brute_force(graph, steps, views)
    assert plan.searched is not None
    assert plan.searched.exhaustive
    assert plan.searched.bound == found == plan.placement.bytes


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_the_least_work_in_tiles_is_what_brute_force_finds(seed: int) -> None:
    graph = branching(seed)
    steps, views = make_steps(graph, isas=PLAIN)
    ways = [
        (lower_bound(make_problem(graph, steps, views, partition)), sum(_extra(group) for group in partition))
        for partition in cuts(graph, steps, views, tiles=True)
    ]
    least_bound = min(bound for bound, _ in ways)
    for peak in sorted({bound for bound, _ in ways})[:6]:
        point = least_work(graph, steps, views, peak=peak)
        assert point is not None and point.peak <= peak
        assert point.extra_macs == min(extra for bound, extra in ways if bound <= peak)
    assert least_work(graph, steps, views, peak=least_bound - 1) is None


@pytest.mark.parametrize("seed", range(1, 40, 5))
def test_the_least_in_tiles_in_any_order_is_what_brute_force_finds(seed: int) -> None:
    graph = branching(seed)
    steps, views = make_steps(graph, isas=PLAIN)
    bounds = [
        lower_bound(make_problem(graph, order, views, partition))
        for order in orders(steps)
        for partition in cuts(graph, order, views, tiles=True)
    ]
    found = least(graph, steps, views, below=2**40, grids=STRIPS)
    assert found.complete and found.orders and found.bytes == min(bounds)
    assert least(graph, steps, views, below=found.bytes, grids=STRIPS).partition is None


def _extra(group: Region | int) -> int:
    return group.extra_macs if isinstance(group, Region) else 0


def rows_for_nobody() -> Graph:
    """Of a pool's two rows only the first is read, which sees one row of the convolution and one of padding; the second would see two."""
    b = Builder(1)
    x = b.conv2d(b.input(1, 3, 4, 2), 8, (1, 1))
    pooled = b.apply(MaxPool2D(size=(2, 1), stride=(2, 1), padding=Padding(top=1)), x, like=x)
    return b.graph(b.depthwise(pooled, (1, 1), stride=(2, 1)))


@pytest.mark.parametrize("graph", [*(branching(1000 + seed) for seed in range(60)), rows_for_nobody()])
def test_floors_are_below_what_regions_need(graph: Graph) -> None:
    steps, views = make_steps(graph, isas=PLAIN)
    floors, alive = Floors(graph, steps, views), pinned_lifetimes(graph, steps, views)
    for start, end in itertools.combinations(range(len(steps) + 1), 2):
        for region in region_variants(graph, steps, alive, pinned_roots(graph, views), start, end):
            assert floors.run(start, end, 2**62) <= group_bound(graph, steps, alive, pinned_roots(graph, views), region)


def test_the_peak_of_a_partition_is_that_of_its_groups() -> None:
    for seed in range(10):
        graph = branching(seed)
        steps, views = make_steps(graph, isas=PLAIN)
        point = least_memory(graph, steps, views)
        assert lower_bound(make_problem(graph, steps, views, point.partition)) == point.peak


def breadth_first() -> Graph:
    """Branches that the file makes level by level, though each is wide at first and small in the end; transposed, so that none streams.

    a, b, c = conv x; a', b', c' = transpose a, b, c; y = conv a' + conv b' + conv c'   ->   a, a', conv a', b, b', ...
    """
    b = Builder(1)
    x = b.input(1, 8, 8, 2)
    wide = [b.conv2d(x, 24, (1, 1)) for _ in range(3)]
    turned = [b.apply(Transpose(permutation=(0, 2, 1, 3)), w, like=w) for w in wide]
    small = [b.conv2d(t, 1, (8, 8), stride=(8, 8)) for t in turned]
    return b.graph(b.apply(Add(), b.apply(Add(), small[0], small[1]), small[2]))


def test_another_order_of_the_layers_wins() -> None:
    graph = breadth_first()
    steps, views = make_steps(graph, isas=PLAIN)
    kept = least_memory(graph, steps, views)
    found = least(graph, steps, views, below=kept.peak)
    plan = make_plan(graph, isas=PLAIN, schedule="stream")
    assert found.partition is not None and found.bytes < kept.peak * 3 // 4
    assert found.order != tuple(range(len(steps)))
    assert plan.placement.bytes == found.bytes and _is_exhaustive(plan)
    assert [step.name for step in plan.steps] != [step.name for step in steps]


def test_the_order_of_the_file_is_kept_among_equals() -> None:
    b = Builder(2)
    x = b.input(1, 6, 6, 4)
    y = b.apply(Add(), b.conv2d(x, 4, padding=SAME), b.conv2d(x, 4, (1, 1)))
    plan = make_plan(b.graph(y), isas=PLAIN, schedule="stream")
    assert [step.name for step in plan.steps] == [step.name for step in make_steps(b.graph(y), isas=PLAIN)[0]]
    assert _is_exhaustive(plan)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_reader_of_a_concatenation_waits_for_every_piece(axis: int) -> None:
    b = Builder(3)
    x = b.input(1, 4, 4, 4)
    pieces = [b.conv2d(x, 4, (1, 1), like=x) for _ in range(3)]
    joined = b.apply(Concatenation(axis=axis), *pieces, like=x)
    steps, _ = make_steps(b.graph(b.conv2d(joined, 2, (1, 1)), b.conv2d(pieces[1], 2, (1, 1))), isas=PLAIN)
    names = [step.name for step in steps]
    before = dependencies(steps)
    made = [names.index(f"conv2d_{number}") for number in range(3)]
    assert len(steps) == 5
    assert before[3] == sum(1 << index for index in made)
    assert before[4] == 1 << made[1]
    assert [before[index] for index in made] == [0, 0, 0]


def test_downsets_of_a_chain_and_of_branches() -> None:
    assert downsets([0b0, 0b1, 0b10], most=10) == [0b0, 0b1, 0b11, 0b111]
    assert downsets([0, 0], most=10) == [0, 0b1, 0b10, 0b11]
    assert downsets([0] * 5, most=31) is None


def _is_exhaustive(plan: Plan) -> bool:
    return plan.searched is not None and plan.searched.exhaustive


def test_either_order_of_demands_is_cut_into_tiles() -> None:
    """Of a long and a short branch, what is asked first decides how many rows wait; uncut the one order needs less, in strips the other."""
    b = Builder(497)
    x = b.input(1, 8, 14, 2)
    stem = b.conv2d(x, 3, (3, 3), padding=SAME, like=x)
    short = b.conv2d(stem, 4, (3, 3), padding=SAME, like=x)
    long = b.conv2d(b.conv2d(stem, 7, (3, 3), padding=SAME, like=x), 9, (1, 1), like=x)
    graph = b.graph(b.apply(Add(), short, b.conv2d(long, 4, (3, 3), padding=SAME, like=x), like=x))
    steps, views = make_steps(graph, isas=PLAIN)
    alive, pinned = pinned_lifetimes(graph, steps, views), pinned_roots(graph, views)

    def least_of(region: Region) -> int:
        cut = [tile_region(graph, steps, region, bands=bands, strips=strips) for bands, strips in STRIPS]
        return min(group_bound(graph, steps, alive, pinned, each) for each in cut if each is not None)

    first, *others = (region for _, region in regions_by_need(graph, steps, alive, pinned, 0, len(steps)))
    wanted = min(least_of(region) for region in others)
    assert wanted < least_of(first)
    assert least_work(graph, steps, views, peak=wanted) is not None
    assert least(graph, steps, views, below=2**40, grids=STRIPS).bytes <= wanted
