"""Two hundred single wrong constants in the C of each MLPerf Tiny model: does what `deploy` compares notice?

The constants are changed in a native program, so no mutation is compiled; outputs and row CRCs go through the comparison of `deploy`, on
the samples that it makes.  A mutation is not counted as live where its channel has one value on all of them: what a clamp hides from every
sample no comparison can see.  At least 99 of 100 live ones must be caught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from mutants import Mutable, Mutation, explain, mutate, visibility
from native import has_compiler

from tinyc.frontends import tflite
from tinyc.ir.types import Array
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.oracle import evaluate
from tinyc.passes import quantized_boundary, rewrite
from tinyc.plan import make_plan
from tinyc.report.compare import Sample, Tally, compare_run, make_samples

MODELS = ("mlperf_ad_ae_int8", "mlperf_ic_resnet8_int8", "mlperf_kws_dscnn_int8", "mlperf_vww_mbv1_int8")
LIVE = 200
SAMPLES = 8
MOST_UNCAUGHT = LIVE // 100


def is_caught(
    mutable: Mutable, mutation: Mutation, samples: Sequence[Sample], values: Sequence[Mapping[str, Array]]
) -> bool:
    """Whether some sample shows the mutation."""
    mutable.change(mutation, mutation.after)
    try:
        return any(differs(mutable, sample, meant) for sample, meant in zip(samples, values, strict=True))
    finally:
        mutable.change(mutation, mutation.before)


def differs(mutable: Mutable, sample: Sample, values: Mapping[str, Array]) -> bool:
    tally = Tally()
    outputs, rows = mutable.run(sample)
    compare_run(tally, mutable.program, values, outputs, rows, 0)
    assert bool(tally.first) == bool(tally.mismatches or tally.row_mismatches)
    return bool(tally.first)


def model_program(path: Path) -> Program:
    """The program for a core with DSP instructions; layers share kernels, so that it compiles in seconds."""
    imported = tflite.load(path)
    plan = make_plan(rewrite(quantized_boundary(imported.graph)), isas=(Isa.SCALAR, Isa.DSP))
    return lower(plan, model_name=path.stem, sha256=imported.sha256, share=True)


@pytest.mark.tools
@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_wrong_constants_are_caught(name: str, models: Path, tmp_path: Path) -> None:
    if not has_compiler():
        pytest.skip("no C compiler for this computer")
    program = model_program(models / f"{name}.tflite")
    graph = program.plan.graph
    samples = make_samples([port.tensor for port in program.inputs], count=SAMPLES, seed=0)
    values = [evaluate(graph, dict(zip(graph.inputs, sample, strict=True))) for sample in samples]
    mutable = Mutable(program, tmp_path)
    assert not any(differs(mutable, sample, meant) for sample, meant in zip(samples, values, strict=True))

    random = np.random.default_rng(0)
    caught: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    uncaught: list[str] = []
    while caught.total() + len(uncaught) < LIVE:
        mutation = mutate(program, random)
        if is_caught(mutable, mutation, samples, values):
            caught[mutation.kind] += 1
        elif reason := explain(program, mutation, values):
            hidden[f"{mutation.kind}: {reason}"] += 1
        else:
            uncaught.append(f"{mutation} ({visibility(program, mutation, values)})")
    mutable.close()
    print(f"{name}: caught {dict(caught)}, hidden {dict(hidden)}, not caught {uncaught}")
    assert len(uncaught) <= MOST_UNCAUGHT, uncaught
    assert hidden.total() <= LIVE // 5, "most of the model never shows: the samples are too weak"
    assert min(caught[kind] for kind in ("weight", "bias", "multiplier", "offset")) > 0
