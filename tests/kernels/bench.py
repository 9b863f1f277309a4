"""Instructions of single layers on mps2-an386, exact and repeatable: `python tests/kernels/bench.py [NAME]`.

Prints instructions, instructions per multiply-accumulate, the catalogue's prediction and the packed weights against the model's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from driver import Case, run_cases
from layers import Layer, Layers

from tinyc.kernels import conv2d, dense, depthwise
from tinyc.kernels.contract import CArray, Extent, Kernel, contiguous
from tinyc.ops.attributes import Activation, Padding

RELU, NONE = Activation.RELU, Activation.NONE
SAME3, SAME3_EVEN = Padding(1, 1, 1, 1), Padding(0, 1, 0, 1)


def shapes() -> Iterator[tuple[str, Layer]]:
    """The layers that anchors.md measures, and those of the models where most work is."""
    layers = Layers(4)
    for hw, depth, channels, activation in (
        (12, 64, 64, RELU),
        (12, 64, 64, NONE),
        (48, 8, 16, RELU),
        (6, 128, 128, RELU),
        (3, 256, 256, RELU),
        (1, 256, 64, RELU),
        (40, 8, 48, RELU),
        (40, 48, 8, NONE),
        (10, 96, 24, NONE),
    ):
        name = f"1x1 {hw}x{hw}x{depth}->{channels} {activation.name.lower()}"
        yield name, layers.convolution((1, hw, hw, depth), (1, 1), channels, activation=activation)
    yield "1x1 25x5x64->64 relu", layers.convolution((1, 25, 5, 64), (1, 1), 64, activation=RELU)
    for x, channels, stride, padding in (
        ((1, 32, 32, 16), 16, (1, 1), SAME3),
        ((1, 32, 32, 16), 32, (2, 2), SAME3_EVEN),
        ((1, 16, 16, 32), 32, (1, 1), SAME3),
        ((1, 8, 8, 64), 64, (1, 1), SAME3),
        ((1, 32, 32, 3), 16, (1, 1), SAME3),
        ((1, 96, 96, 3), 8, (2, 2), SAME3_EVEN),
    ):
        kind = "3x3 s2" if stride == (2, 2) else "3x3"
        name = f"{kind} {x[1]}x{x[2]}x{x[3]}->{channels} relu"
        yield name, layers.convolution(x, (3, 3), channels, stride=stride, padding=padding, activation=RELU)
    padding = Padding(2, 3, 2, 3)
    yield "6x6 24x20x16->12 relu", layers.convolution((1, 24, 20, 16), (6, 6), 12, padding=padding, activation=RELU)
    kws = layers.convolution((1, 49, 10, 1), (10, 4), 64, stride=(2, 2), padding=Padding(4, 5, 1, 1), activation=RELU)
    yield "10x4 s2 49x10x1->64 relu", kws
    for size, hw, depth, stride, activation in (
        (3, 48, 8, 1, RELU),
        (3, 48, 8, 1, NONE),
        (3, 20, 48, 1, RELU),
        (3, 12, 64, 1, RELU),
        (3, 12, 64, 1, NONE),
        (3, 6, 60, 1, RELU),
        (3, 3, 356, 1, RELU),
        (3, 48, 16, 2, RELU),
        (3, 24, 32, 2, RELU),
        (3, 12, 60, 2, NONE),
        (3, 6, 28, 2, RELU),
        (5, 10, 120, 1, RELU),
        (5, 6, 240, 2, RELU),
        (5, 3, 288, 1, RELU),
        (7, 20, 48, 2, RELU),
        (7, 5, 200, 1, RELU),
    ):
        low = (size - stride) // 2
        padding = Padding(low, size - stride - low, low, size - stride - low)
        name = f"dw{size}x{size} s{stride} {hw}x{hw}x{depth} {activation.name.lower()}"
        x = (1, hw, hw, depth)
        yield name, layers.depthwise(x, (size, size), stride=(stride, stride), padding=padding, activation=activation)
    for depth, outputs, activation in ((640, 128, RELU), (128, 128, RELU), (128, 640, NONE), (64, 10, NONE)):
        name = f"dense {depth}->{outputs} {activation.name.lower()}"
        yield name, layers.dense((1, depth), outputs, depth=depth, activation=activation)


def main() -> None:
    """Run every row that accepts, the cheapest by prediction first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="a part of the layer's name")
    parser.add_argument("--kernel", default="dsp", help="a part of the kernel's name")
    arguments = parser.parse_args()
    chosen = [
        (name, layer, kernel)
        for name, layer in shapes()
        if arguments.name in name
        for kernel in (*conv2d.KERNELS, *dense.KERNELS, *depthwise.KERNELS)
        if arguments.kernel in kernel.name and type(layer.op) is kernel.op and kernel.accepts(layer.op, layer.operands)
    ]
    results = run_cases([_case(layer, kernel) for _, layer, kernel in chosen], target="an386")
    print(f"{'layer':32}{'kernel':30}{'instructions':>13}{'i/MAC':>8}{'predicted':>10}{'flash':>7}{'scratch':>9}")
    for (name, layer, kernel), result in zip(chosen, results, strict=True):
        np.testing.assert_array_equal(result.output, layer.expected())
        macs = layer.op.macs(layer.operands)
        predicted = kernel.cost(layer.op, layer.operands) / result.instructions
        flash = _flash(layer, kernel) / (layer.operands.input(1).bytes + 8 * layer.operands.output.hwc[2])
        scratch = kernel.scratch(layer.op, layer.operands)
        line = f"{name:32}{kernel.name:30}{result.instructions:13,}{result.instructions / macs:8.3f}"
        print(f"{line}{predicted:10.2f}{flash:7.2f}{scratch:9}")


def _case(layer: Layer, kernel: Kernel) -> Case:
    long_row = kernel.extent is Extent.LONG_ROW
    return Case(kernel=kernel, op=layer.op, operands=layer.operands, values=layer.values, long_row=long_row)


def _flash(layer: Layer, kernel: Kernel) -> int:
    bound = kernel.bind(layer.op, layer.operands, contiguous(layer.operands, (0,)))
    return sum(value.data.size * value.data.itemsize for value in bound.fields.values() if isinstance(value, CArray))


if __name__ == "__main__":
    main()
