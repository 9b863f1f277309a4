"""Several banks: nothing overlaps or sticks out, ports lie where DMA reaches, the hottest buffers lie in the fastest bank."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from graphs import Builder
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyc.board import load
from tinyc.build import arena_banks
from tinyc.checker import check
from tinyc.kernels.contract import Isa
from tinyc.lower import lower
from tinyc.lower.certificate import certificate_text
from tinyc.ops import Padding, Transpose
from tinyc.plan import Bank, make_plan, place_in_banks
from tinyc.plan.overlap import Distance
from tinyc.plan.place import Buffer, Overlap, Placement, Problem, lower_bound, place, rivals_of

SRAM, CCM = Bank(name="sram", bytes=128), Bank(name="ccm", bytes=64, dma=False)
FAST, SLOW = Bank(name="dtcm", bytes=64, dma=False), Bank(name="axi", bytes=256, tier=1)


def buffer(name: str, size: int, first: int = 0, last: int = 9, *, traffic: int = 0, port: bool = False) -> Buffer:
    return Buffer(name=name, bytes=size, lives=((first, last),), traffic=traffic, port=port)


def home(placement: Placement, name: str) -> str:
    """The bank of a buffer."""
    return placement.banks[placement.bank(name)]


def require_sound(problem: Problem, banks: Sequence[Bank], placement: Placement) -> None:
    """No two buffers that live at once share bytes of a bank, unless their overlap allows it; every bank holds what is in it."""
    room = {bank.name: bank.bytes for bank in banks}
    pairs = {frozenset((o.source, o.target)): o for o in problem.overlaps}
    rivals = rivals_of(problem.buffers)
    for b in problem.buffers:
        assert 0 <= placement.offsets[b.name] <= room[home(placement, b.name)] - b.bytes
        assert placement.offsets[b.name] % 4 == 0
    for a, b in itertools.combinations(problem.buffers, 2):
        at, other = placement.offsets[a.name], placement.offsets[b.name]
        apart = at + a.bytes <= other or other + b.bytes <= at or b.name not in rivals[a.name]
        if home(placement, a.name) != home(placement, b.name) or apart:
            continue
        pair = pairs[frozenset((a.name, b.name))]
        source, target = (a, b) if pair.source == a.name else (b, a)
        gap = placement.offsets[source.name] - placement.offsets[target.name]
        down, reach = pair.group in placement.descending, pair.distance.descending
        rise = pair.distance.ascending
        assert reach is not None if down else rise is not None and gap >= rise
        assert not down or -gap >= source.bytes - target.bytes + (reach or 0)
    used = {home(placement, b.name) for b in problem.buffers}
    assert used == set(placement.banks) or not problem.buffers
    ends = [
        max(placement.offsets[b.name] + b.bytes for b in problem.buffers if home(placement, b.name) == name)
        for name in placement.banks
        if name in used
    ]
    assert placement.bytes == sum(ends) >= placement.lower_bound
    assert placement.lower_bound >= lower_bound(problem, banks=max(len(placement.banks), 1))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Buffers in a chain and beside it; each may overlap the one before."""
    buffers = []
    for number in range(draw(st.integers(1, 9))):
        first = draw(st.integers(0, 8))
        last = draw(st.integers(first, 9))
        size, traffic = draw(st.integers(1, 60)), draw(st.integers(0, 500))
        idle = draw(st.integers(first, last))
        lives = ((first, idle - 1), (idle + 1, last)) if first < idle < last else ((first, last),)
        port = draw(st.integers(0, 3)) == 0
        buffers.append(Buffer(name=f"b{number}", bytes=size, lives=lives, traffic=traffic, port=port))
    overlaps = []
    for number, (a, b) in enumerate(itertools.pairwise(buffers)):
        if a.last == b.first and draw(st.booleans()):
            reach = draw(st.none() | st.integers(-20, 40))
            gap = Distance(ascending=draw(st.integers(-20, 40)), descending=reach)
            overlaps.append(Overlap(group=number // 2, source=a.name, target=b.name, distance=gap))
    return Problem(buffers=tuple(buffers), overlaps=tuple(overlaps))


BANKS = st.lists(
    st.builds(lambda size, tier, dma: (size, tier, dma), st.integers(8, 200), st.integers(0, 2), st.booleans()),
    min_size=2,
    max_size=3,
).map(lambda found: [Bank(name=f"m{i}", bytes=s // 4 * 4, tier=t, dma=d) for i, (s, t, d) in enumerate(found)])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(problem=problems(), banks=BANKS, percent=st.none() | st.integers(50, 120))
def test_what_fits_is_sound(problem: Problem, banks: list[Bank], percent: int | None) -> None:
    whole = place(problem, effort=0.1)
    limit = None if percent is None else whole.bytes * percent // 100
    placement = place_in_banks(problem, banks, limit=limit, effort=0.1)
    if not placement.fits:
        assert all(whole.bytes > bank.bytes for bank in banks)
        return
    require_sound(problem, banks, placement)
    assert limit is None or placement.bytes <= limit or whole.bytes > limit or whole.bytes > max(b.bytes for b in banks)
    assert placement == place_in_banks(problem, banks, limit=limit, effort=0.1)


def test_one_bank_where_speed_does_not_ask_for_two() -> None:
    problem = Problem(buffers=(buffer("x", 40, port=True), buffer("y", 80, traffic=1000)))
    placement = place_in_banks(problem, (SRAM, CCM))
    assert (placement.banks, placement.bytes, placement.offsets) == (("sram",), 120, place(problem).offsets)


def test_two_where_one_has_no_room() -> None:
    problem = Problem(buffers=(buffer("x", 60, port=True), buffer("y", 60, port=True), buffer("z", 60)))
    placement = place_in_banks(problem, (SRAM, CCM))
    assert placement.fits and placement.banks == ("sram", "ccm")
    assert [home(placement, name) for name in "xyz"] == ["sram", "sram", "ccm"]
    assert (placement.bytes, placement.lower_bound, placement.optimal) == (180, 180, True)


def test_a_port_leaves_what_dma_reaches_only_for_room() -> None:
    banks = (Bank(name="slow", bytes=32, tier=3), Bank(name="fast", bytes=128, dma=False))
    small = place_in_banks(Problem(buffers=(buffer("x", 32, port=True, traffic=9),)), banks)
    large = place_in_banks(Problem(buffers=(buffer("x", 36, port=True, traffic=9),)), banks)
    assert (small.banks, large.banks) == (("slow",), ("fast",))


def test_the_hottest_are_in_the_fastest() -> None:
    hot, warm = buffer("ring", 30, traffic=3000), buffer("scratch", 30, traffic=2000)
    problem = Problem(buffers=(buffer("x", 40, port=True, traffic=4000), buffer("skip", 64, traffic=64), hot, warm))
    placement = place_in_banks(problem, (FAST, SLOW))
    assert [home(placement, b.name) for b in problem.buffers] == ["axi", "axi", "dtcm", "dtcm"]


def test_traffic_counts_by_byte() -> None:
    dense = [buffer(f"r{n}", 30, traffic=1000) for n in range(2)]
    problem = Problem(buffers=(buffer("large", 64, traffic=1800), *dense))
    placement = place_in_banks(problem, (FAST, SLOW))
    assert [home(placement, b.name) for b in problem.buffers] == ["axi", "dtcm", "dtcm"]


def test_a_limit_comes_before_speed() -> None:
    gap = Distance(ascending=0, descending=0)
    x, y = buffer("x", 60, 0, 1, port=True, traffic=60), buffer("y", 60, 1, 2, traffic=600)
    problem = Problem(buffers=(x, y), overlaps=(Overlap(group=0, source="x", target="y", distance=gap),))
    assert place_in_banks(problem, (FAST, SLOW)).bytes == 120
    within = place_in_banks(problem, (FAST, SLOW), limit=100)
    assert within.fits and within.bytes == 60 and within.banks == ("axi",)
    beyond = place_in_banks(problem, (FAST, SLOW), limit=50)
    assert beyond.fits and beyond.bytes == 60


def test_a_buffer_larger_than_every_bank_does_not_fit() -> None:
    placement = place_in_banks(Problem(buffers=(buffer("x", 130),)), (SRAM, CCM))
    assert not placement.fits and placement.bytes == 130


def test_cutting_up_takes_more_than_the_sum() -> None:
    three = tuple(buffer(f"b{n}", 60) for n in range(3))
    assert place_in_banks(Problem(buffers=three), (SRAM, CCM)).fits
    four = tuple(buffer(f"b{n}", 48) for n in range(4))
    assert not place_in_banks(Problem(buffers=four), (SRAM, CCM)).fits


def test_what_first_fit_misses_the_solver_finds() -> None:
    sizes = (44, 40, 36, 32, 24, 16)
    problem = Problem(buffers=tuple(buffer(f"b{n}", size) for n, size in enumerate(sizes)))
    banks = (Bank(name="a", bytes=100), Bank(name="b", bytes=92))
    placement = place_in_banks(problem, banks)
    assert placement.fits and placement.bytes == sum(sizes) == 192


def test_tiles_where_the_parts_do_not_fit_otherwise() -> None:
    b = Builder(0)
    x = b.conv2d(b.input(1, 14, 9, 2), 5, (5, 2), padding=Padding(top=1, bottom=3, left=0, right=1))
    x = b.depthwise(x, (4, 3), multiplier=2, padding=Padding(top=2, bottom=1, left=1, right=1))
    graph = b.graph(b.depthwise(b.conv2d(x, 7, (1, 1)), (3, 1), stride=(2, 1), padding=Padding(0, 1, 0, 0)))
    plain = make_plan(graph, isas=(Isa.SCALAR,))
    banks = tuple(Bank(name=name, bytes=plain.arena_bytes * part // 10) for name, part in (("a", 6), ("b", 4)))
    tiled = make_plan(graph, isas=(Isa.SCALAR,), banks=banks)
    assert plain.extra_macs == 0 < tiled.extra_macs and tiled.placement.fits
    assert not make_plan(graph, isas=(Isa.SCALAR,), schedule="stream", banks=banks).placement.fits


@pytest.mark.parametrize("schedule", ["auto", "layers", "stream"])
def test_plans_for_boards_with_several_banks(schedule: str) -> None:
    b = Builder(2)
    x = b.conv2d(b.input(1, 40, 40, 30), 30, (1, 1))
    turned = b.apply(Transpose(permutation=(0, 2, 1, 3)), x, like=x)
    graph = b.graph(b.conv2d(turned, 8, (3, 3)))
    for name, names in (("stm32f407", ("sram",)), ("stm32h743", ("dtcm", "axi"))):
        banks = arena_banks(load(name), graph)
        plan = make_plan(graph, isas=(Isa.DSP, Isa.SCALAR), schedule=schedule, banks=banks)
        assert plan.placement.fits and plan.placement.banks == names
        assert plan.arena_bytes == sum(plan.bank_bytes)
        require_sound(plan.problem, banks, plan.placement)
        one = make_plan(graph, isas=(Isa.DSP, Isa.SCALAR), schedule=schedule, budget=sum(bank.bytes for bank in banks))
        assert [group.steps for group in plan.groups] == [group.steps for group in one.groups]
        if len(names) == 1:
            assert plan.placement.offsets == one.placement.offsets
        else:
            assert {home(plan.placement, name) for name in (*graph.inputs, *graph.outputs)} == {"axi"}
            scratch = [each.name for each in plan.problem.buffers if each.name.startswith(":scratch")]
            assert scratch and {home(plan.placement, name) for name in scratch} == {"dtcm"}


@pytest.mark.parametrize("over", [0, 2, 4])
def test_what_kernels_read_ahead_stays_in_its_bank(over: int) -> None:
    b = Builder(1)
    x = b.conv2d(b.input(1, 7, 7, 9), 3, (1, 1))
    for _ in range(2):
        x = b.depthwise(x, padding=Padding(1, 1, 1, 1))
    graph = b.graph(x)
    alone = make_plan(graph, isas=(Isa.SCALAR, Isa.DSP, Isa.MVE), schedule="layers")
    assert alone.arena_bytes > alone.placement.bytes
    banks = (Bank(name="a", bytes=alone.block_bytes + over), Bank(name="b", bytes=64, tier=1))
    plan = make_plan(graph, isas=(Isa.SCALAR, Isa.DSP, Isa.MVE), schedule="layers", banks=banks)
    assert plan.placement.fits
    check(certificate_text(lower(plan, model_name="model", sha256="0" * 64)))
