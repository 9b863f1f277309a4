"""Inverted bottlenecks in blocks of channels: the same values, for less memory where rings of the expanded rows make the peak."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from graphs import Builder
from native import has_compiler
from test_random_graphs import Tried, check_plans, check_values

from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.lower import lower
from tinyc.ops import Activation, Add, Conv2D, InvertedBottleneck, Padding
from tinyc.passes import input_by_rows
from tinyc.passes.fuse_bottleneck import BLOCK, bottlenecks, fuse_bottlenecks
from tinyc.plan import make_plan
from tinyc.plan.plan import make_front

ISAS = {"scalar": (Isa.SCALAR,), "dsp": (Isa.SCALAR, Isa.DSP)}


def mobile(seed: int) -> Graph:
    """Inverted bottlenecks of windows 3 to 7, strides 1 and 2, odd sizes, some with a shortcut."""
    chance, b = random.Random(seed), Builder(seed)
    x = b.input(1, chance.randint(5, 14), chance.randint(5, 14), 4)
    for _ in range(2):
        depth, expanded, size = b[x].shape[3], chance.choice((20, 24, 36)), chance.choice((3, 3, 5, 7))
        stride, channels = chance.choice(((1, depth), (2, chance.choice((4, 8)))))
        before = [chance.randint(size // 2, size - 1) for _ in range(4)]
        activation = chance.choice((Activation.RELU6, Activation.NONE))
        y = b.conv2d(x, expanded, (1, 1), activation=activation)
        y = b.depthwise(y, (size, size), stride=(stride, stride), padding=Padding(*before), activation=activation)
        y = b.conv2d(y, channels, (1, 1))
        x = b.apply(Add(), x, y) if b[x].shape == b[y].shape else y
    return b.graph(x)


def wide(*, channels: int = 64) -> Graph:
    """One bottleneck whose expanded rows, too narrow for strips, outweigh everything else; its input by rows."""
    b = Builder(1)
    x = b.conv2d(b.input(1, 16, 4, 4), channels, (1, 1), activation=Activation.RELU6)
    x = b.depthwise(x, stride=(2, 2), padding=Padding(0, 1, 0, 1), activation=Activation.RELU6)
    return input_by_rows(b.graph(b.conv2d(b.conv2d(x, 4, (1, 1)), 2, (3, 2), stride=(2, 1))))


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_blocks_compute_the_same(seed: int, tmp_path: Path) -> None:
    if not has_compiler():
        pytest.skip("no C compiler for this computer")
    graph = mobile(seed)
    found = bottlenecks(graph)
    assert found
    fused = fuse_bottlenecks(graph, found)
    tried: list[Tried] = []
    for isa, isas in ISAS.items():
        for schedule in ("layers", "stream", "patches"):
            plan = make_plan(fused, isas=isas, schedule=schedule, effort=0.1)
            assert any(isinstance(step.op, InvertedBottleneck) for step in plan.steps)
            program = lower(plan, model_name=f"p{len(tried)}", sha256="0" * 64, share=len(tried) % 2 == 1)
            tried.append(Tried(what=f"{schedule} on {isa}", plan=plan, program=program))
    check_plans(tried)
    check_values(graph, tried, tmp_path)


def test_they_are_chosen_where_a_budget_asks_for_it() -> None:
    graph = wide()
    rings = make_plan(graph, isas=ISAS["dsp"], schedule="stream")
    assert rings.extra_macs == 0 and all(not isinstance(step.op, InvertedBottleneck) for step in rings.steps)
    plan = make_plan(graph, isas=ISAS["dsp"], budget=rings.arena_bytes * 3 // 4)
    assert plan.arena_bytes <= rings.arena_bytes * 3 // 4
    assert any(isinstance(step.op, InvertedBottleneck) for step in plan.steps)
    again = sum(step.op.repeated_macs(step.operands) for step in plan.steps)
    assert plan.extra_macs >= again > 0
    assert plan.searched is not None and not plan.searched.exhaustive and "channels" in plan.searched.kind
    assert min(way.arena_bytes for way in make_front(graph, isas=ISAS["dsp"])) <= plan.arena_bytes


def test_what_is_expanded_again_is_counted_row_by_row() -> None:
    graph = wide()
    fused = fuse_bottlenecks(graph, bottlenecks(graph))
    operation = next(each for each in fused.operations if isinstance(each.op, InvertedBottleneck))
    operands = fused.operands(operation)
    windows = [range(2 * row, min(2 * row + 3, 16)) for row in range(8)]
    rows = sum(len(window) for window in windows)
    assert operation.op.repeated_macs(operands) == (rows - 16) * 4 * 4 * 64
    assert operation.op.macs(operands) == sum(
        each.op.macs(graph.operands(each)) for each in bottlenecks(graph)[operation.name]
    )


def test_what_others_read_or_what_is_narrow_is_left_alone() -> None:
    assert not bottlenecks(wide(channels=BLOCK))
    b = Builder(2)
    expanded = b.conv2d(b.input(1, 8, 8, 4), 32, (1, 1))
    y = b.conv2d(b.depthwise(expanded, padding=Padding(1, 1, 1, 1)), 4, (1, 1))
    assert not bottlenecks(b.graph(y, expanded))
    assert not bottlenecks(b.graph(y, b.apply(Add(), expanded, expanded)))
    b = Builder(3)
    y = b.conv2d(b.input(1, 8, 8, 4), 32, (1, 1), stride=(2, 2))
    y = b.conv2d(b.depthwise(y, padding=Padding(1, 1, 1, 1)), 4, (1, 1))
    assert isinstance(b.graph(y).operations[0].op, Conv2D) and not bottlenecks(b.graph(y))
