"""Lives: what is of use at once is found, and in a region what is never of use at once shares bytes."""

from __future__ import annotations

import itertools

from graphs import Builder
from hypothesis import given
from hypothesis import strategies as st

from tinyc.kernels.contract import Isa
from tinyc.ops import Padding
from tinyc.plan import make_plan
from tinyc.plan.lives import Lives, joined, members_of, moments, within
from tinyc.plan.place import Buffer, Problem, bounds_during, lower_bound, place, rivals_of

LIVES = st.lists(st.integers(0, 30), min_size=2, max_size=10, unique=True).map(
    lambda ticks: joined(zip(sorted(ticks)[::2], sorted(ticks)[1::2], strict=False))
)


def is_live(lives: Lives, tick: int) -> bool:
    return any(first <= tick <= last for first, last in lives)


def test_spans_that_touch_are_one_life() -> None:
    assert joined([(0, 1), (2, 3), (5, 5), (5, 7)]) == ((0, 3), (5, 7))
    assert within(((0, 3), (5, 7)), 2, 5) == ((2, 3), (5, 5))


@given(st.lists(LIVES, min_size=1, max_size=6))
def test_moments_are_what_is_of_use_at_some_tick(lives: list[Lives]) -> None:
    sizes = [10**at for at in range(len(lives))]
    found = moments(lives, sizes)
    sets = {sum(1 << at for at, each in enumerate(lives) if is_live(each, tick)) for tick in range(32)}
    for moment in found:
        assert moment.members in sets
        assert moment.bytes == sum(sizes[at] for at in members_of(moment.members))
        assert all(is_live(lives[at], moment.tick) for at in members_of(moment.members))
    assert all(any(not every & ~moment.members for moment in found) for every in sets)  # some moment has it all


@given(st.lists(LIVES, min_size=1, max_size=6))
def test_buffers_share_bytes_only_where_they_are_never_of_use_at_once(lives: list[Lives]) -> None:
    buffers = tuple(Buffer(name=f"b{at}", bytes=8 + at, lives=each) for at, each in enumerate(lives))
    problem, rivals = Problem(buffers=buffers), rivals_of(buffers)
    placement = place(problem, effort=0.2)
    assert placement.bytes >= placement.lower_bound >= lower_bound(problem)
    assert max(bounds_during(problem, [b.name for b in buffers])) == lower_bound(problem)
    for a, b in itertools.combinations(buffers, 2):
        together = any(is_live(a.lives, tick) and is_live(b.lives, tick) for tick in range(32))
        assert together == (b.name in rivals[a.name])
        low, high = sorted((a, b), key=lambda each: placement.offsets[each.name])
        assert not together or placement.offsets[low.name] + low.bytes <= placement.offsets[high.name]


def test_rows_on_their_way_from_one_layer_to_the_next_share_bytes() -> None:
    """A depthwise layer's row is used up before the next depthwise layer runs."""
    builder = Builder(seed=5)
    x = builder.input(1, 16, 16, 2)
    for channels in (4, 2):
        x = builder.conv2d(x, 32, (1, 1))
        x = builder.depthwise(x, padding=Padding(1, 1, 1, 1))
        x = builder.conv2d(x, channels, (1, 1))
    plan = make_plan(builder.graph(x), isas=(Isa.SCALAR,), schedule="stream")
    rows = [step.output.root for step in plan.steps if step.op.kind == "depthwise_conv2d"]
    buffers = [b for b in plan.problem.buffers if b.name in rows]
    spans = [range(plan.placement.offsets[b.name], plan.placement.offsets[b.name] + b.bytes) for b in buffers]
    assert len(spans) == 2 and all(len(b.lives) > 10 for b in buffers)
    assert set(spans[0]) & set(spans[1])
