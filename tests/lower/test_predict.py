"""Predicted instructions: near what the emulator counts, by layer and in all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc.lower import predicted_layers, predicted_total
from tinyc.pipeline import Options, analyze, deploy

MODELS = ("mlperf_kws_dscnn_int8", "mlperf_strww_int8")


def near(path: Path, board: str) -> None:
    """Within 10 % in all, within 20 % for every layer above 1 % of that."""
    options = Options(samples=1, profile=True)
    report = deploy(path, board=board, on="qemu", options=options, progress=lambda said: None)
    program, counted = report.analysis.program, report.result.layer_instructions
    assert counted is not None
    assert predicted_total(program) == pytest.approx(report.result.instructions, rel=0.10)
    large = [index for index, count in enumerate(counted) if count > sum(counted) / 100]
    predicted = predicted_layers(program)
    off = [
        (index, predicted[index], counted[index])
        for index in large
        if abs(predicted[index] / counted[index] - 1) > 0.20
    ]
    assert off == []


@pytest.mark.parametrize("board", ["mps2_an386", "mps3_an547"])
def test_the_example_is_predicted(board: str, digits: Path, arm_tools: None) -> None:
    near(digits, board)


@pytest.mark.slow
@pytest.mark.parametrize("board", ["mps2_an386", "mps3_an547"])
@pytest.mark.parametrize("name", MODELS)
def test_models_are_predicted(name: str, board: str, models: Path, arm_tools: None) -> None:
    near(models / f"{name}.tflite", board)


def test_what_is_computed_twice_is_predicted_twice(digits: Path) -> None:
    """With less memory the same layers make more rows."""

    def total(ram: int | None) -> int:
        options = Options(ram=ram)
        program = analyze(digits, board="stm32f746", options=options, progress=lambda said: None, front=False).program
        assert (program.plan.extra_macs > 0) == (ram is not None)
        return predicted_total(program)

    assert total(2_000) > total(None)
