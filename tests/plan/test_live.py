"""What a plan says is in use: overlapping buffers count once, and the peak is the arena where nothing is wasted."""

from __future__ import annotations

from graphs import Builder

from tinyc.kernels.contract import Isa
from tinyc.ops import Add, Padding
from tinyc.plan import make_plan
from tinyc.plan.place import Buffer
from tinyc.plan.plan import covered


def test_overlapping_buffers_count_once() -> None:
    buffers = [Buffer(name=name, bytes=10, lives=((0, 0),)) for name in "abc"]
    assert covered(buffers, {"a": 0, "b": 4, "c": 100}) == 14 + 10
    assert covered(buffers, {"a": 0, "b": 0, "c": 0}) == 10
    assert covered([], {}) == 0


def test_a_buffer_within_another_adds_nothing() -> None:
    outer = Buffer(name="outer", bytes=100, lives=((0, 0),))
    inner = Buffer(name="inner", bytes=10, lives=((0, 0),))
    assert covered([outer, inner], {"outer": 0, "inner": 40}) == 100


def test_the_fullest_step_holds_what_the_arena_has_room_for() -> None:
    builder = Builder(seed=3)
    x = builder.input(1, 16, 16, 4)
    y = builder.conv2d(x, 8, padding=Padding(1, 1, 1, 1))
    z = builder.conv2d(y, 8, padding=Padding(1, 1, 1, 1))
    graph = builder.graph(builder.apply(Add(), y, z))
    for schedule in ("layers", "stream"):
        plan = make_plan(graph, isas=(Isa.SCALAR,), schedule=schedule)
        assert plan.placement.optimal
        assert covered(plan.peak, plan.placement.offsets) == max(plan.live_bytes(i) for i in range(len(plan.steps)))
        assert (
            covered(plan.peak, plan.placement.offsets)
            <= plan.arena_bytes
            < covered(plan.peak, plan.placement.offsets) + 4
        )
