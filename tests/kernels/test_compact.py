"""Compact constants: the same as the ready ones, whatever shifts a layer mixes; what does not fit them is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from driver import Case, has_tools, run_cases
from layers import Layer, Layers, with_factors
from samples import Sample, sample

from tinyc.ir import Op, Operands, Quantization
from tinyc.kernels.catalogue import ALL, CHOICES, compact, select
from tinyc.kernels.contract import Extent, Isa, Kernel, PaddingRows, contiguous
from tinyc.kernels.requantize import SHIFT_BITS, Ties, _Channels, _constant, fast
from tinyc.kernels.requantize import compact as compact_constants
from tinyc.ops import Activation, Conv2D, DepthwiseConv2D, FullyConnected, Padding, Softmax
from tinyc.ops.arithmetic import Integers

COMPACT = [kernel.compact for kernel in CHOICES if kernel.compact is not None]
CHANNELS = 22
"""One for each right shift of the five-instruction form."""


def _layers(activation: Activation, weights: str = "saturating") -> list[Layer]:
    """Every kind of layer with compact rows; channels have the factors 0.75 * 2^-1 to 0.75 * 2^-22, or no ties and 0.75 too."""
    layers = Layers(29)
    kinds = {
        "weights": weights,
        "values": "extreme",
        "activation": activation,
    }
    same = Padding(1, 1, 1, 1)
    drawn = [
        layers.convolution((1, 3, 5, 8), (1, 1), CHANNELS, **kinds),  # type: ignore[arg-type]
        layers.convolution((1, 5, 6, 3), (3, 3), CHANNELS, padding=same, **kinds),  # type: ignore[arg-type]
        layers.convolution((1, 5, 6, 4), (3, 3), CHANNELS, padding=same, **kinds),  # type: ignore[arg-type]
        layers.dense((2, 19), CHANNELS, depth=19, **kinds),  # type: ignore[arg-type]
        layers.depthwise((1, 5, 9, CHANNELS), (3, 3), padding=same, **kinds),  # type: ignore[arg-type]
        layers.depthwise((1, 5, 9, CHANNELS), (3, 3), stride=(2, 2), padding=same, **kinds),  # type: ignore[arg-type]
        layers.depthwise((1, 6, 7, CHANNELS), (5, 4), padding=Padding(4, 4, 1, 2), **kinds),  # type: ignore[arg-type]
        layers.depthwise((1, 6, 7, CHANNELS), (4, 5), padding=Padding(3, 3, 2, 2), **kinds),  # type: ignore[arg-type]
        layers.depthwise((1, 9, 3, CHANNELS), (9, 2), padding=Padding(8, 4, 1, 0), **kinds),  # type: ignore[arg-type]
        layers.depthwise((1, 9, 1, CHANNELS), (4, 1), padding=Padding(3, 3, 0, 0), **kinds),  # type: ignore[arg-type]
    ]
    first = 0 if activation is Activation.RELU else 1
    return [with_factors(layer, tuple(-first - index for index in range(CHANNELS))) for layer in drawn]


def _rows(layer: Layer) -> list[Kernel]:
    return [row for row in COMPACT if row.op is type(layer.op) and row.accepts(layer.op, layer.operands)]


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU])
@pytest.mark.parametrize("target", ["host", "an386"])
def test_every_shift_in_one_layer(activation: Activation, target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    cases = []
    for layer in _layers(activation):
        rows = _rows(layer)
        assert rows, f"no compact row takes {layer.op}"
        cases += [(layer, Case(kernel=row, op=layer.op, operands=layer.operands, values=layer.values)) for row in rows]
    assert {case.kernel.name for _, case in cases} == {row.name for row in COMPACT if _is_met(row, activation)}
    for (layer, case), result in zip(cases, run_cases([case for _, case in cases], target=target), strict=True):
        np.testing.assert_array_equal(result.output, layer.expected(), err_msg=f"{case.kernel.name} {layer.op}")


@pytest.mark.parametrize("target", ["host", "an386"])
def test_channels_that_never_move(target: str) -> None:
    """Half of the filters are zero, their biases far too large for a compact word, and what they make is not the zero point."""
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    cases = []
    for layer in _layers(Activation.NONE, weights="dead"):
        dead = with_factors(layer, (-27, -8) * (CHANNELS // 2))
        x, weights, bias = dead.operands.inputs
        assert bias is not None
        values = bias.values.copy()
        values[::2] = (np.arange(CHANNELS // 2) % 7 + 3) * np.resize([1, -1], CHANNELS // 2) << 27
        operands = replace(dead.operands, inputs=(x, weights, replace(bias, data=values)))
        moved = replace(dead, operands=operands, values=(*dead.values[:2], values))
        cases += [(moved, row) for row in _rows(moved)]
    assert {row.name for _, row in cases} == {row.name for row in COMPACT if _is_met(row, Activation.NONE)}
    run = [Case(kernel=row, op=made.op, operands=made.operands, values=made.values) for made, row in cases]
    for (made, row), result in zip(cases, run_cases(run, target=target), strict=True):
        np.testing.assert_array_equal(result.output, made.expected(), err_msg=f"{row.name} {made.op}")


def _is_met(row: Kernel, activation: Activation) -> bool:
    """Whether `_layers` has a layer for a row: none are whole images, which differ in strides, and softmax has no constants."""
    either = row.name == "depthwise_conv2d_compact_s8__dsp"
    layers = row.isa is Isa.DSP and row.extent is not Extent.WHOLE
    return layers and (either or row.name.endswith("_relu") is (activation is Activation.RELU))


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU])
def test_compact_constants_are_the_ready_ones(activation: Activation) -> None:
    for layer in _layers(activation):
        if isinstance(layer.op, DepthwiseConv2D):
            continue
        assert isinstance(layer.op, (Conv2D, FullyConnected))
        found = compact_constants(layer.op, activation, layer.operands)
        ready = fast(layer.op, activation, layer.operands)
        assert found is not None and ready is not None and found.ties is ready.ties
        unpacked = _unpacked(found.rows, layer.operands)
        moved = ready.rows[:, 1] != 0  # what no input can move is a constant there
        np.testing.assert_array_equal(unpacked[moved], ready.rows[moved])


def _unpacked(rows: Integers, operands: Operands) -> Integers:
    """As the instructions do it: AND, ASR, LSL, ASR."""
    shift = rows[:, 0] & ((1 << SHIFT_BITS) - 1)
    zero = 2 * operands.output.zero_point + 1
    unpacked: Integers = np.stack([rows[:, 0] >> SHIFT_BITS, rows[:, 1], (zero << shift) >> 1, shift], axis=1)
    return unpacked


def _dense(exponent: int, bias: int) -> Layer:
    layer = with_factors(Layers(7).dense((1, 40), 6, depth=40), (exponent,) * 6)
    x, weights, biases = layer.operands.inputs
    assert biases is not None
    operands = replace(layer.operands, inputs=(x, weights, replace(biases, data=np.full(6, bias, np.int32))))
    return replace(layer, operands=operands)


def test_left_shifts_and_biases_of_many_bits_are_refused() -> None:
    op = FullyConnected()
    assert compact_constants(op, Activation.NONE, _dense(-8, 1000).operands) is not None
    assert compact_constants(op, Activation.NONE, _dense(1, 1000).operands) is None
    assert compact_constants(op, Activation.NONE, _dense(-19, 1 << 27).operands) is None
    assert fast(op, Activation.NONE, _dense(-19, 1 << 27).operands) is not None


@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
@pytest.mark.parametrize("bias", [-(1 << 27), 1 << 27])
def test_a_channel_that_stays_at_the_zero_point_fits_whatever_its_bias_is(zero_point: int, bias: int) -> None:
    """Or at the end that the activation leaves it, where its weights are all zero."""
    activation = Activation.NONE if bias > 0 else Activation.RELU
    op = FullyConnected(activation=activation)
    layer = _dense(-22, bias)
    x, weights, biases = layer.operands.inputs
    output = layer.operands.output
    assert output.quantization is not None and weights is not None
    dead = replace(weights, data=np.zeros(weights.shape, np.int8))
    moved = replace(output, quantization=replace(output.quantization, zero_points=(zero_point,)))
    operands = Operands(inputs=(x, dead, biases), outputs=(moved,))
    found = compact_constants(op, activation, operands)
    assert found is not None and (found.ties is Ties.DROPPED) is (bias < 0 or zero_point == -128)
    image = np.array([[-128] * 40], np.int8)
    value = op.evaluate(operands, (image, dead.values, biases.values if biases is not None else None))[0]
    assert (_five_instructions(np.zeros(6, np.int64), found.rows, found.ties, operands) == value).all()


@pytest.mark.parametrize("ties", list(Ties))
@pytest.mark.parametrize("value", [-128, -127, -4, -2, -1, 1, 55, 127])
def test_a_constant_channel_stays_where_it_is_for_every_sum(value: int, ties: Ties) -> None:
    layer = _dense(-8, 0)
    for zero_point, half in ((-3, 0), (0, 7), (0, 2**10), (-3, 2**14)):
        found = _Channels(
            lowest=np.array([-half - 11]),
            highest=np.array([half - 11]),
            unwrapped=np.array([2 * 977]),
            doubled=np.array([2 * 977]),
            mantissa=np.array([1 << 30]),
            right=np.array([27]),
            exact=np.array([False]),
            constant=np.array([True]),
            value=np.array([value]),
            ties=ties,
        )
        row = _constant(found, 0, zero_point)
        assert row is not None
        output = replace(layer.operands.output, quantization=Quantization(scales=(1.0,), zero_points=(zero_point,)))
        sums = np.unique(np.linspace(-half, half, 4097).astype(np.int64)) - 11 - 977
        came = _five_instructions(sums, np.array([row]), ties, replace(layer.operands, outputs=(output,)))
        assert (came == value).all()


def _five_instructions(sums: Integers, rows: Integers, ties: Ties, operands: Operands) -> Integers:
    unpacked = _unpacked(rows, operands)
    doubled = unpacked[:, 0] + 2 * sums
    tie = np.where(doubled < 0, -1, 0) if ties is Ties.CORRECTED else 0
    came: Integers = (((doubled * unpacked[:, 1] + 2**31) >> 32) + unpacked[:, 2] + tie) >> unpacked[:, 3]
    return np.clip(came, -128, 127)


def test_wider_depthwise_weights_are_refused() -> None:
    drawn = Layers(3).depthwise((1, 5, 5, 4), (3, 3), padding=Padding(1, 1, 1, 1), activation=Activation.RELU)
    wide = with_factors(drawn, (-9, 3, -9, -9))
    chosen = select(wide.op, wide.operands, (Isa.SCALAR, Isa.DSP))
    assert chosen.isa is Isa.DSP and compact(chosen, wide.op, wide.operands) is chosen


def test_a_compact_form_needs_no_more_than_the_kernel_it_replaces() -> None:
    """The plan is made with the ready forms: extents, scratch and what is read must hold."""
    assert all(row in ALL for row in COMPACT)
    drawn = [
        (layer.op, layer.operands) for activation in (Activation.NONE, Activation.RELU) for layer in _every(activation)
    ]
    checked = {ready for op, operands in drawn for ready in CHOICES if _is_as_needy(ready, op, operands)}
    assert checked == {ready for ready in CHOICES if ready.compact is not None}


def _every(activation: Activation) -> list[Layer | Sample]:
    """Layers for all rows with a compact form."""
    layers, rng = Layers(31), np.random.default_rng(5)
    whole = layers.dense((2, 3, 7, 2), 9, depth=42, activation=activation)
    column = layers.depthwise((1, 9, 1, 8), (4, 1), activation=activation)
    return [*_layers(activation), whole, column, sample(Softmax, rng)]


def _is_as_needy(ready: Kernel, op: Op, operands: Operands) -> bool:
    """Whether a kernel and its compact form both take a layer; then the form needs no more."""
    row = ready.compact
    if row is None or ready.op is not type(op) or not row.accepts(op, operands) or not ready.accepts(op, operands):
        return False
    assert (row.extent, row.strided_input, row.strided_output) == (
        ready.extent,
        ready.strided_input,
        ready.strided_output,
    )
    assert row.scratch(op, operands) <= ready.scratch(op, operands)
    assert row.over_read <= ready.over_read and row.in_place is ready.in_place
    assert row.padding_rows in (ready.padding_rows, PaddingRows.ABSENT)
    assert _bytes(row, op, operands) < _bytes(ready, op, operands)
    return True


def _bytes(row: Kernel, op: Op, operands: Operands) -> int:
    fields = row.bind(op, operands, contiguous(operands, op.activations(operands))).fields.values()
    return sum(value.data.nbytes for value in fields if not isinstance(value, int))
