"""The arenas of public models never grow unnoticed, with the whole input or row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc.frontends import tflite
from tinyc.kernels.contract import Isa
from tinyc.passes import input_by_rows, quantized_boundary, rewrite
from tinyc.plan import make_plan

pytestmark = [pytest.mark.models, pytest.mark.slow]

ARENAS = {
    "aieq_mnist_a8w8": (2_880, 2_192),
    "arm_ad_small_int8": (37_408, 36_524),
    "arm_ds_cnn_s_int8": (5_226, 4_880),
    "arm_vww2_50_int8": (10_140, 10_140),
    "mlonmcu_kws_m_int8": (6_168, 5_836),
    "mlperf_ad_ae_int8": (768, None),
    "mlperf_ic_resnet8_int8": (14_336, 11_608),
    "mlperf_kws_dscnn_int8": (5_226, 4_880),
    "mlperf_strww_int8": (3_784, 3_784),
    "mlperf_vww_mbv1_int8": (28_196, 14_564),
    "omv_fomo_face_int8": (31_224, 16_064),
    "st_fdmobilenet_025_128_int8": (49_828, 8_796),
    "st_ign_wl48_har_int8": (1_280, 1_196),
    "st_mbv2_035_128_person_int8": (53_752, 20_960),
    "st_miniresnetv2_esc10_int8": (20_504, 20_504),
    "st_resnet32_cifar100_int8": (19_008, 19_008),
    "st_squeezenet10_128_int8": (69_600, 44_232),
    "st_stmnist_int8": (4_400, 3_732),
    "st_yamnet256_esc10_int8": (36_352, 36_352),
    "st_yolo_lc_192_int8": (115_776, 43_400),
    "te_detection_int8": (75_584, 28_424),
    "te_vww_int8": (21_984, 15_984),
    "tflm_hello_int8": (28, None),
    "tflm_micro_speech_int8": (4_856, 4_856),
    "tflm_person_detect_int8": (14_816, 13_988),
    "tmx_mbv1_96_int8": (28_196, 14_564),
    "tmx_mnist_int8": (888, 608),
    "ty_blazeface_128_int8": (65_784, 41_508),
}
"""Bytes on Armv7E-M: with the whole input, and with one that comes by rows (None where it cannot)."""


@pytest.mark.parametrize("name", ARENAS)
def test_no_arena_grows(name: str, models: Path) -> None:
    whole = rewrite(quantized_boundary(tflite.load(models / f"{name}.tflite").graph))
    isas = (Isa.DSP, Isa.SCALAR)
    most, most_by_rows = ARENAS[name]
    assert make_plan(whole, isas=isas, schedule="stream").arena_bytes <= most
    if most_by_rows is None:
        with pytest.raises(ValueError, match="is a single row"):
            input_by_rows(whole)
    else:
        assert make_plan(input_by_rows(whole), isas=isas, schedule="stream").arena_bytes <= most_by_rows
