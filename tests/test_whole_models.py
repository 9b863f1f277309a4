"""Whole .tflite files in the styles of the converters: deployed equal, or refused in one sentence; nothing between.

Every model is rewritten, planned and run natively under sanitizers, as plain steps, streamed or in patches, and all that it computes is
compared with numpy, tflite-runtime and, where that is silent, TensorFlow Lite Micro.  `TINYC_WHOLE_MODELS=5` runs them all in every
schedule with five seeds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from native import Ran, has_compiler, run_native
from whole import Net
from whole_models import MAKERS, REFUSED
from witnesses import micro

from tinyc.checker import check as check_certificate
from tinyc.errors import ModelError
from tinyc.frontends.tflite import load
from tinyc.ir import Graph
from tinyc.ir.types import Array
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.lower.certificate import certificate_text
from tinyc.oracle.tflite import open_witness
from tinyc.passes import quantized_boundary, rewrite
from tinyc.pipeline import Options, deploy
from tinyc.plan import make_plan
from tinyc.report.compare import check, make_samples
from tinyc.run import RunResult

SHARDS = 8
SEEDS = int(os.environ.get("TINYC_WHOLE_MODELS", "0"))
SCHEDULES = ("stream", "patches", "layers")
ISAS = (Isa.SCALAR, Isa.DSP)
EFFORT = 0.05
"""CP-SAT's share in each placement."""

EMULATED = {
    "densenet": Options(samples=2, schedule="patches"),
    "depthwise_kinds": Options(samples=2, optimize="size"),
    "extreme_scales": Options(samples=2, schedule="layers"),
    "float_ends": Options(samples=2, io="model"),
    "large": Options(samples=2, ram=12000, input="rows"),
    "only_quantized": Options(samples=2),
}
"""Models that run on the emulated boards too, and how."""

WITHOUT_WITNESS = {"dense_per_channel": "known to be wrong", "zero_weights": "has_bias was not true"}
"""What tflite-runtime computes wrongly or refuses: TensorFlow Lite Micro speaks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model of one seed, lowered in one way."""

    path: Path
    original: Graph
    program: Program
    samples: tuple[tuple[Array, ...], ...]


def written(name: str, seed: int, folder: Path) -> Path:
    """The model's file; its tensors have names of their own among all models."""
    net = Net(seed, prefix=f"{name}_")
    made = MAKERS[name](net)
    path = folder / f"{name}_{seed}.tflite"
    path.write_bytes(net.file(*(made if isinstance(made, tuple) else (made,))))
    return path


def made(name: str, seed: int, folder: Path, schedule: str, *, share: bool, quantized: bool) -> Case:
    path = written(name, seed, folder)
    imported = load(path)
    graph = rewrite(quantized_boundary(imported.graph) if quantized else imported.graph)
    plan = make_plan(graph, isas=ISAS, schedule=schedule, effort=EFFORT)
    program = lower(plan, model_name=f"{name}_{schedule}", sha256=imported.sha256, share=share)
    check_certificate(certificate_text(program))
    samples = make_samples([port.tensor for port in program.inputs], count=2, seed=seed)
    return Case(path=path, original=imported.graph, program=program, samples=samples)


def shard_cases(shard: int, folder: Path) -> Iterator[list[Case]]:
    """What is compiled together: a share of the models, each in one schedule; or all schedules with as many seeds as wanted."""
    names = [name for name in list(MAKERS)[shard::SHARDS] if name not in REFUSED]
    if not SEEDS:
        yield [
            made(name, 0, folder, SCHEDULES[i % 3], share=i % 2 == 1, quantized=i % 5 == 0)
            for i, name in enumerate(names)
        ]
    for seed in range(SEEDS):
        for i, schedule in enumerate(SCHEDULES):
            yield [made(name, seed, folder, schedule, share=seed % 2 == 1, quantized=i == 0) for name in names]


def run_cases(cases: list[Case], folder: Path) -> list[list[Ran]]:
    """All of them in one executable; each sees its own inputs by name."""
    together = [
        {port.name: value for case in cases for port, value in zip(case.program.inputs, case.samples[i], strict=True)}
        for i in range(len(cases[0].samples))
    ]
    return run_native([case.program for case in cases], together, folder)


def check_case(case: Case, ran: list[Ran]) -> None:
    result = RunResult(
        outputs=tuple(each.outputs for each in ran),
        instructions=None,
        cycles=None,
        layer_instructions=None,
        row_crcs=tuple(each.rows for each in ran),
        stack_used_bytes=None,
        arena_used_bytes=case.program.arena_bytes,
        machine="native",
        stand_in=False,
    )
    witness = open_witness(case.path, case.original)
    found = check(original=case.original, program=case.program, samples=case.samples, result=result, witness=witness)
    assert found.equal, f"{case.program.prefix}: {found.first}"
    known = [name for name in WITHOUT_WITNESS if case.path.stem.startswith(name)]
    assert bool(witness.name) == (not known), witness.note
    if known:
        assert WITHOUT_WITNESS[known[0]] in witness.note
        compare_with_micro(case, result)


def compare_with_micro(case: Case, result: RunResult) -> None:
    for ours, theirs in zip(result.outputs, micro(case.path.read_bytes(), case.samples), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert np.array_equal(a.reshape(-1), b.reshape(-1)), f"{case.program.prefix} differs from TFLM"


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.timeout(0 if SEEDS else 600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_whole_models_run_equal(shard: int, tmp_path: Path) -> None:
    if not has_compiler():
        pytest.skip("no C compiler for this computer")
    for number, cases in enumerate(shard_cases(shard, tmp_path)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for case, ran in zip(cases, run_cases(cases, folder), strict=True):
            check_case(case, ran)


@pytest.mark.parametrize("name", REFUSED)
def test_the_refused_say_why(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=REFUSED[name]):
        load(written(name, 0, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", EMULATED)
def test_on_emulated_boards(name: str, tmp_path: Path, arm_tools: None) -> None:
    board = ("stm32f407", "stm32f746")[len(name) % 2]
    path = written(name, 1, tmp_path)
    report = deploy(path, board=board, on="qemu", options=EMULATED[name], progress=lambda message: None)
    assert report.check.equal and report.check.values, report.check.first
    assert bool(report.check.tensor_rows) == bool(report.analysis.program.layers)
