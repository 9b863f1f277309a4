"""Depthwise convolution on Armv7E-M where random layers seldom lead.

Factors of 1 and more, extreme sums, narrow parts of rows, windows of one column, several outputs a channel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from driver import Case, has_tools, run_cases
from layers import Layer, Layers, with_factors

from tinyc.kernels.catalogue import ALL, CHOICES, select
from tinyc.kernels.contract import Isa, Kernel
from tinyc.ops import Activation, DepthwiseConv2D, Padding

SAME_3 = Padding(1, 1, 1, 1)
WINDOWS = {(3, 1): SAME_3, (3, 2): Padding(0, 1, 0, 1), (5, 1): Padding(2, 2, 2, 2), (7, 2): Padding(2, 3, 2, 3)}
"""(size, stride) -> padding."""


def _dsp_rows(layer: Layer) -> list[Kernel]:
    return [k for k in ALL if k.isa is Isa.DSP and k.op is DepthwiseConv2D and k.accepts(layer.op, layer.operands)]


@pytest.mark.parametrize("target", ["host", "an386"])
def test_channels_with_factors_of_one_and_more(target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    layers, cases = Layers(11), []
    for (size, stride), padding in WINDOWS.items():
        drawn = layers.depthwise(
            (1, 9, 13, 6), (size, size), stride=(stride, stride), padding=padding, activation=Activation.RELU6
        )
        layer = with_factors(drawn, (-9, 0, 1, -7, 3, 6))
        rows = _dsp_rows(layer)
        assert rows and select(layer.op, layer.operands, (Isa.SCALAR, Isa.DSP)).isa is Isa.DSP
        cases += [(layer, Case(kernel=row, op=layer.op, operands=layer.operands, values=layer.values)) for row in rows]
    for (layer, case), result in zip(cases, run_cases([case for _, case in cases], target=target), strict=True):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{case.kernel.name} {layer.op}")


def test_a_factor_that_does_not_fit_is_refused() -> None:
    drawn = Layers(3).depthwise((1, 5, 5, 4), (3, 3), padding=SAME_3, activation=Activation.RELU)
    assert _dsp_rows(with_factors(drawn, (-9, 6, -9, -9)))
    assert not _dsp_rows(with_factors(drawn, (-9, 8, -9, -9)))


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU])
@pytest.mark.parametrize("target", ["host", "an386"])
def test_every_way_to_cut_a_row(activation: Activation, target: str) -> None:
    """Widths around the parts that scratch holds, ranges that start anywhere, inputs and weights at their ends."""
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    layers, cases = Layers(5), []
    for (size, stride), padding in WINDOWS.items():
        for width in (2, 3, 6, 7, 16, 17, 35):
            layer = layers.depthwise(
                (1, 4, width, 5),
                (size, size),
                stride=(stride, stride),
                padding=padding,
                activation=activation,
                values="extreme",
                weights="full",
            )
            columns = layer.operands.output.hwc[1]
            cut = columns // 3
            for row in _dsp_rows(layer):
                ranges = ((0, columns),) if cut == 0 else ((0, cut), (cut, columns))
                cases.append((layer, replace(_case(layer, row), ranges=ranges)))
    for (layer, case), result in zip(cases, run_cases([case for _, case in cases], target=target), strict=True):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{case.kernel.name} {layer.op}")


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU, Activation.RELU6])
@pytest.mark.parametrize("target", ["host", "an386"])
def test_windows_of_one_column(activation: Activation, target: str) -> None:
    """Even and odd numbers of rows, last groups of every size, columns a stride apart, inputs and weights at their ends."""
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    layers, cases = Layers(6), []
    for rows in (1, 2, 3, 10, 15, 18):
        for channels, width, stride in ((4, 1, 1), (6, 3, 1), (7, 5, 2), (9, 1, 1), (40, 1, 1)):
            layer = layers.depthwise(
                (1, 9, width, channels),
                (rows, 1),
                stride=(1, stride),
                padding=Padding(rows // 2, rows - 1 - rows // 2, 0, 0),
                activation=activation,
                values="extreme",
                weights="full",
            )
            own, general = (row for row in _dsp_rows(layer) if row in CHOICES)
            assert own.name == "depthwise_column_s8__dsp"
            assert own.cost(layer.op, layer.operands) < general.cost(layer.op, layer.operands)
            cases.append((layer, replace(_case(layer, own), shared=channels != 6)))
    for (layer, case), result in zip(cases, run_cases([case for _, case in cases], target=target), strict=True):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{case.kernel.name} {layer.op}")


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU])
@pytest.mark.parametrize("target", ["host", "an386"])
def test_several_outputs_a_channel(activation: Activation, target: str) -> None:
    """Columns inside and outside the image, two at a time and alone, and a last group that repeats channels."""
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    layers, cases = Layers(8), []
    for (size, stride), padding in WINDOWS.items():
        for channels, multiplier, width in ((4, 2, 9), (5, 3, 8), (11, 4, 4), (8, 2, 2)):
            layer = layers.depthwise(
                (1, 4, width, channels),
                (size, size),
                stride=(stride, stride),
                padding=padding,
                activation=activation,
                values="extreme",
                weights="full",
                multiplier=multiplier,
            )
            (row,) = _dsp_rows(layer)
            assert select(layer.op, layer.operands, (Isa.SCALAR, Isa.DSP)).name == row.name
            cases.append((layer, replace(_case(layer, row), shared=channels != 5)))
    for (layer, case), result in zip(cases, run_cases([case for _, case in cases], target=target), strict=True):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{case.kernel.name} {layer.op}")


def _case(layer: Layer, row: Kernel) -> Case:
    return Case(kernel=row, op=layer.op, operands=layer.operands, values=layer.values, shared=True, misalignment=1)
