"""Depthwise convolution on Armv7E-M, four channels at a time, sums requantized in five instructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyc.ir import Op, Operands, Quantization
from tinyc.ir.types import Array
from tinyc.kernels.contract import Bound, CArray, Isa, Kernel, PaddingRows, Strides
from tinyc.kernels.products import is_int8
from tinyc.kernels.requantize import FastRequantization, Ties, bias_values, fast, ties_of
from tinyc.ops import DepthwiseConv2D, activation_range
from tinyc.ops.arithmetic import Integers, wrap_int32
from tinyc.ops.scaling import convolution_multipliers

GROUP = 4
CHANNELS_3X3 = (0, 2, 1, 3)
"""The channels of a group in the order of the streams of windows of 3x3."""
MOST_LEFT = 7
"""Places by which doubled weights of 8 bits can be shifted left in 16."""


# --- what all share -------------------------------------------------------------------------------------------------------


def _ties(op: DepthwiseConv2D, operands: Operands) -> Ties | None:
    """How ties are treated; None with fewer than four input channels, or where five instructions are not exact on every output channel."""
    if not is_int8(op, operands) or operands.input(0).hwc[2] < GROUP:
        return None
    found = _fast(op, widened(operands))
    return None if found is None else found.ties


def widened(operands: Operands) -> Operands:
    """The same layer, where channels with a factor of 1 or more have weights and a bias that are greater by a power of two.

    TFLite shifts such accumulators left before it multiplies.  Weights have 16 bits, doubled, so up to seven places are free.
    """
    weights, channels = operands.input(1), operands.output.hwc[2]
    left = np.array([max(factor.shift, 0) for factor in convolution_multipliers(operands)])
    if not left.any() or left.max() > MOST_LEFT or weights.quantization is None:
        return operands
    scales = np.broadcast_to(weights.quantization.scales, (channels,)) / 2.0**left
    quantization = Quantization(scales=tuple(scales.tolist()), zero_points=(0,) * channels, axis=3)
    wide = replace(weights, quantization=quantization, data=weights.values.astype(np.int64) << left)
    bias = operands.optional(2)
    wide_bias = None if bias is None else replace(bias, data=bias.values.astype(np.int64) << left)
    return replace(operands, inputs=(operands.inputs[0], wide, wide_bias))


def _fast(op: DepthwiseConv2D, operands: Operands) -> FastRequantization | None:
    """The requantization of the same taps seen as dense filters, one an output channel."""
    return fast(op, op.activation, dense(operands))


def _widened_with_constants(op: DepthwiseConv2D, operands: Operands) -> tuple[Operands, FastRequantization]:
    """What streams are made of, for a layer that is accepted."""
    wide = widened(operands)
    found = _fast(op, wide)
    assert found is not None
    return wide, found


def dense(operands: Operands) -> Operands:
    """The same taps as dense filters, one an output channel."""
    weights = operands.input(1)
    _, rows, columns, channels = weights.shape
    filters = np.moveaxis(weights.values, 3, 0)
    dense = replace(weights, shape=(channels, rows, columns, 1), data=filters)
    return Operands(inputs=(operands.input(0), dense, *operands.inputs[2:]), outputs=operands.outputs)


def grouped(channels: int) -> list[int]:
    """The channels in groups of four; a last group that is not full starts earlier."""
    starts = [min(start, channels - GROUP) for start in range(0, channels, GROUP)]
    return [start + index for start in starts for index in range(GROUP)]


def _row_fields(op: DepthwiseConv2D, operands: Operands, strides: Strides) -> dict[str, int | CArray]:
    """What every kernel is told."""
    least, most = activation_range(op.activation, operands.output)
    return {
        "channels": operands.input(0).hwc[2],
        "in_stride": strides.inputs[0],
        "out_stride": strides.output,
        "least": least,
        "most": most,
    }


def _parts_fields(op: DepthwiseConv2D, operands: Operands, strides: Strides, part: int) -> dict[str, int | CArray]:
    """What kernels are told that stage a part of a row."""
    return {
        **_row_fields(op, operands, strides),
        "row_dilation": op.dilation[0],
        "pad_left": op.padding.left,
        "in_columns": operands.input(0).hwc[1],
        "in_zero_point": operands.input(0).zero_point,
        "part": _largest_part(operands, part),
    }


def window_fields(op: DepthwiseConv2D, operands: Operands, strides: Strides, ties: Ties) -> dict[str, int | CArray]:
    """What kernels of any window are told."""
    _, rows, columns, _ = operands.input(1).shape
    return {
        **_row_fields(op, operands, strides),
        "window_rows": rows,
        "window_columns": columns,
        "row_dilation": op.dilation[0],
        "column_dilation": op.dilation[1],
        "column_stride": op.stride[1],
        "pad_left": op.padding.left,
        "ties": int(ties is Ties.CORRECTED),
    }


# --- any window, a copy of the code for each layer ------------------------------------------------------------------------


class Border(NamedTuple):
    """The window columns [first, last) that lie inside the image."""

    first: int
    last: int


def accepts_any(op: Op, operands: Operands) -> bool:
    """What no kernel that keeps one copy of its code takes."""
    assert isinstance(op, DepthwiseConv2D)
    others = op.multiplier == 1 and (_has_own(op, operands) or _is_window(op, operands))
    return not others and _ties(op, operands) is not None


def _bind_any(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    operands, requantization = _widened_with_constants(op, operands)
    _, _, columns, outputs = operands.input(1).shape
    borders = _borders(op, operands)
    inside = [x for x, border in enumerate(borders) if border == (0, columns)]
    first, last = (inside[0], inside[-1] + 1) if inside else (len(borders), len(borders))
    outside = (borders[:first] + borders[last:]) or [Border(0, 0)]
    biases = np.array([_biases(operands, border) for border in outside], np.int32).reshape(-1, outputs)
    order = _turns(outputs // op.multiplier, op.multiplier)
    return Bound(
        fields={
            **window_fields(op, operands, strides, requantization.ties),
            "multiplier": op.multiplier,
            "inside_first": first,
            "inside_last": last,
            "stream": CArray(c_type="int32_t", data=_stream(operands, requantization.rows, order)),
            "borders": CArray(c_type="tinyc_border", data=np.array(outside, np.int32).reshape(-1, 2)),
            "border_biases": CArray(c_type="int32_t", data=biases[:, order.ravel()].ravel()),
        }
    )


def _borders(op: DepthwiseConv2D, operands: Operands) -> list[Border]:
    """For every output column."""
    columns, taps, dilation = operands.input(0).hwc[1], operands.input(1).shape[2], op.dilation[1]
    found = []
    for x in range(operands.output.hwc[1]):
        left = x * op.stride[1] - op.padding.left
        inside = [k for k in range(taps) if 0 <= left + k * dilation < columns]
        found.append(Border(inside[0], inside[-1] + 1) if inside else Border(0, 0))
    return found


def _turns(channels: int, multiplier: int) -> Array:
    """The output channels in groups of four: the first ones of all input channels, then the second ones."""
    first = np.array(grouped(channels)).reshape(-1, GROUP) * multiplier
    return np.concatenate([first + turn for turn in range(multiplier)])


def _biases(operands: Operands, border: Border) -> Integers:
    """Doubled biases, with the zero point folded in for all rows of some columns of the window."""
    weights = operands.input(1).values.astype(np.int64)[0]
    sums = weights[:, border.first : border.last].sum(axis=(0, 1))
    return wrap_int32(2 * (bias_values(operands, weights.shape[2]) - operands.input(0).zero_point * sums))


def _stream(operands: Operands, requantization: Integers, order: Array) -> Array:
    """Per group of four channels: doubled biases, doubled weights tap by tap as (0, 2) and (1, 3), requantization."""
    weights = operands.input(1).values.astype(np.int64)
    _, rows, columns, channels = weights.shape
    taps = 2 * weights.reshape(rows * columns, channels)
    biases = _biases(operands, Border(0, columns))
    parts: list[Integers] = []
    for group in order:
        words = (taps[:, group][:, :2] & 0xFFFF) | (taps[:, group][:, 2:] << 16)
        parts += [biases[group], words.ravel(), requantization[group, 1:].ravel()]
    return wrap_int32(np.concatenate(parts)).astype(np.int32)


def _cost_any(op: Op, operands: Operands) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, channels = operands.output.hwc[0], operands.input(0).hwc[2]
    _, window_rows, window_columns, _ = operands.input(1).shape
    borders = _borders(op, operands)
    inside = sum(border == (0, window_columns) for border in borders)
    shared = op.stride[1] == op.dilation[1] == 1
    two = 60 + window_rows * (4 + (12 * window_columns + 3 if shared else 15 * window_columns))
    one = 40 + window_rows * (6 + 8 * window_columns)
    partial = sum(50 + window_rows * (10 + 10 * (b.last - b.first)) for b in borders if b != (0, window_columns))
    groups = -(-channels // GROUP) * op.multiplier
    return rows * (30 + 12 * len(borders) + groups * ((inside // 2) * two + (inside % 2) * one + partial))


# --- windows of 3x3 on Armv7E-M, one copy of the code a stride -----------------------------------------------------------

STRIDES_3X3 = (1, 2)
PARTS = (16, 6, 3)
"""Output pixels at a time: fewer need less scratch, and more instructions."""
COLUMN_BYTES = 28


def _is_3x3(op: Op, operands: Operands, stride: int) -> bool:
    assert isinstance(op, DepthwiseConv2D)
    return operands.input(1).shape[1:3] == (3, 3) and op.dilation[1] == 1 and op.stride[1] == stride


def _has_own(op: Op, operands: Operands) -> bool:
    return any(_is_3x3(op, operands, stride) for stride in STRIDES_3X3)


def _accepts_3x3(op: Op, operands: Operands, stride: int, ties: Ties) -> bool:
    assert isinstance(op, DepthwiseConv2D)
    return _is_3x3(op, operands, stride) and op.multiplier == 1 and _ties(op, operands) is ties


def cuts(operands: Operands, part: int) -> list[int]:
    """A row of output pixels, cut as evenly as it can be; the largest last."""
    columns = operands.output.hwc[1]
    parts = -(-columns // part)
    return [(columns + index) // parts for index in range(parts)]


def _largest_part(operands: Operands, part: int) -> int:
    return cuts(operands, part)[-1]


def _scratch_3x3(op: Op, operands: Operands, part: int) -> int:
    """The columns of the largest part of a row."""
    assert isinstance(op, DepthwiseConv2D)
    return COLUMN_BYTES * ((_largest_part(operands, part) - 1) * op.stride[1] + 3)


def _bind_3x3(op: Op, operands: Operands, strides: Strides, part: int) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    operands, requantization = _widened_with_constants(op, operands)
    stream = CArray(c_type="int32_t", data=_stream_3x3(operands, requantization.rows))
    return Bound(fields={"stream": stream, **_parts_fields(op, operands, strides, part)})


def _stream_3x3(operands: Operands, requantization: Integers) -> Array:
    """Eight words a channel, as depthwise_3x3_s8.h explains them."""
    taps = 2 * operands.input(1).values.astype(np.int64)[0]
    doubled, multiplier, offset, shift = requantization.T
    pairs = (taps[0] & 0xFFFF) | (taps[1] << 16)
    lowest = (taps[2, 0] & 0xFFFF) | (taps[2, 1] << 16), shift | (taps[2, 2] << 16)
    words = np.stack([*pairs, *lowest, doubled, multiplier, offset], axis=1)
    order = np.array(grouped(len(words))).reshape(-1, GROUP)[:, CHANNELS_3X3].ravel()
    return wrap_int32(words[order].ravel()).astype(np.int32)


def _cost_3x3(op: Op, operands: Operands, part: int, ties: Ties) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, columns, channels = operands.output.hwc
    parts = len(cuts(operands, part))
    staged = min((columns - parts) * op.stride[1] + 3 * parts, operands.input(0).hwc[1] + 2 * (parts - 1))
    output = (50 if op.stride[1] == 1 else 54) + 8 * (ties is Ties.CORRECTED)
    group = columns * output + 16 * staged + 112 * parts
    return rows * (-(-channels // GROUP) * group + 110 * parts + 40)


def _row_3x3(stride: int, part: int, ties: Ties) -> Kernel:
    name = "depthwise_3x3_s8__dsp" if stride == 1 else f"depthwise_3x3_s{stride}_s8__dsp"
    return Kernel(
        name=name if ties is Ties.CORRECTED else f"{name}_relu",
        isa=Isa.DSP,
        op=DepthwiseConv2D,
        header="dsp/depthwise_3x3_s8.h",
        struct="tinyc_depthwise_3x3_s8_dsp",
        accepts=lambda op, operands: _accepts_3x3(op, operands, stride, ties),
        bind=lambda op, operands, strides: _bind_3x3(op, operands, strides, part),
        cost=lambda op, operands: _cost_3x3(op, operands, part, ties),
        padding_rows=PaddingRows.ZERO_POINT,
        scratch=lambda op, operands: _scratch_3x3(op, operands, part),
    )


# --- other windows of up to seven rows, one copy of the code -------------------------------------------------------------

MOST_ROWS = 7
MOST_WORDS = 28
PARTS_WINDOW = (10, 4, 2)


def _column_words(rows: int) -> int:
    """A word for each pair of window rows, and one for the last."""
    return rows // 2 + 1


def _window_words(operands: Operands) -> int:
    """The words of a window, in groups of four."""
    _, rows, columns, _ = operands.input(1).shape
    return -(-columns * _column_words(rows) // 4) * 4


def _is_window(op: Op, operands: Operands) -> bool:
    """Windows of at least two columns: those of one share nothing with their neighbours that staging would save."""
    assert isinstance(op, DepthwiseConv2D)
    _, rows, columns, _ = operands.input(1).shape
    return columns > 1 and rows <= MOST_ROWS and _window_words(operands) <= MOST_WORDS and op.dilation[1] == 1


def _accepts_window(op: Op, operands: Operands, ties: Ties) -> bool:
    assert isinstance(op, DepthwiseConv2D)
    if not _is_window(op, operands) or _has_own(op, operands) or op.multiplier != 1:
        return False
    return _ties(op, operands) is ties


def _plane_bytes(op: Op, operands: Operands, part: int) -> int:
    """The staged columns of one channel, for an even number of output pixels, and what padded weights read further."""
    assert isinstance(op, DepthwiseConv2D)
    words, outputs = _column_words(operands.input(1).shape[1]), -(-_largest_part(operands, part) // 2) * 2
    return 4 * ((outputs - 1) * op.stride[1] * words + _window_words(operands))


def _bind_window(op: Op, operands: Operands, strides: Strides, part: int) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    operands, requantization = _widened_with_constants(op, operands)
    _, rows, columns, _ = operands.input(1).shape
    return Bound(
        fields={
            "stream": CArray(c_type="int32_t", data=_stream_window(operands, requantization.rows)),
            **_parts_fields(op, operands, strides, part),
            "window_rows": rows,
            "window_columns": columns,
            "words": _window_words(operands),
            "stride": op.stride[1],
            "plane_bytes": _plane_bytes(op, operands, part),
        }
    )


def _stream_window(operands: Operands, requantization: Integers) -> Array:
    """Per channel the doubled bias, the words of a window, and what requantizes; depthwise_window_s8.h explains them."""
    taps = 2 * operands.input(1).values.astype(np.int64)[0]
    rows, columns, channels = taps.shape
    words = _column_words(rows)
    lanes = np.zeros((2 * words, columns, channels), np.int64)
    lanes[:rows] = taps
    by_group = lanes[:, :, grouped(channels)]
    by_group[-2:, :, 2::GROUP], by_group[-2:, :, 3::GROUP] = (
        by_group[:-3:-1, :, 2::GROUP],
        by_group[:-3:-1, :, 3::GROUP],
    )
    pairs = (by_group[0::2] & 0xFFFF) | (by_group[1::2] << 16)
    window = pairs.transpose(2, 1, 0).reshape(-1, words * columns)
    padded = np.pad(window, ((0, 0), (0, _window_words(operands) - words * columns)))
    by = requantization[grouped(channels)]
    return wrap_int32(np.concatenate([by[:, :1], padded, by[:, 1:]], axis=1).ravel()).astype(np.int32)


def _cost_window(op: Op, operands: Operands, part: int, ties: Ties) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, columns, channels = operands.output.hwc
    _, window_rows, window_columns, _ = operands.input(1).shape
    widths = cuts(operands, part)
    parts = len(widths)
    image = operands.input(0).hwc[1]
    staged = min((columns - parts) * op.stride[1] + window_columns * parts, image + (window_columns - 1) * (parts - 1))
    two = 11 * _window_words(operands) // 4 + 25 + 2 * (ties is Ties.CORRECTED)
    twos = sum(-(-width // 2) for width in widths)
    group = 4 * twos * two + staged * (11 + 15 * (window_rows // 2)) + parts * 120
    outside = 16 * _column_words(window_rows) * (window_columns - 1)
    return rows * (-(-channels // GROUP) * group + parts * 150 + outside + 60)


def _row_window(part: int, ties: Ties) -> Kernel:
    name = "depthwise_window_s8__dsp"
    return Kernel(
        name=name if ties is Ties.CORRECTED else f"{name}_relu",
        isa=Isa.DSP,
        op=DepthwiseConv2D,
        header="dsp/depthwise_window_s8.h",
        struct="tinyc_depthwise_window_s8_dsp",
        accepts=lambda op, operands: _accepts_window(op, operands, ties),
        bind=lambda op, operands, strides: _bind_window(op, operands, strides, part),
        cost=lambda op, operands: _cost_window(op, operands, part, ties),
        padding_rows=PaddingRows.ZERO_POINT,
        scratch=lambda op, operands: GROUP * _plane_bytes(op, operands, part),
    )


# --- windows of one column, two window rows in each multiplication --------------------------------------------------------


def _accepts_column(op: Op, operands: Operands) -> bool:
    """Windows of one column of adjacent rows, none of them beside the image."""
    assert isinstance(op, DepthwiseConv2D)
    if operands.input(1).shape[2] != 1 or op.dilation[0] != 1 or op.multiplier != 1 or _ties(op, operands) is None:
        return False
    return all(border == (0, 1) for border in _borders(op, operands))


def _bind_column(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    operands, requantization = _widened_with_constants(op, operands)
    return Bound(
        fields={
            **_row_fields(op, operands, strides),
            "window_rows": operands.input(1).shape[1],
            "column_stride": op.stride[1],
            "ties": int(requantization.ties is Ties.CORRECTED),
            "stream": CArray(c_type="int32_t", data=_stream_column(operands, requantization.rows)),
        }
    )


def _stream_column(operands: Operands, requantization: Integers) -> Array:
    """Per group of four channels, as depthwise_column_s8.h explains it."""
    taps = 2 * operands.input(1).values.astype(np.int64)[0, :, 0]
    order = np.array(grouped(taps.shape[1])).reshape(-1, GROUP)
    by, taps = requantization[order], taps[:, order]
    paired = taps[: len(taps) // 2 * 2].reshape(-1, 2, *order.shape)
    pairs = (paired[:, 0] & 0xFFFF) | (paired[:, 1] << 16)
    single = taps[len(taps) // 2 * 2 :]
    halves = (single[..., :2] & 0xFFFF) | (single[..., 2:] << 16)
    groups = [
        np.concatenate([by[g, :, 0], pairs[:, g].ravel(), halves[:, g].ravel(), by[g, :, 1:].ravel()])
        for g in range(len(order))
    ]
    return wrap_int32(np.concatenate(groups)).astype(np.int32)


def _cost_column(op: Op, operands: Operands) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, columns, channels = operands.output.hwc
    window_rows, ties = operands.input(1).shape[1], ties_of(op.activation, operands)
    group = 31 + 4 * (ties is Ties.CORRECTED) + 15 * (window_rows // 2) + 9 * (window_rows % 2)
    return rows * (20 + columns * (14 + -(-channels // GROUP) * group))


COLUMN = Kernel(
    name="depthwise_column_s8__dsp",
    isa=Isa.DSP,
    op=DepthwiseConv2D,
    header="dsp/depthwise_column_s8.h",
    struct="tinyc_depthwise_column_s8_dsp",
    accepts=_accepts_column,
    bind=_bind_column,
    cost=_cost_column,
    padding_rows=PaddingRows.ZERO_POINT,
)
ROWS_WINDOW: Mapping[tuple[int, Ties], Kernel] = {
    (part, ties): _row_window(part, ties) for part in PARTS_WINDOW for ties in Ties
}
"""By pixels at a time and ties."""
ROWS_3X3: Mapping[tuple[int, int, Ties], Kernel] = {
    (part, stride, ties): _row_3x3(stride, part, ties) for part in PARTS for stride in STRIDES_3X3 for ties in Ties
}
"""By pixels at a time, stride and ties."""
ANY = Kernel(
    name="depthwise_conv2d_s8__dsp",
    isa=Isa.DSP,
    op=DepthwiseConv2D,
    header="dsp/depthwise_conv2d_s8.h",
    struct="tinyc_depthwise_conv2d_s8_dsp",
    accepts=accepts_any,
    bind=_bind_any,
    cost=_cost_any,
    padding_rows=PaddingRows.ZERO_POINT,
)
