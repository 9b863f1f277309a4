"""Where tensors live relative to one another, and what that is worth."""

from __future__ import annotations

from graphs import Builder

from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.ops import Add, Padding
from tinyc.passes import input_by_rows
from tinyc.plan import Plan, make_plan

SAME = Padding(1, 1, 1, 1)


def residual() -> tuple[Graph, str, str]:
    """A block with a shortcut, the name of what its last convolution makes, and that of the sum."""
    builder = Builder(seed=5)
    x = builder.conv2d(builder.input(1, 32, 32, 8), 8, padding=SAME)
    y = builder.conv2d(x, 8, padding=SAME)
    total = builder.apply(Add(), x, y)
    last = builder.conv2d(total, 2, padding=SAME)
    return builder.graph(last), y, total


def planned(graph: Graph, schedule: str = "stream") -> Plan:
    return make_plan(graph, isas=(Isa.SCALAR,), schedule=schedule)


def test_a_sum_is_made_where_its_operand_is() -> None:
    graph, operand, total = residual()
    for schedule in ("layers", "stream"):
        plan = planned(graph, schedule)
        assert plan.views[operand] == plan.views[total]
    rings = {root for group in planned(input_by_rows(graph)).groups for root in group.rings}
    assert total in rings and operand not in rings


def test_an_operand_that_is_read_again_is_not_overwritten() -> None:
    builder = Builder(seed=5)
    x = builder.conv2d(builder.input(1, 8, 8, 4), 4)
    y = builder.conv2d(builder.input(1, 8, 8, 4), 4)
    total = builder.apply(Add(), x, y)
    again = builder.apply(Add(), builder.apply(Add(), total, x), y)
    plan = planned(builder.graph(again))
    assert plan.views[x].root == x and plan.views[y].root == y


def test_a_pushed_input_is_not_in_the_arena() -> None:
    graph, _, _ = residual()
    size = graph.tensors[graph.inputs[0]].bytes
    assert planned(input_by_rows(graph)).arena_bytes + size // 2 < planned(graph).arena_bytes
