"""The points of the front that `analyze` prints can be built, with the `--ram` that it prints, and run equal under the MPU.

Of the large models the last point, the one of the least memory and of the most that is computed again; with `TINYC_PARETO=all` every one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinyc.errors import DoesNotFit
from tinyc.pipeline import Options, analyze, deploy
from tinyc.report import to_json

BOARD = "nrf52840"
SMALL = ("mlperf_ic_resnet8_int8", "mlperf_kws_dscnn_int8", "mlonmcu_kws_m_int8")
LARGE = (
    "mlperf_vww_mbv1_int8",
    "omv_fomo_face_int8",
    "st_mbv2_035_128_person_int8",
    "st_resnet32_cifar100_int8",
    "st_squeezenet10_128_int8",
    "te_detection_int8",
    "te_vww_int8",
    "tflm_person_detect_int8",
)
ALL = os.environ.get("TINYC_PARETO") == "all"
CASES = [(name, way) for name in (*SMALL, *LARGE) for way in ("whole", "rows")]

pytestmark = [pytest.mark.tools, pytest.mark.models, pytest.mark.slow]


def quiet(message: str) -> None:
    """No progress."""


@pytest.mark.timeout(0 if ALL else 600)
@pytest.mark.parametrize(("name", "way"), CASES)
def test_points_can_be_built_and_run_equal(name: str, way: str, models: Path, arm_tools: None) -> None:
    path = models / f"{name}.tflite"
    found = analyze(path, board=BOARD, options=Options(input=way), progress=quiet)
    points = to_json(found)["schedule"]["pareto"]
    assert [point["arena_bytes"] for point in points] == sorted((p["arena_bytes"] for p in points), reverse=True)
    for point in points if ALL or name in SMALL else points[-1:]:
        options = Options(ram=point["ram_bytes"], input=way, samples=1)
        report = deploy(path, board=BOARD, on="qemu", options=options, progress=quiet)
        assert report.check.equal, report.check.first
        assert report.analysis.program.arena_bytes <= point["arena_bytes"]
        macs = sum(layer.macs for layer in report.analysis.program.layers)
        assert report.analysis.program.plan.extra_macs <= round(point["extra_macs_ratio"] * macs)


@pytest.mark.parametrize(
    ("name", "board", "way", "ram"),
    [
        ("st_squeezenet10_128_int8", "nrf52840", "whole", 66 * 1024),
        ("st_mbv2_035_128_person_int8", "stm32f407", "rows", 27 * 1024),
    ],
)
def test_what_rings_alone_would_not_fit(
    name: str, board: str, way: str, ram: int, models: Path, arm_tools: None
) -> None:
    options = Options(ram=ram, input=way, samples=1)
    report = deploy(models / f"{name}.tflite", board=board, on="qemu", options=options, progress=quiet)
    memory = to_json(report)["memory"]
    assert report.check.equal, report.check.first
    assert memory["peak_sram_bytes"] <= ram


def test_below_the_front_nothing_fits_and_the_least_is_said(models: Path) -> None:
    path = models / "mlperf_ic_resnet8_int8.tflite"
    last = analyze(path, board=BOARD, options=Options(), progress=quiet).ways[-1].block_bytes
    with pytest.raises(DoesNotFit, match=f"No schedule searched needs less than {last:,} B"):
        deploy(path, board=BOARD, on="host", options=Options(ram=last - 64), progress=quiet)


@pytest.mark.timeout(600)
def test_the_printed_budget_has_room_for_the_stack_of_compact_kernels(models: Path, arm_tools: None) -> None:
    path = models / "mlperf_kws_dscnn_int8.tflite"
    found = analyze(path, board=BOARD, options=Options(optimize="size"), progress=quiet)
    point = to_json(found)["schedule"]["pareto"][-1]
    options = Options(ram=point["ram_bytes"], optimize="size", samples=1)
    report = deploy(path, board=BOARD, on="qemu", options=options, progress=quiet)
    assert report.check.equal and report.analysis.program.arena_bytes <= point["arena_bytes"]
