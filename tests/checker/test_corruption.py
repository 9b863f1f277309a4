"""Corrupted plans: whatever goes wrong when they run, the checker has seen; and what it refutes goes wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from corruptions import CHANGES, Mutant, mutants
from fates import RIGHT, fates, outputs
from graphs import samples
from planned import program

from tinyc.board import load
from tinyc.build import Target, build
from tinyc.checker.document import parse
from tinyc.checker.replay import replay
from tinyc.emit import emit
from tinyc.errors import NotACertificate, PlanRefuted, TargetFault
from tinyc.frontends import tflite
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.lower.certificate import certificate_text
from tinyc.oracle import evaluate
from tinyc.passes import quantized_boundary, rewrite
from tinyc.plan import make_plan
from tinyc.report.compare import expected_rows
from tinyc.run import run

BY_CONTRACT = ("that the same call reads", "scratch", "not aligned")
"""What breaks a kernel's contract, though this kernel, as this compiler built it, may still come out right."""
CASES = (
    "chain/layers",
    "chain/stream",
    "residual/stream",
    "residual/patches",
    "inception/stream",
    "hourglass/rows",
    "wide_kernels/strips",
    "residual/banks",
    "inception/banks",
    "chain/rows in banks",
)


def verdict(mutant: Mutant) -> str:
    """What the replay says against it, or nothing."""
    try:
        replay(parse(certificate_text(mutant.program)))
    except (PlanRefuted, NotACertificate) as refuted:
        return str(refuted)
    return ""


def compare(program: Program, corrupted: list[Mutant], folder: Path) -> Counter[str]:
    """How many went wrong and were refuted, and how many neither; fails where the two disagree."""
    drawn = samples(program.plan.graph, count=2)[:2]
    tally: Counter[str] = Counter()
    for mutant, fate in zip(
        corrupted, fates(program, [each.program for each in corrupted], drawn, folder), strict=True
    ):
        said = verdict(mutant)
        assert said or fate == RIGHT, f"{mutant.kind} goes {fate}, and the checker has nothing against it"
        assert not said or fate != RIGHT or any(words in said for words in BY_CONTRACT), (
            f"{mutant.kind} is right, but: {said}"
        )
        tally["harmless" if fate == RIGHT else "harmful"] += 1
    return tally


@pytest.mark.tools
@pytest.mark.parametrize("case", CASES)
def test_the_checker_sees_what_goes_wrong(case: str, tmp_path: Path) -> None:
    planned = program(*case.split("/"))
    drawn = samples(planned.plan.graph, count=2)[:2]
    for sample, found in zip(drawn, outputs(planned, drawn, tmp_path), strict=True):
        expected = evaluate(planned.plan.graph, sample)
        for port, values in zip(planned.outputs, found, strict=True):
            np.testing.assert_array_equal(values, expected[port.name])
    tally = compare(planned, list(mutants(planned, seed=1, each=2)), tmp_path)
    assert tally["harmful"] > 2 * tally["harmless"]


@pytest.mark.tools
def test_the_checker_sees_what_goes_wrong_in_a_model(digits: Path, tmp_path: Path) -> None:
    imported = tflite.load(digits)
    graph = rewrite(quantized_boundary(imported.graph))
    planned = lower(make_plan(graph, isas=(Isa.SCALAR, Isa.DSP)), model_name="digits", sha256=imported.sha256)
    tally = compare(planned, list(mutants(planned, seed=1, each=2)), tmp_path)
    assert tally["harmful"] > 2 * tally["harmless"]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("case", "kinds"),
    [
        ("residual/stream", ("shift_output", "shorten_ring", "swap_groups", "shrink_arena")),
        ("hourglass/patches", ("shift_output", "shorten_ring", "swap_groups")),
        ("wide_kernels/strips", ("shift_output", "shorten_ring")),
        ("residual/rows", ("shift_output", "shorten_ring", "swap_groups")),
    ],
)
def test_corrupted_firmware_goes_wrong(case: str, kinds: tuple[str, ...], tmp_path: Path, arm_tools: None) -> None:
    planned = program(*case.split("/"), seed=1)
    assert any(group.tiles for group in planned.plan.groups) == case.endswith(("patches", "strips"))
    drawn = samples(planned.plan.graph, count=2)[:2]
    given = [tuple(sample[port.name] for port in planned.inputs) for sample in drawn]
    values = [evaluate(planned.plan.graph, sample) for sample in drawn]

    def ran(chosen: Program, folder: Path) -> list[object]:
        made = build(emit(chosen), board=load("mps2_an386"), target=Target.parse("qemu"), directory=folder)
        result = run(made, given, probe=True, timeout=20.0)
        assert result.row_crcs is not None
        return [
            [array.tobytes() for sample in result.outputs for array in sample],
            [list(rows) for rows in result.row_crcs],
        ]

    expected = [
        [sample[port.name].tobytes() for sample in values for port in planned.outputs],
        [list(expected_rows(planned, sample)) for sample in values],
    ]
    assert ran(planned, tmp_path / "right") == expected
    for kind in kinds:
        caught = [each for each in mutants(planned, seed=1, each=9) if each.kind == kind and verdict(each)]
        found = fates(planned, [each.program for each in caught], drawn, tmp_path)
        harmful = [each for each, fate in zip(caught, found, strict=True) if fate != RIGHT]
        corrupted = min(harmful, key=lambda each: each.program.arena_bytes)  # the last word may hold what nobody reads
        try:
            assert ran(corrupted.program, tmp_path / kind) != expected, kind
        except TargetFault:
            continue


def test_every_kind_of_corruption_is_refuted_somewhere() -> None:
    refuted: set[str] = set()
    for case in ("chain/stream", "residual/stream", "residual/rows", "hourglass/patches", "inception/banks"):
        for mutant in mutants(program(*case.split("/")), seed=2, each=3):
            if mutant.kind not in refuted and verdict(mutant):
                refuted.add(mutant.kind)
    missing = {change.__name__ for change in CHANGES} - refuted
    assert missing <= {"swap_sinks", "shift_state"}
