"""Every int8 model of the collection whose operators are supported, deployed on the smallest board that it fits, every value equal.

The models are listed by name, so that one that is not taken any more fails.  Each runs eight full-range random samples and three edge
samples: all minimum, all maximum, all zero point.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from witnesses import micro

from tinyc.errors import DoesNotFit, ModelError
from tinyc.frontends import tflite
from tinyc.pipeline import Options, deploy
from tinyc.report import Report
from tinyc.report.compare import make_samples

BOARDS = ("stm32f407", "nrf52840", "stm32f746", "mps2_an500")
"""From the least SRAM to the most."""

MODELS = (
    "aieq_mnist_a8w8",
    "arm_ad_small_int8",
    "arm_ds_cnn_s_int8",
    "arm_vww2_50_int8",
    "mlonmcu_kws_m_int8",
    "mlperf_ad_ae_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_strww_int8",
    "mlperf_vww_mbv1_int8",
    "omv_fomo_face_int8",
    "st_fdmobilenet_025_128_int8",
    "st_ign_wl48_har_int8",
    "st_mbv2_035_128_person_int8",
    "st_miniresnetv2_esc10_int8",
    "st_resnet32_cifar100_int8",
    "st_squeezenet10_128_int8",
    "st_stmnist_int8",
    "st_yamnet256_esc10_int8",
    "st_yolo_lc_192_int8",
    "te_detection_int8",
    "te_vww_int8",
    "tflm_hello_int8",
    "tflm_micro_speech_int8",
    "tflm_person_detect_int8",
    "tmx_mbv1_96_int8",
    "tmx_mnist_int8",
    "ty_blazeface_128_int8",
)
SAMPLES = 8

WITHOUT_WITNESS = ("tflm_person_detect_int8",)
"""The Python runtimes refuse them; TensorFlow Lite Micro does not."""

pytestmark = [pytest.mark.tools, pytest.mark.models, pytest.mark.slow]


def deployed(path: Path) -> Report:
    """On the first board that it fits."""
    for board in BOARDS:
        try:
            return deploy(path, board=board, on="qemu", options=Options(samples=SAMPLES), progress=lambda message: None)
        except DoesNotFit:
            continue
    raise AssertionError(f"{path.name} fits no board")


@pytest.mark.parametrize("name", MODELS)
def test_model_deploys_equal(name: str, models: Path, arm_tools: None) -> None:
    path = models / f"{name}.tflite"
    report = deployed(path)
    check = report.check
    assert (check.mismatches, check.row_mismatches, check.max_abs_difference) == (0, 0, 0), check.first
    assert check.values > 0 and check.tensor_rows > 0
    assert check.tensors == len(report.analysis.program.layers)
    assert report.samples == SAMPLES + 3
    assert bool(check.witness) == (name not in WITHOUT_WITNESS), check.witness_note
    if name in WITHOUT_WITNESS:
        _compare_with_micro(path, report)


def _compare_with_micro(path: Path, report: Report) -> None:
    """What the emulated board computed, against TensorFlow Lite Micro."""
    ports = [port.tensor for port in report.analysis.program.inputs]
    samples = make_samples(ports, count=SAMPLES, seed=0)
    for found, meant in zip(report.result.outputs, micro(path.read_bytes(), samples), strict=True):
        for ours, theirs in zip(found, meant, strict=True):
            assert np.array_equal(ours.reshape(-1), theirs.reshape(-1))


def test_the_list_is_complete(models: Path) -> None:
    """Every int8 model of the collection's core is in the list, or the importer refuses it."""
    taken = set()
    for entry in json.loads((models / "catalog.json").read_text()):
        path = models / entry["name"]
        if entry["role"] != "core" or path.suffix != ".tflite":
            continue
        try:
            imported = tflite.load(path)
        except ModelError:
            continue
        if imported.graph.macs():
            taken.add(path.stem)
    assert taken == set(MODELS)
