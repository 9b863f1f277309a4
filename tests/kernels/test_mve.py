"""The Helium rows of convolutions and dense layers against the meaning in numpy, bit for bit: as C on the host, as assembly in QEMU.

Rows of other operators are in test_catalogue_rows.py; here are the cases that its samples are not likely to meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from driver import Case, build_and_run, has_tools, run_cases
from layers import Layer, Layers
from samples import sample, tensor

from tinyc.ir import DType, Op, Operands
from tinyc.kernels import conv2d_mve, depthwise_mve, reductions_mve
from tinyc.kernels.catalogue import CHOICES, compact, select
from tinyc.kernels.contract import Extent, Isa, Kernel, Strides, contiguous
from tinyc.kernels.mve import Halves
from tinyc.ops import Activation, AverageOfSum, Conv2D, DepthwiseConv2D, MeanOfSum, Padding, Softmax
from tinyc.ops.window import output_size

ACTIVATIONS = (Activation.NONE, Activation.RELU, Activation.RELU6)
VALUES = ("random", "extreme", "random")
WEIGHTS = ("random", "saturating", "dead", "full")
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 24, 25, 33, 40)
MANY_CHANNELS = (50, 51, 52, 64, 96, 98, 150)
"""More than a slice of a lean row."""
DEPTHS = (1, 3, 8, 15, 16, 17, 32, 40, 48, 64, 80, 96)


def _channels(kernel: Kernel) -> tuple[int, ...]:
    return MANY_CHANNELS if "_lean_" in kernel.name else CHANNELS


def _convolution(layers: Layers, kernel: Kernel, index: int) -> Layer | None:
    draw, choice = layers.random.integers, layers.random.choice
    size, stride, dilation, padding = (1, 1), (1, 1), (1, 1), Padding(0, 0, 0, 0)
    x = (1, int(draw(1, 5)), int(draw(1, 6)), int(choice(DEPTHS)))
    if kernel.extent is Extent.ROW and kernel.name.startswith("pointwise"):
        stride = (int(draw(1, 4)), int(draw(1, 4)))
        x = (*x[:3], int(choice(DEPTHS)))
    elif kernel.extent is Extent.ROW:
        size = (int(draw(1, 6)), int(draw(1, 6)))
        stride, dilation = (int(draw(1, 4)), int(draw(1, 4))), (int(draw(1, 3)), int(draw(1, 3)))
        padding = Padding(*(int(draw(0, d * (k - 1) + 2)) for d, k in zip(dilation, size, strict=True) for _ in "ba"))
        x = (1, int(draw(1, 10)), int(draw(1, 12)), int(choice((1, 2, 3, 5, 8, 16, 17, 24))))
    try:
        for a, (before, after) in enumerate((padding[:2], padding[2:])):
            output_size(x[1 + a], size[a], stride=stride[a], dilation=dilation[a], before=before, after=after)
    except ValueError:
        return None
    return layers.convolution(
        x,
        size,
        int(choice(_channels(kernel))),
        stride=stride,
        dilation=dilation,
        padding=padding,
        activation=ACTIVATIONS[index % 3],
        values=VALUES[index % 3],
        weights=WEIGHTS[index % 4],
        bias=index % 5 != 0,
    )


def _dense(layers: Layers, kernel: Kernel, index: int) -> Layer:
    choice = layers.random.choice
    depth = int(choice(DEPTHS if "_lean_" in kernel.name else (*DEPTHS, 200, 333)))
    whole = kernel.extent is Extent.WHOLE
    return layers.dense(
        (1, 2, depth, 3) if whole else (int(choice((1, 2, 3))), depth),
        int(choice(_channels(kernel))),
        depth=6 * depth if whole else depth,
        keep_dims=not whole and index % 2 == 0,
        activation=ACTIVATIONS[index % 3],
        values=VALUES[index % 3],
        weights=WEIGHTS[index % 4],
        bias=index % 5 != 0,
        per_channel=index % 7 < 4,
    )


def _cases(kernel: Kernel, count: int) -> Iterator[tuple[Case, Layer]]:
    layers = Layers(sum(map(ord, kernel.name)))
    made = drawn = 0
    while made < count:
        drawn += 1
        layer = (_convolution if kernel.op is Conv2D else _dense)(layers, kernel, drawn)
        if layer is None:
            continue
        if drawn % 4 == 3:
            layer = _loud(layer, layers.random)
        if not kernel.accepts(layer.op, layer.operands):
            continue
        case = Case(kernel=kernel, op=layer.op, operands=layer.operands, values=layer.values, misalignment=made % 4)
        if kernel.extent is not Extent.WHOLE:
            case = _placed(case, layers, made)
        yield replace(case, shared=made % 5 == 4), layer
        made += 1


def _loud(layer: Layer, random: np.random.Generator) -> Layer:
    """The same layer with weights so small that not all saturates where sums are multiplied by more than one."""
    x, weights, bias = layer.operands.inputs
    assert weights is not None
    weights = replace(weights, data=(weights.values % 3 - 1).astype(np.int8))
    bias = None if bias is None else replace(bias, data=(bias.values % 100).astype(np.int32))
    operands = _louder(replace(layer.operands, inputs=(x, weights, bias)), random)
    constants = tuple(None if t is None else t.values for t in (weights, bias))
    return replace(layer, operands=operands, values=(layer.values[0], *constants))


def _louder(operands: Operands, random: np.random.Generator) -> Operands:
    """The same operands with an output scale so small that some channels are multiplied by more than one, others by less."""
    x, weights, y = operands.input(0), operands.input(1), operands.output
    assert weights.quantization is not None and y.quantization is not None
    greatest = max(weights.quantization.scales) * x.scale
    scale = float(np.float32(greatest / random.choice([0.4, 1.0, 1.7, 3.0, 7.0])))
    output = replace(y, quantization=replace(y.quantization, scales=(scale,)))
    return replace(operands, outputs=(output,))


def _placed(case: Case, layers: Layers, index: int) -> Case:
    """The case with gaps between its pixels, its tensors as one row, its rows in pieces, now and then."""
    rows, columns, channels = case.operands.output.hwc
    if index % 3 == 1:
        gaps = layers.random.integers(0, 6, 2)
        depth = case.operands.input(0).hwc[2]
        case = replace(case, strides=Strides(inputs=(depth + int(gaps[0]),), output=channels + int(gaps[1])))
    if index % 3 == 0 and case.kernel.extent is Extent.LONG_ROW:
        case = replace(case, long_row=True)
        columns *= rows
    if index % 4 == 3:
        cuts = sorted({0, columns, *(int(c) for c in layers.random.integers(0, columns + 1, 2))})
        case = replace(case, ranges=tuple(pairwise(cuts)))
    return case


@pytest.mark.parametrize("kernel", conv2d_mve.KERNELS, ids=lambda k: f"{k.name}-{k.op.kind}-{k.extent.name.lower()}")
@pytest.mark.parametrize("target", ("host", "an547"))
def test_convolutions_and_dense_layers(kernel: Kernel, target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    cases = list(_cases(kernel, 25 if "_lean_" in kernel.name else 60))
    results = run_cases([case for case, _ in cases], target=target)
    for index, ((_, layer), result) in enumerate(zip(cases, results, strict=True)):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{index}: {layer.op} {layer.operands}")


@pytest.mark.parametrize("fours", (True, False))
@pytest.mark.parametrize("target", ("host", "an547"))
def test_depthwise_convolutions_that_multiply_by_more_than_one(target: str, fours: bool) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    random = np.random.default_rng(11)
    cases, expected = [], []
    while len(cases) < 40:
        drawn = sample(DepthwiseConv2D, random)
        operands = _louder(drawn.operands, random)
        kernel = depthwise_mve.KERNELS[0 if fours else 1]
        if kernel.accepts(drawn.op, operands) and (operands.output.hwc[2] % 4 == 0) is fours:
            cases.append(
                Case(kernel=kernel, op=drawn.op, operands=operands, values=drawn.values, shared=len(cases) > 5)
            )
            expected.append(drawn.op.evaluate(operands, drawn.values)[0])
    assert any(kernel_halves(case) is Halves.ANY for case in cases)
    for case, result, values in zip(cases, run_cases(cases, target=target), expected, strict=True):
        np.testing.assert_array_equal(result.output, values, err_msg=f"{case.op} {case.operands}")


def kernel_halves(case: Case) -> Halves:
    """How the case's kernel was bound to round halves."""
    strides = contiguous(case.operands, case.op.activations(case.operands))
    halves = case.kernel.bind(case.op, case.operands, strides).fields["halves"]
    assert isinstance(halves, int)
    return Halves(halves)


