"""Every dense row of the catalogue, and dense rows used as pointwise convolutions, against the meaning in numpy, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from driver import Case, has_tools, run_cases
from layers import Layer, Layers, with_compact

from tinyc.kernels import dense
from tinyc.kernels.contract import Extent, Isa, Kernel, Strides
from tinyc.ops.attributes import Activation

ROWS = with_compact(dense.KERNELS)


def _layer(layers: Layers, kernel: Kernel, index: int) -> Layer:
    draw = layers.random.integers
    depth = int(draw(1, 50)) * (4 if index % 4 == 0 else 1)
    whole = kernel.extent is Extent.WHOLE
    x = (int(draw(1, 4)), depth)
    if whole:
        x = (1, 2, depth, 3)
        depth *= 6
    elif index % 3 == 0:
        x = (int(draw(1, 3)), int(draw(1, 4)), depth)
    relu = kernel.name.endswith("_relu") or (kernel.isa is Isa.SCALAR and index % 2)
    return layers.dense(
        x,
        int(draw(1, 30)),
        depth=depth,
        keep_dims=not whole and index % 2 == 0,
        activation=Activation.RELU if relu else Activation.NONE,
        values=("random", "extreme", "random")[index % 3],
        weights=("random", "full" if "plain" in kernel.name else "saturating", "dead", "powers")[index % 4],
        bias=index % 5 != 0,
        per_channel=index % 7 < 4,
    )


def _cases(kernel: Kernel, count: int, seed: int) -> Iterator[tuple[Case, Layer]]:
    layers = Layers(seed)
    made = drawn = 0
    while made < count:
        drawn += 1
        layer = _layer(layers, kernel, drawn)
        if not kernel.accepts(layer.op, layer.operands):
            continue
        case = Case(kernel=kernel, op=layer.op, operands=layer.operands, values=layer.values, misalignment=made % 4)
        if made % 2 and kernel.extent is not Extent.WHOLE:
            extra = layers.random.integers(0, 6, 2)
            x, y = layer.operands.input(0).hwc[2], layer.operands.output.hwc[2]
            case = replace(case, strides=Strides(inputs=(x + int(extra[0]),), output=y + int(extra[1])))
        if made % 3 == 0 and kernel.extent is Extent.LONG_ROW:
            case = replace(case, long_row=True)
        yield case, layer
        made += 1


def _check(kernel: Kernel, count: int, target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    cases = list(_cases(kernel, count, seed=sum(map(ord, kernel.name))))
    results = run_cases([case for case, _ in cases], target=target)
    for index, ((_, layer), result) in enumerate(zip(cases, results, strict=True)):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{index}: {layer.op} {layer.operands}")


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_host(kernel: Kernel) -> None:
    _check(kernel, 32, "host")


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.isa is Isa.DSP], ids=lambda k: k.name)
def test_an386(kernel: Kernel) -> None:
    _check(kernel, 32, "an386")


@pytest.mark.parametrize("kernel", [k for k in ROWS if k.isa is Isa.DSP], ids=lambda k: k.name)
def test_an386_clang(kernel: Kernel) -> None:
    _check(kernel, 8, "an386-clang")
