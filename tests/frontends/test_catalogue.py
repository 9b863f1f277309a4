"""The public models: the int8 ones whose operators are supported import, everything else is refused with a helpful sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinyc.errors import ModelError
from tinyc.frontends.tflite import load
from tinyc.frontends.tflite_operators import IMPORTERS

IMPORTED = (
    "aieq_mnist_a8w8.tflite",
    "arm_ad_small_int8.tflite",
    "arm_ds_cnn_s_int8.tflite",
    "arm_vww2_50_int8.tflite",
    "mlonmcu_kws_m_int8.tflite",
    "mlperf_ad_ae_int8.tflite",
    "mlperf_ic_resnet8_int8.tflite",
    "mlperf_kws_dscnn_int8.tflite",
    "mlperf_strww_int8.tflite",
    "mlperf_vww_mbv1_int8.tflite",
    "omv_fomo_face_int8.tflite",
    "st_fdmobilenet_025_128_int8.tflite",
    "st_ign_wl48_har_int8.tflite",
    "st_mbv2_035_128_person_int8.tflite",
    "st_miniresnetv2_esc10_int8.tflite",
    "st_resnet32_cifar100_int8.tflite",
    "st_squeezenet10_128_int8.tflite",
    "st_stmnist_int8.tflite",
    "st_yamnet256_esc10_int8.tflite",
    "st_yolo_lc_192_int8.tflite",
    "te_detection_int8.tflite",
    "te_vww_int8.tflite",
    "tflm_hello_int8.tflite",
    "tflm_micro_speech_int8.tflite",
    "tflm_person_detect_int8.tflite",
    "tmx_mbv1_96_int8.tflite",
    "tmx_mnist_int8.tflite",
    "ty_blazeface_128_int8.tflite",
)
"""Every model of the collection that can be deployed; a test finds those that are missing here."""


def catalogue(models: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((models / "catalog.json").read_text())
    return entries


@pytest.mark.parametrize("name", IMPORTED)
def test_imports(name: str, models: Path) -> None:
    entry = next(entry for entry in catalogue(models) if entry["name"] == name)
    result = load(models / name)
    assert result.sha256 == entry["sha256"]
    assert result.graph.macs() == entry["macs"]
    assert len(result.graph.operations) == sum(entry["ops"].values())
    assert [list(result.graph.tensors[i].shape) for i in result.graph.inputs] == [shape for _, shape in entry["inputs"]]
    assert set(result.tensor_indices) == set(result.graph.tensors)
    assert result.graph.verify() is result.graph


def test_no_model_is_forgotten(models: Path) -> None:
    """Core models in int8 whose operators are all in the table."""
    expected = {
        entry["name"]
        for entry in catalogue(models)
        if entry["role"] == "core"
        and entry["name"].endswith(".tflite")
        and entry["quant"].startswith("int8")
        and set(entry["ops"]) <= set(IMPORTERS)
    }
    assert expected == set(IMPORTED)


def test_everything_else_is_refused(models: Path) -> None:
    for entry in catalogue(models):
        if entry["name"] in IMPORTED:
            continue
        with pytest.raises(ModelError) as refusal:
            load(models / entry["name"])
        assert refusal.value.exit_code == 3
        assert refusal.value.message.startswith(entry["name"])


def test_float_models_are_to_be_quantized(models: Path) -> None:
    names = [entry["name"] for entry in catalogue(models) if entry["quant"] == "float32"]
    for name in (name for name in names if name.endswith(".tflite")):
        with pytest.raises(ModelError, match=r"operator \d+ \w+ \(tensor '[^']+'\) computes in float32") as refusal:
            load(models / name)
        assert "quantize it first" in refusal.value.hint


@pytest.mark.parametrize(("name", "sentence"), [
    ("tflm_audio_frontend_i16.tflite", "operator 0 CUSTOM:SignalWindow (tensor 'signal_window') is not supported"),
    ("tflm_person_detect_vela.tflite", "operator 0 CUSTOM:ethos-u (tensor 'MobilenetV1/Predictions/Reshape_1') is not"),
    ("coral_ssd_head_u8.tflite", "operator 16 CUSTOM:TFLite_Detection_PostProcess (tensor 'TFLite_Detection_PostPr"),
    ("st_svc_har.onnx", "st_svc_har.onnx is an ONNX model, which is not supported yet"),
    ("dee_kws_requantshift.onnx", "dee_kws_requantshift.onnx is an ONNX model, which is not supported yet"),
])  # fmt: skip
def test_rejects(name: str, sentence: str, models: Path) -> None:
    assert next(entry["role"] for entry in catalogue(models) if entry["name"] == name) == "reject"
    with pytest.raises(ModelError) as refusal:
        load(models / name)
    assert sentence in refusal.value.message


def test_a_quantized_dimension_outside_a_vector_is_read(models: Path) -> None:
    """Its weights are quantized along dimension 3, and the file says so of its biases too."""
    graph = load(models / "tflm_person_detect_int8.tflite").graph
    biases = [graph.tensors[o.inputs[2]] for o in graph.operations if len(o.inputs) == 3 and o.inputs[2]]
    axes = {bias.quantization.axis for bias in biases if bias.quantization is not None}
    assert axes == {0}