@pytest.mark.parametrize("target", ("host", "an547"))
def test_running_sums(target: str, tmp_path: Path) -> None:
    """Row after row onto the same sums, the first without any before it; rows of the most pixels, of one value."""
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    random = np.random.default_rng(7)
    shapes = ((3, 5, 16, 16), (2, 255, 8, 9), (4, 1, 24, 30))
    data = [random.integers(-128, 128, (rows, columns, stride)).astype(np.int8) for rows, columns, _, stride in shapes]
    data[1][:] = -128
    lines = ['#include "mve/running_sum_s8.h"', '#include "runner.c"', "int main(void)", "{", "results_open();"]
    for index, ((rows, columns, channels, stride), values) in enumerate(zip(shapes, data, strict=True)):
        lines += [
            f"static const int8_t data{index}[] = {{{', '.join(map(str, values.reshape(-1).tolist()))}}};",
            f"static const tinyc_running_sum_s8 p{index} = {{{columns}, {channels}, {stride}}};",
            f"static int32_t sums{index}[{channels}];",
            f"for (int row = 0; row < {rows}; ++row) {{",
            f"const void *in[2] = {{data{index} + row * {columns * stride}, row == 0 ? NULL : sums{index}}};",
            f"running_sum_s8__mve(sums{index}, in, 0, 1, &p{index});",
            "}",
            f"results_write(sums{index}, sizeof sums{index});",
        ]
    (tmp_path / "cases.c").write_text("\n".join([*lines, "results_close();", "return 0;", "}", ""]))
    build_and_run(tmp_path, target)
    expected = [
        values.sum(axis=(0, 1), dtype=np.int32)[:channels]
        for (_, _, channels, _), values in zip(shapes, data, strict=True)
    ]
    found = np.fromfile(tmp_path / "results.bin", np.int32)
    np.testing.assert_array_equal(found, np.concatenate(expected))


