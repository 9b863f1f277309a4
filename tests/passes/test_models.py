"""How much of public models is dead, and that removing it changes no output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from graphs import samples

from tinyc.frontends import tflite
from tinyc.ir import Graph
from tinyc.ops import Conv2D, DepthwiseConv2D, FullyConnected
from tinyc.oracle import evaluate
from tinyc.passes import overflowing, quantized_boundary, rewrite

pytestmark = pytest.mark.models

LIVE = {
    "mlperf_ad_ae_int8": (264_192, 264_192),
    "mlperf_ic_resnet8_int8": (12_501_632, 77_360),
    "mlperf_kws_dscnn_int8": (2_656_768, 22_016),
    "mlperf_vww_mbv1_int8": (3_766_476, 30_340),
    "st_fdmobilenet_025_128_int8": (3_732_312, 116_208),
    "st_mbv2_035_128_person_int8": (12_366_572, 189_200),
    "te_vww_int8": (11_069_860, 388_996),
    "tflm_person_detect_int8": (7_157_888, 207_968),
}
"""Multiply-accumulates and bytes of weights that are left."""


def weights_bytes(graph: Graph) -> int:
    layers = [o for o in graph.operations if isinstance(o.op, Conv2D | DepthwiseConv2D | FullyConnected)]
    return sum(graph.operands(operation).input(1).bytes for operation in layers)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVE)
def test_what_is_left(name: str, models: Path) -> None:
    imported = tflite.load(models / f"{name}.tflite").graph
    before = quantized_boundary(imported)
    after = rewrite(before)
    assert (after.macs(), weights_bytes(after)) == LIVE[name]
    assert overflowing(imported) == ()
    for sample in samples(before, count=1):
        expected, found = evaluate(before, sample), evaluate(after, sample)
        for tensor in expected.keys() & found.keys():
            assert np.array_equal(expected[tensor], found[tensor]), tensor
