"""A report says how much of the model was dead, and which accumulators may overflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models import Operator, tensor, write

from tinyc.ir import DType
from tinyc.pipeline import Options, analyze
from tinyc.report import Analysis, analysis_tables, plain_text, to_json

CONVOLUTION = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, "Padding": 1}


def analysis(folder: Path, *, dead: int = 0, equal: int = 0, bias: int = 0) -> Analysis:
    """Two 1x1 convolutions on 10x10 pixels, 16 to 16 to 4 channels; of the first `dead` channels are zero, `equal` like the last."""
    random = np.random.default_rng(1)
    weights = random.integers(-127, 128, (16, 1, 1, 16)).astype(np.int8)
    weights[:dead], weights[:equal] = 0, weights[-1]
    biases = np.zeros(16, np.int32)
    biases[15] = bias
    tensors = [
        tensor("x", 1, 10, 10, 16, scale=0.05),
        tensor("w", 16, 1, 1, 16, scale=0.01, data=weights),
        tensor("b", 16, dtype=DType.INT32, scale=0.0005, data=biases),
        tensor("t", 1, 10, 10, 16, scale=0.05),
        tensor("v", 4, 1, 1, 16, scale=0.01, data=random.integers(-9, 10, (4, 1, 1, 16)).astype(np.int8)),
        tensor("y", 1, 10, 10, 4, scale=0.05),
    ]
    operators = [
        Operator(kind="CONV_2D", inputs=["x", "w", "b"], outputs=["t"], table="Conv2DOptions", options=CONVOLUTION),
        Operator(kind="CONV_2D", inputs=["t", "v", None], outputs=["y"], table="Conv2DOptions", options=CONVOLUTION),
    ]
    path = folder / "model.tflite"
    path.write_bytes(write(tensors, operators, ["x"], ["y"]))
    return analyze(path, board=None, options=Options(), progress=lambda _: None)


@pytest.mark.parametrize(
    ("dead", "equal", "work", "executed", "removed"),
    [
        (0, 0, "0.032 M multiply-accumulates", 32_000, 0),
        (8, 0, "0.032 M multiply-accumulates (0.016 M of them dead, channels removed: 8, 0.016 M executed)", 16_000, 8),
        (0, 3, "0.032 M multiply-accumulates", 32_000, 0),
        (0, 4, "0.032 M multiply-accumulates (0.008 M of them dead, channels removed: 4, 0.024 M executed)", 24_000, 4),
        (0, 7, "0.032 M multiply-accumulates (0.008 M of them dead, channels removed: 4, 0.024 M executed)", 24_000, 4),
        (0, 8, "0.032 M multiply-accumulates (0.016 M of them dead, channels removed: 8, 0.016 M executed)", 16_000, 8),
        (5, 9, "0.032 M multiply-accumulates (0.016 M of them dead, channels removed: 8, 0.016 M executed)", 16_000, 8),
    ],
)
def test_dead_work(tmp_path: Path, dead: int, equal: int, work: str, executed: int, removed: int) -> None:
    found = analysis(tmp_path, dead=dead, equal=equal)
    heading = plain_text(analysis_tables(found)[0])
    assert heading.splitlines()[0].endswith(f", {work}")
    model = to_json(found)["model"]
    assert model["removed_channels"] == removed
    assert (model["macs"], model["macs_executed"], model["accumulator_overflow"]) == (32_000, executed, [])


def test_what_tiles_compute_again_is_executed(digits: Path) -> None:
    found = analyze(digits, board="stm32f746", options=Options(ram=1608), progress=lambda _: None)
    document = to_json(found)
    model, extra = document["model"], document["schedule"]["extra_macs"]
    assert extra > 0 and model["macs_executed"] == model["macs"] + extra
    heading = plain_text(analysis_tables(found)[0]).splitlines()[0]
    assert heading.endswith(
        f", {model['macs'] / 1e6:.3g} M multiply-accumulates ({model['macs_executed'] / 1e6:.3g} M executed)"
    )


def test_an_overflow_is_named(tmp_path: Path) -> None:
    found = analysis(tmp_path, bias=2**31 - 1)
    (name,) = to_json(found)["model"]["accumulator_overflow"]
    assert f"The 32-bit accumulator may overflow on some input: {name}." in plain_text(analysis_tables(found)[0])