FINISHES = tuple(kernel for kernel in reductions_mve.KERNELS if kernel.op in (AverageOfSum, MeanOfSum))


@pytest.mark.parametrize("kernel", FINISHES, ids=lambda k: k.name)
@pytest.mark.parametrize("target", ("host", "an547"))
def test_means_of_sums(kernel: Kernel, target: str) -> None:
    """Counts up to the greatest, sums up to the ends of what they can be, halves among them."""
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    random = np.random.default_rng(12)
    cases: list[Case] = []
    while len(cases) < 60:
        count = int(random.choice([1, 2, 3, 4, 25, 49, 64, 4088, random.integers(1, 4089)]))
        channels = int(random.choice([1, 3, 4, 5, 64, 67]))
        op = _finish(kernel.op, count, (1, channels), ACTIVATIONS[len(cases) % 3])
        x = tensor(random, "x", (1, 1, 1, channels))
        operands = Operands(
            inputs=(replace(x, dtype=DType.INT32),),
            outputs=(tensor(random, "y", (1, channels), scale=x.scale * 2.0 ** random.uniform(-1, 3)),),
        )
        halves = random.integers(-127, 127, channels) * count + count // 2
        spread = random.integers(-128 * count, 127 * count + 1, channels)
        sums = np.where(random.random(channels) < 0.5, halves, spread)
        sums[: channels // 3] = random.choice([-128 * count, 127 * count])
        if kernel.accepts(op, operands):
            values = (sums.astype(np.int32).reshape(1, 1, 1, channels),)
            cases.append(Case(kernel=kernel, op=op, operands=operands, values=values, shared=len(cases) > 5))
    for case, result in zip(cases, run_cases(cases, target=target), strict=True):
        (expected,) = case.op.evaluate(case.operands, case.values)
        np.testing.assert_array_equal(result.output, expected, err_msg=f"{case.op} {case.values}")


def _finish(op: type[Op], count: int, shape: tuple[int, int], activation: Activation) -> AverageOfSum | MeanOfSum:
    if op is MeanOfSum:
        return MeanOfSum(count=count, shape=shape)
    return AverageOfSum(count=count, shape=shape, activation=activation)


def test_a_softmax_of_ten_classes_keeps_its_table_where_flash_counts_most() -> None:
    """The compact form has none and is a scalar kernel: 2,750 instructions for 181, to save 1 KB."""
    random = np.random.default_rng(3)
    x = tensor(random, "x", (1, 10), scale=0.1)
    operands = Operands(inputs=(x,), outputs=(tensor(random, "y", (1, 10), scale=1 / 256, zero=-128),))
    chosen = select(Softmax(), operands, tuple(Isa))
    assert chosen.name == "softmax_s8__mve" and compact(chosen, Softmax(), operands) is chosen
    assert [row.name for row in CHOICES if row.isa is Isa.MVE and row.compact is not None] == []
