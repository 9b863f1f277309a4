"""Random graphs in every schedule, with plain and DSP kernels: outputs and every row equal to numpy, under sanitizers.

The arena is a heap block of the exact size.  `TINYC_RANDOM_GRAPHS=3000` tries that many graphs with fresh seeds; without it the same
hundred are tried every time.
"""

from __future__ import annotations

import os
import random
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from drawn import graphs
from graphs import Builder, samples
from hypothesis import HealthCheck, Phase, given, seed, settings
from native import has_compiler, run_native

from tinyc.checker import check as check_certificate
from tinyc.ir import Graph, to_text
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.lower.certificate import certificate_text
from tinyc.ops import Concatenation, MaxPool2D, Padding
from tinyc.oracle import evaluate
from tinyc.passes import rewrite
from tinyc.plan import Bank, Plan, make_plan
from tinyc.plan.bounds import pinned_lifetimes, pinned_roots
from tinyc.plan.candidates import Region, region_variants
from tinyc.plan.place import lower_bound
from tinyc.plan.plan import placed, placed_in_banks
from tinyc.plan.steps import make_steps
from tinyc.plan.tiles import tile_region
from tinyc.report.compare import expected_rows

SHARDS = 4
WANTED = int(os.environ.get("TINYC_RANDOM_GRAPHS", "0"))
EXAMPLES = max(1, (WANTED or 100) // SHARDS)
ISAS = {"scalar": (Isa.SCALAR,), "dsp": (Isa.SCALAR, Isa.DSP)}
SCHEDULES = ("layers", "stream", "patches")
EFFORT = 0.05
"""CP-SAT's share in each placement: enough to prove small ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One program of a graph and how it came about."""

    what: str
    plan: Plan
    program: Program


def programs(graph: Graph) -> list[Tried]:
    """Every schedule on every instruction set, without those that repeat another."""
    plans = {
        f"{schedule} on {isa}": make_plan(graph, isas=isas, schedule=schedule, effort=EFFORT)
        for isa, isas in ISAS.items()
        for schedule in SCHEDULES
    }
    chance = random.Random(len(to_text(graph)))
    plans |= {f"random regions on {isa}": random_plan(graph, isas, chance) for isa, isas in ISAS.items()}
    plans |= {f"{what} in banks": in_banks(plan, chance) for what, plan in list(plans.items())[-3:]}
    tried: list[Tried] = []
    for what, plan in plans.items():
        number = len(tried)
        program = lower(plan, model_name=f"p{number}", sha256="0" * 64, share=number % 2 == 1)
        if not any(_same(plan, other.plan) for other in tried):
            tried.append(Tried(what=what, plan=plan, program=program))
    return tried


def random_plan(graph: Graph, isas: tuple[Isa, ...], chance: random.Random) -> Plan:
    """Regions as they come, some of them in tiles: what no search for the least memory would choose."""
    steps, views = make_steps(graph, isas=isas)
    pinned, alive = pinned_roots(graph, views), pinned_lifetimes(graph, steps, views)
    partition: list[Region | int] = []
    start = 0
    while start < len(steps):
        end = chance.randint(start + 1, len(steps))
        variants = region_variants(graph, steps, alive, pinned, start, end) if end - start > 1 else []
        if not variants:
            partition.append(start)
            start += 1
            continue
        region = chance.choice(variants)
        if chance.random() < 0.5:
            tiled = tile_region(graph, steps, region, bands=chance.randint(1, 3), strips=chance.randint(1, 3))
            region = region if tiled is None else tiled
        partition.append(region)
        start = end
    return placed(graph, steps, views, tuple(partition), EFFORT)


def test_a_region_in_one_tile(tmp_path: Path) -> None:
    """Columns that nobody reads are not made: the last of five, before a pool over pairs."""
    if not has_compiler():
        pytest.skip("no C compiler for this computer")
    b = Builder(1)
    x = b.conv2d(b.input(1, 6, 5, 2), 8, (1, 1))
    graph = b.graph(b.apply(MaxPool2D(size=(2, 2), stride=(2, 2)), x, like=x))
    steps, views = make_steps(graph, isas=ISAS["scalar"])
    region = region_variants(graph, steps, pinned_lifetimes(graph, steps, views), pinned_roots(graph, views), 0, 2)[0]
    tiled = tile_region(graph, steps, region, bands=1, strips=1)
    assert tiled is not None and tiled.ring_bytes[x] == 2 * 4 * 8 < region.ring_bytes[x]
    plan = placed(graph, steps, views, (tiled,), EFFORT)
    program = lower(plan, model_name="p0", sha256="0" * 64)
    check_values(graph, [Tried(what="one tile", plan=plan, program=program)], tmp_path)


def test_a_region_whose_calls_depend_on_its_direction() -> None:
    """Windows that are padded above only: the same rings both ways, at other calls.  What the plan says of either, the checker finds."""
    b = Builder(1)
    x = b.input(1, 8, 5, 1)
    above = b.conv2d(x, 5, (2, 3), padding=Padding(top=1, left=1, right=1), like=x)
    half = b.conv2d(x, 6, (1, 3), stride=(2, 1), padding=Padding(left=1, right=1), like=x)
    filtered = b.depthwise(half, (3, 3), padding=Padding(top=2, left=1, right=1), like=x)
    graph = b.graph(above, b.apply(Concatenation(axis=3), filtered, half, like=x))
    steps, views = make_steps(graph, isas=ISAS["dsp"])
    alive, pinned = pinned_lifetimes(graph, steps, views), pinned_roots(graph, views)
    regions = region_variants(graph, steps, alive, pinned, 0, len(steps))
    assert {region.descending for region in regions} == {None, False, True}
    for region in regions:
        plan = placed(graph, steps, views, (region,), EFFORT)
        check_certificate(certificate_text(lower(plan, model_name="p0", sha256="0" * 64)))


def in_banks(plan: Plan, chance: random.Random) -> Plan:
    """The same plan in a fast bank, which may be too small for anything, and two slower ones."""
    part = chance.randint(1, max(plan.arena_bytes, 2))
    banks = (
        Bank(name="fast", bytes=part, dma=chance.random() < 0.5),
        Bank(name="slow", bytes=plan.arena_bytes * 3 // 4, tier=1),
        Bank(name="far", bytes=2 * plan.arena_bytes + 8, tier=2),
    )
    cut_up = placed_in_banks(plan, banks, None, EFFORT)
    assert cut_up.placement.fits
    return cut_up


def _same(a: Plan, b: Plan) -> bool:
    kernels = [[step.kernel.name for step in plan.steps] for plan in (a, b)]
    return kernels[0] == kernels[1] and a.groups == b.groups and a.placement.spread == b.placement.spread


def check_plan(plan: Plan) -> None:
    """What is promised of every plan."""
    placement = plan.placement
    assert placement.bytes >= placement.lower_bound >= lower_bound(plan.problem, banks=len(placement.banks))
    assert placement.optimal == (placement.bytes == placement.lower_bound)
    assert plan.arena_bytes >= placement.bytes


def check_plans(tried: Sequence[Tried]) -> None:
    for each in tried:
        check_plan(each.plan)
        check_certificate(certificate_text(each.program))
    arenas = {each.what: each.plan.arena_bytes for each in tried}
    for isa in ISAS:
        layered, streamed = (arenas.get(f"{schedule} on {isa}") for schedule in ("layers", "stream"))
        if layered is not None and streamed is not None:
            assert streamed <= layered, f"streaming takes {streamed} B, layers {layered} B"


def check_values(graph: Graph, tried: Sequence[Tried], folder: Path) -> None:
    """Run all programs on a few samples."""
    chosen = samples(graph, count=2)
    found = run_native([each.program for each in tried], chosen, folder)
    for number, sample in enumerate(chosen):
        values = evaluate(graph, sample)
        for each, ran in zip(tried, found, strict=True):
            wanted = list(expected_rows(each.program, values))
            rows = list(ran[number].rows)
            wrong = [call for call, (a, b) in enumerate(zip(rows, wanted, strict=True)) if a != b]
            assert not wrong, f"{each.what}: call {wrong[0]} {list(each.program.calls())[wrong[0]]} differs"
            for port, output in zip(each.program.outputs, ran[number].outputs, strict=True):
                assert (output == values[port.name]).all(), f"{each.what}: output {port.name} differs"


def check(graph: Graph) -> None:
    tried = programs(graph)
    check_plans(tried)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "programs"
        folder.mkdir()
        check_values(graph, tried, folder)


def try_graphs(number: int, shard: int) -> None:
    """Check `number` random graphs, the same ones for the same shard."""

    @seed(shard)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    @given(graphs())
    def one(graph: Graph) -> None:
        check(graph)
        if random.Random(graph.macs()).random() < 0.25:
            check(rewrite(graph))

    one()


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_graphs(shard: int) -> None:
    if not has_compiler():
        pytest.skip("no C compiler for this computer")
    try_graphs(EXAMPLES, shard if not WANTED else secrets.randbits(32))
