"""Every convolution row of the catalogue against the operator's meaning in numpy, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from driver import Case, has_tools, run_cases
from layers import Layer, Layers, with_compact

from tinyc.kernels import conv2d
from tinyc.kernels.catalogue import select
from tinyc.kernels.contract import Extent, Isa, Kernel, Strides
from tinyc.ops.attributes import Activation, Padding
from tinyc.ops.window import output_size

ROWS = with_compact(conv2d.KERNELS)
ACTIVATIONS = (Activation.NONE, Activation.RELU_N1_TO_1, Activation.RELU, Activation.RELU6)


def _activation(layers: Layers, kernel: Kernel) -> Activation:
    if kernel.name.endswith("_relu"):
        return ACTIVATIONS[int(layers.random.integers(1, 4))]
    return ACTIVATIONS[int(layers.random.integers(0, 2 if kernel.isa is Isa.DSP else 4))]


def _pointwise(layers: Layers, kernel: Kernel, index: int) -> Layer:
    draw = layers.random.integers
    x = (1, int(draw(1, 5)), int(draw(1, 6)), int(draw(1, 40)))
    return layers.convolution(
        x,
        (1, 1),
        int(draw(1, 14)),
        activation=_activation(layers, kernel),
        values=("random", "extreme", "random")[index % 3],
        weights=("random", "saturating", "dead", "powers")[index % 4],
        bias=index % 5 != 0,
    )


def _is_in_parts(kernel: Kernel) -> bool:
    """Whether only deep layers are worth the kernel's while."""
    return kernel.header == "dsp/conv2d_parts_s8.h"


def _general(layers: Layers, kernel: Kernel, index: int) -> Layer:
    draw = layers.random.integers
    while True:
        size = (int(draw(1, 8)), int(draw(1, 8)))
        stride, dilation = (int(draw(1, 4)), int(draw(1, 4))), (int(draw(1, 3)), int(draw(1, 3)))
        extent = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
        padding = Padding(*(int(draw(0, e + 1)) for e in (extent[0], extent[0], extent[1], extent[1])))
        x = (1, int(draw(1, 10)), int(draw(1, 10)), 4 * int(draw(1, 7)) if _is_in_parts(kernel) else int(draw(1, 10)))
        try:
            output_size(x[1], size[0], stride=stride[0], dilation=dilation[0], before=padding.top, after=padding.bottom)
            output_size(x[2], size[1], stride=stride[1], dilation=dilation[1], before=padding.left, after=padding.right)
        except ValueError:
            continue
        return layers.convolution(
            x,
            size,
            4 * int(draw(1, 7)) if _is_in_parts(kernel) else int(draw(1, 10)),
            stride=stride,
            dilation=dilation,
            padding=padding,
            activation=_activation(layers, kernel),
            values=("random", "extreme", "random")[index % 3],
            weights=("random", "saturating", "dead", "powers")[index % 4],
            bias=index % 5 != 0,
        )


def _cases(kernel: Kernel, count: int, seed: int) -> Iterator[tuple[Case, Layer]]:
    layers = Layers(seed)
    made = 0
    while made < count:
        pointwise = kernel.extent is Extent.LONG_ROW
        layer = (_pointwise if pointwise else _general)(layers, kernel, made)
        if not kernel.accepts(layer.op, layer.operands):
            continue
        case = Case(kernel=kernel, op=layer.op, operands=layer.operands, values=layer.values, misalignment=made % 4)
        if made % 2:
            extra = layers.random.integers(0, 6, 2)
            x, y = layer.operands.input(0).hwc[2], layer.operands.output.hwc[2]
            case = replace(
                case, strides=Strides(inputs=(x + int(extra[0]) * kernel.strided_input,), output=y + int(extra[1]))
            )
        if pointwise and made % 3 == 0:
            case = replace(case, long_row=True)
        if made % 4 > 1:
            case = replace(case, ranges=_ranges(layers, case))
        yield case, layer
        made += 1


def _ranges(layers: Layers, case: Case) -> tuple[tuple[int, int], ...]:
    rows, columns, _ = case.operands.output.hwc
    columns = rows * columns if case.long_row else columns
    cuts = sorted({0, columns, *(int(c) for c in layers.random.integers(0, columns + 1, 2))})
    return tuple(pairwise(cuts))


def _check(kernel: Kernel, count: int, target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    cases = list(_cases(kernel, count, seed=sum(map(ord, kernel.name))))
    results = run_cases([case for case, _ in cases], target=target)
    for index, ((_, layer), result) in enumerate(zip(cases, results, strict=True)):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{index}: {layer.op} {layer.operands}")


def _name(kernel: Kernel) -> str:
    return f"{kernel.name}-{kernel.op.kind}"


@pytest.mark.parametrize("kernel", ROWS, ids=_name)
def test_host(kernel: Kernel) -> None:
    _check(kernel, 32, "host")


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.isa is Isa.DSP], ids=_name)
def test_an386(kernel: Kernel) -> None:
    _check(kernel, 32, "an386")


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.isa is Isa.DSP], ids=_name)
def test_an386_clang(kernel: Kernel) -> None:
    _check(kernel, 8, "an386-clang")


def test_less_scratch_costs_more_instructions() -> None:
    """Every kernel is chosen down to its very scratch; 3x3 over 64 channels to 64."""
    layer = Layers(1).convolution(
        (1, 8, 8, 64), (3, 3), 64, padding=Padding(1, 1, 1, 1), activation=Activation.RELU, bias=False
    )
    limits = (None, 2304, 2303, 1280, 1279, 768, 767, 0)
    chosen = [select(layer.op, layer.operands, (Isa.SCALAR, Isa.DSP), scratch=limit) for limit in limits]
    kinds = ("conv2d", "conv2d_by_rows", "conv2d_by_taps", "conv2d_direct")
    assert [kernel.name for kernel in chosen] == [f"{kind}_s8__dsp_relu" for kind in kinds for _ in range(2)]
    if not has_tools("an386"):
        pytest.skip("no tools for an386")
    cases = [Case(kernel=kernel, op=layer.op, operands=layer.operands, values=layer.values) for kernel in chosen[::2]]
    counts = [result.instructions for result in run_cases(cases, target="an386")]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("kernel", [k for k in conv2d.KERNELS if _is_in_parts(k)], ids=_name)
def test_parts_are_between_whole_windows_and_none(kernel: Kernel) -> None:
    for case, _ in _cases(kernel, 32, seed=7):
        whole, direct = (
            next(k for k in conv2d.KERNELS if k.name == f"{name}_s8__{kernel.name.rpartition('__')[2]}")
            for name in ("conv2d", "conv2d_direct")
        )
        costs = [k.cost(case.op, case.operands) for k in (whole, kernel, direct)]
        assert costs == sorted(costs)
        assert kernel.scratch(case.op, case.operands) < whole.scratch(case.op, case.operands)
        assert not _is_in_parts(select(case.op, case.operands, (Isa.SCALAR, Isa.DSP)))
