"""Depthwise convolution on Armv7E-M, four channels at a time, sums requantized in five instructions.

Each kernel has a compact form, whose weights are bytes and whose constants are compact; it makes of them what the kernel reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyc.ir import Op, Operands, Quantization
from tinyc.ir.types import Array
from tinyc.kernels.contract import USUAL_STACK, Bound, CArray, Isa, Kernel, PaddingRows, Strides
from tinyc.kernels.products import is_int8
from tinyc.kernels.requantize import (
    COMPACT_BITS,
    SHIFT_BITS,
    Constants,
    FastRequantization,
    Ties,
    bias_values,
    compact,
    fast,
    layer_words,
)
from tinyc.ops import DepthwiseConv2D, activation_range
from tinyc.ops.arithmetic import Integers, wrap_int32
from tinyc.ops.scaling import convolution_multipliers

GROUP = 4
IN_ORDER, CHANNELS = (0, 1, 2, 3), (0, 2, 1, 3)
"""Of a group, in the order of streams; the second that of windows of 3x3."""
MOST_LEFT = 7
"""Places by which doubled weights of 8 bits can be shifted left in 16."""


# --- any window, a copy of the code for each layer ------------------------------------------------------------------------


class Border(NamedTuple):
    """The window columns [first, last) that lie inside the image."""

    first: int
    last: int


def _accepts_dsp(op: Op, operands: Operands) -> bool:
    """At least four channels, one output each, and the five-instruction requantization exact on all of them."""
    assert isinstance(op, DepthwiseConv2D)
    return op.multiplier == 1 and _accepts_groups(op, operands)


def _accepts_groups(op: DepthwiseConv2D, operands: Operands) -> bool:
    """At least four input channels, and the five-instruction requantization exact on every output channel."""
    return is_int8(op, operands) and operands.input(0).hwc[2] >= GROUP and _fast(op, operands) is not None


def _accepts_any_dsp(op: Op, operands: Operands) -> bool:
    """What no kernel that keeps one copy of its code takes."""
    assert isinstance(op, DepthwiseConv2D)
    others = op.multiplier == 1 and (_has_own(op, operands) or _is_window(op, operands))
    return not others and _accepts_groups(op, operands)


def _widened(operands: Operands) -> Operands:
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
    return fast(op, op.activation, _dense(_widened(operands)))


def _dense(operands: Operands) -> Operands:
    weights = operands.input(1)
    _, rows, columns, channels = weights.shape
    filters = np.moveaxis(weights.values, 3, 0)
    dense = replace(weights, shape=(channels, rows, columns, 1), data=filters)
    return Operands(inputs=(operands.input(0), dense, *operands.inputs[2:]), outputs=operands.outputs)


def _bind_dsp(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    operands = _widened(operands)
    requantization = _fast(op, operands)
    assert requantization is not None
    _, rows, columns, outputs = operands.input(1).shape
    channels = outputs // op.multiplier
    borders = _borders(op, operands)
    inside = [x for x, border in enumerate(borders) if border == (0, columns)]
    first, last = (inside[0], inside[-1] + 1) if inside else (len(borders), len(borders))
    outside = (borders[:first] + borders[last:]) or [Border(0, 0)]
    least, most = activation_range(op.activation, operands.output)
    biases = np.array([_biases(operands, border) for border in outside], np.int32).reshape(-1, outputs)
    order = _turns(channels, op.multiplier)
    return Bound(
        fields={
            "channels": channels,
            "multiplier": op.multiplier,
            "window_rows": rows,
            "window_columns": columns,
            "row_dilation": op.dilation[0],
            "column_dilation": op.dilation[1],
            "column_stride": op.stride[1],
            "pad_left": op.padding.left,
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "inside_first": first,
            "inside_last": last,
            "ties": int(requantization.ties is Ties.CORRECTED),
            "least": least,
            "most": most,
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


def _grouped(channels: int) -> list[int]:
    """The channels in groups of four; a last group that is not full starts earlier."""
    starts = [min(start, channels - GROUP) for start in range(0, channels, GROUP)]
    return [start + index for start in starts for index in range(GROUP)]


def _turns(channels: int, multiplier: int) -> Array:
    """The output channels in groups of four: the first ones of all input channels, then the second ones."""
    first = np.array(_grouped(channels)).reshape(-1, GROUP) * multiplier
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


def _dsp_cost(op: Op, operands: Operands) -> int:
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


# --- compact forms --------------------------------------------------------------------------------------------------------


def _compact(op: DepthwiseConv2D, operands: Operands) -> FastRequantization | None:
    """Compact constants; None where they do not fit, or weights would have to be wider than a byte."""
    return compact(op, op.activation, _dense(operands)) if _widened(operands) is operands else None


def _accepts_compact(op: Op, operands: Operands) -> bool:
    """Of what the ready form takes; a window always has a row inside the image."""
    assert isinstance(op, DepthwiseConv2D)
    rows = operands.input(1).shape[1]
    meets = op.dilation[0] == 1 and max(op.padding.top, op.padding.bottom) < rows
    return meets and _compact(op, operands) is not None


Lanes = Callable[[Array], list[Array]]
"""From weights of [rows, columns, groups, 4 channels] to the bytes of every word, each [groups, 4]."""


def _lanes_3x3(w: Array) -> list[Array]:
    """For the channels 0 and 2, then 1 and 3: upper and middle row column by column, the lowest two columns; then the last one."""
    w = w[..., CHANNELS]
    pairs = [
        np.concatenate([upper[:, pair], lower[:, pair]], axis=1)
        for pair in (slice(0, 2), slice(2, 4))
        for upper, lower in (*((w[0, k], w[1, k]) for k in range(3)), (w[2, 0], w[2, 1]))
    ]
    return [*pairs, w[2, 2]]


def _lanes_window(w: Array) -> list[Array]:
    """Pairs of rows, column by column, for the channels 0 and 1, then 2 and 3; then a last row."""
    rows, columns = w.shape[:2]
    pairs = [
        np.concatenate([w[i, k][:, pair], w[i + 1, k][:, pair]], axis=1)
        for i in range(0, rows - 1, 2)
        for k in range(columns)
        for pair in (slice(0, 2), slice(2, 4))
    ]
    return [*pairs, *(w[-1, k] for k in range(columns) if rows % 2)]


def _lanes_by_tap(w: Array) -> list[Array]:
    return [tap for row in w for tap in row]


def _stream_of_bytes(operands: Operands, requantization: Integers, lanes: Lanes, channels: tuple[int, ...]) -> Array:
    """Per group of four channels: the words of their weights, then their constants in the order of `channels`."""
    order = np.array(_grouped(operands.output.hwc[2])).reshape(-1, GROUP)
    weights = operands.input(1).values.astype(np.int8)[0][:, :, order]
    words = np.ascontiguousarray(np.concatenate(lanes(weights), axis=1)).view("<i4").astype(np.int64)
    constants = requantization[order[:, channels]].reshape(len(order), -1)
    stream = np.concatenate([words, constants], axis=1).ravel()
    return layer_words(stream.astype(np.int32), operands, Constants.COMPACT)


def _compact_row(
    ready: Kernel, part: int, lanes: Lanes, channels: tuple[int, ...], *, stack: int = USUAL_STACK
) -> Kernel:
    """The form of a kernel that unpacks one group of channels after the other, on the stack."""

    def accepts(op: Op, operands: Operands) -> bool:
        return ready.accepts(op, operands) and _accepts_compact(op, operands)

    def bind(op: Op, operands: Operands, strides: Strides) -> Bound:
        assert isinstance(op, DepthwiseConv2D)
        found = _compact(op, operands)
        assert found is not None
        stream = CArray(c_type="int32_t", data=_stream_of_bytes(operands, found.rows, lanes, channels))
        return Bound(fields={**ready.bind(op, operands, strides).fields, "stream": stream})

    def cost(op: Op, operands: Operands) -> int:
        return ready.cost(op, operands) + _unpacking(op, operands, part)

    return replace(
        ready,
        name=ready.name.replace("_s8", "_compact_s8"),
        header="dsp/depthwise_compact_s8.h",
        accepts=accepts,
        bind=bind,
        cost=cost,
        padding_rows=PaddingRows.ABSENT,
        stack=stack,
        outlined=True,
    )


def _unpacking(op: Op, operands: Operands, part: int) -> int:
    """Instructions of unpacking every group once a row, of which some have taps outside, and of calls for each group."""
    assert isinstance(op, DepthwiseConv2D)
    rows, image_rows = operands.output.hwc[0], operands.input(0).hwc[0]
    _, window_rows, window_columns, channels = operands.input(1).shape
    starts = [row * op.stride[0] - op.padding.top for row in range(rows)]
    outside = sum(start < 0 or start + window_rows > image_rows for start in starts)
    taps = window_rows * window_columns
    group = rows * (50 + 15 * taps + 70 * len(_cuts(operands, part))) + outside * 7 * taps
    return -(-channels // GROUP) * group


def _centered(operands: Operands, requantization: Integers) -> Integers | None:
    """Compact rows for centered inputs: without the zero point in the bias; None where that does not fit."""
    folded = operands.input(0).zero_point * operands.input(1).values.astype(np.int64).sum(axis=(0, 1, 2))
    doubled = (requantization[:, 0] >> SHIFT_BITS) + 2 * folded
    if np.abs(doubled).max(initial=0) >= 1 << COMPACT_BITS:
        return None
    shift = requantization[:, 0] & ((1 << SHIFT_BITS) - 1)
    rows: Integers = np.stack([doubled << SHIFT_BITS | shift, requantization[:, 1]], axis=1)
    return rows


def _accepts_any_compact(op: Op, operands: Operands) -> bool:
    assert isinstance(op, DepthwiseConv2D)
    if op.multiplier != 1 or not _accepts_any_dsp(op, operands):
        return False
    found = _compact(op, operands)
    return found is not None and _centered(operands, found.rows) is not None


def _bind_any_compact(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    x, (_, rows, columns, channels) = operands.input(0), operands.input(1).shape
    found = _compact(op, operands)
    assert found is not None
    centered = _centered(operands, found.rows)
    assert centered is not None
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={
            "stream": CArray(c_type="int32_t", data=_stream_of_bytes(operands, centered, _lanes_by_tap, IN_ORDER)),
            "channels": channels,
            "window_rows": rows,
            "window_columns": columns,
            "row_dilation": op.dilation[0],
            "column_dilation": op.dilation[1],
            "column_stride": op.stride[1],
            "pad_left": op.padding.left,
            "in_columns": x.hwc[1],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "in_zero_point": x.zero_point,
            "ties": int(found.ties is Ties.CORRECTED),
            "least": least,
            "most": most,
        }
    )


def _cost_any_compact(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    _, window_rows, window_columns, _ = operands.input(1).shape
    group = 115 + window_rows * (5 + 14 * window_columns)
    return rows * (30 + columns * (30 + -(-channels // GROUP) * group))


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
    if not _is_3x3(op, operands, stride) or not _accepts_dsp(op, operands):
        return False
    found = _fast(op, operands)
    return found is not None and found.ties is ties


def _cuts(operands: Operands, part: int) -> list[int]:
    """A row of output pixels, cut as evenly as it can be; the largest last."""
    columns = operands.output.hwc[1]
    parts = -(-columns // part)
    return [(columns + index) // parts for index in range(parts)]


def _largest_part(operands: Operands, part: int) -> int:
    return _cuts(operands, part)[-1]


def _scratch_3x3(op: Op, operands: Operands, part: int) -> int:
    """The columns of the largest part of a row."""
    assert isinstance(op, DepthwiseConv2D)
    return COLUMN_BYTES * ((_largest_part(operands, part) - 1) * op.stride[1] + 3)


def _bind_3x3(op: Op, operands: Operands, strides: Strides, part: int) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    x, operands = operands.input(0), _widened(operands)
    requantization = _fast(op, operands)
    assert requantization is not None
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={
            "stream": CArray(c_type="int32_t", data=_stream_3x3(operands, requantization.rows)),
            "channels": x.hwc[2],
            "row_dilation": op.dilation[0],
            "pad_left": op.padding.left,
            "in_columns": x.hwc[1],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "in_zero_point": x.zero_point,
            "part": _largest_part(operands, part),
            "least": least,
            "most": most,
        }
    )


def _stream_3x3(operands: Operands, requantization: Integers) -> Array:
    """Eight words a channel, as depthwise_3x3_s8.h explains them."""
    taps = 2 * operands.input(1).values.astype(np.int64)[0]
    doubled, multiplier, offset, shift = requantization.T
    pairs = (taps[0] & 0xFFFF) | (taps[1] << 16)
    lowest = (taps[2, 0] & 0xFFFF) | (taps[2, 1] << 16), shift | (taps[2, 2] << 16)
    words = np.stack([*pairs, *lowest, doubled, multiplier, offset], axis=1)
    order = np.array(_grouped(len(words))).reshape(-1, GROUP)[:, CHANNELS].ravel()
    return wrap_int32(words[order].ravel()).astype(np.int32)


def _cost_3x3(op: Op, operands: Operands, part: int, ties: Ties) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, columns, channels = operands.output.hwc
    parts = len(_cuts(operands, part))
    staged = min((columns - parts) * op.stride[1] + 3 * parts, operands.input(0).hwc[1] + 2 * (parts - 1))
    output = (50 if op.stride[1] == 1 else 54) + 8 * (ties is Ties.CORRECTED)
    group = columns * output + 16 * staged + 112 * parts
    return rows * (-(-channels // GROUP) * group + 110 * parts + 40)


def _row_3x3(stride: int, part: int, ties: Ties) -> Kernel:
    name = "depthwise_3x3_s8__dsp" if stride == 1 else f"depthwise_3x3_s{stride}_s8__dsp"
    ready = Kernel(
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
    return replace(ready, compact=_compact_row(ready, part, _lanes_3x3, CHANNELS))


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
    if not _is_window(op, operands) or _has_own(op, operands) or not _accepts_dsp(op, operands):
        return False
    assert isinstance(op, DepthwiseConv2D)
    found = _fast(op, operands)
    return found is not None and found.ties is ties


def _plane_bytes(op: Op, operands: Operands, part: int) -> int:
    """The staged columns of one channel, for an even number of output pixels, and what padded weights read further."""
    assert isinstance(op, DepthwiseConv2D)
    words, outputs = _column_words(operands.input(1).shape[1]), -(-_largest_part(operands, part) // 2) * 2
    return 4 * ((outputs - 1) * op.stride[1] * words + _window_words(operands))


def _bind_window(op: Op, operands: Operands, strides: Strides, part: int) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    x, operands = operands.input(0), _widened(operands)
    _, rows, columns, _ = operands.input(1).shape
    requantization = _fast(op, operands)
    assert requantization is not None
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={
            "stream": CArray(c_type="int32_t", data=_stream_window(operands, requantization.rows)),
            "channels": x.hwc[2],
            "window_rows": rows,
            "window_columns": columns,
            "words": _window_words(operands),
            "row_dilation": op.dilation[0],
            "stride": op.stride[1],
            "pad_left": op.padding.left,
            "in_columns": x.hwc[1],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "in_zero_point": x.zero_point,
            "part": _largest_part(operands, part),
            "plane_bytes": _plane_bytes(op, operands, part),
            "least": least,
            "most": most,
        }
    )


def _stream_window(operands: Operands, requantization: Integers) -> Array:
    """Per channel the doubled bias, the words of a window, and what requantizes; depthwise_window_s8.h explains them."""
    taps = 2 * operands.input(1).values.astype(np.int64)[0]
    rows, columns, channels = taps.shape
    words = _column_words(rows)
    lanes = np.zeros((2 * words, columns, channels), np.int64)
    lanes[:rows] = taps
    grouped = lanes[:, :, _grouped(channels)]
    grouped[-2:, :, 2::GROUP], grouped[-2:, :, 3::GROUP] = grouped[:-3:-1, :, 2::GROUP], grouped[:-3:-1, :, 3::GROUP]
    pairs = (grouped[0::2] & 0xFFFF) | (grouped[1::2] << 16)
    window = pairs.transpose(2, 1, 0).reshape(-1, words * columns)
    padded = np.pad(window, ((0, 0), (0, _window_words(operands) - words * columns)))
    by = requantization[_grouped(channels)]
    return wrap_int32(np.concatenate([by[:, :1], padded, by[:, 1:]], axis=1).ravel()).astype(np.int32)


def _cost_window(op: Op, operands: Operands, part: int, ties: Ties) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, columns, channels = operands.output.hwc
    _, window_rows, window_columns, _ = operands.input(1).shape
    cuts = _cuts(operands, part)
    parts = len(cuts)
    image = operands.input(0).hwc[1]
    staged = min((columns - parts) * op.stride[1] + window_columns * parts, image + (window_columns - 1) * (parts - 1))
    two = 11 * _window_words(operands) // 4 + 25 + 2 * (ties is Ties.CORRECTED)
    twos = sum(-(-cut // 2) for cut in cuts)
    group = 4 * twos * two + staged * (11 + 15 * (window_rows // 2)) + parts * 120
    outside = 16 * _column_words(window_rows) * (window_columns - 1)
    return rows * (-(-channels // GROUP) * group + parts * 150 + outside + 60)


def _row_window(part: int, ties: Ties) -> Kernel:
    name = "depthwise_window_s8__dsp"
    ready = Kernel(
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
    return replace(ready, compact=_compact_row(ready, part, _lanes_window, IN_ORDER, stack=880))


# --- windows of one column, two window rows in each multiplication --------------------------------------------------------


def _accepts_column(op: Op, operands: Operands) -> bool:
    """Windows of one column of adjacent rows, none of them beside the image."""
    assert isinstance(op, DepthwiseConv2D)
    if operands.input(1).shape[2] != 1 or op.dilation[0] != 1 or not _accepts_dsp(op, operands):
        return False
    return all(border == (0, 1) for border in _borders(op, operands))


def _bind_column(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    operands = _widened(operands)
    requantization = _fast(op, operands)
    assert requantization is not None
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={
            "channels": operands.output.hwc[2],
            "window_rows": operands.input(1).shape[1],
            "column_stride": op.stride[1],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "ties": int(requantization.ties is Ties.CORRECTED),
            "least": least,
            "most": most,
            "stream": CArray(c_type="int32_t", data=_stream_column(operands, requantization.rows)),
        }
    )


def _stream_column(operands: Operands, requantization: Integers) -> Array:
    """Per group of four channels, as depthwise_column_s8.h explains it."""
    taps = 2 * operands.input(1).values.astype(np.int64)[0, :, 0]
    order = np.array(_grouped(taps.shape[1])).reshape(-1, GROUP)
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
    window_rows, found = operands.input(1).shape[1], _fast(op, operands)
    ties = found is not None and found.ties is Ties.CORRECTED
    group = 31 + 4 * ties + 15 * (window_rows // 2) + 9 * (window_rows % 2)
    return rows * (20 + columns * (14 + -(-channels // GROUP) * group))


_ANY = Kernel(
    name="depthwise_conv2d_s8__dsp",
    isa=Isa.DSP,
    op=DepthwiseConv2D,
    header="dsp/depthwise_conv2d_s8.h",
    struct="tinyc_depthwise_conv2d_s8_dsp",
    accepts=_accepts_any_dsp,
    bind=_bind_dsp,
    cost=_dsp_cost,
    padding_rows=PaddingRows.ZERO_POINT,
)

_ANY_COMPACT = replace(
    _ANY,
    name="depthwise_conv2d_compact_s8__dsp",
    header="dsp/depthwise_compact_s8.h",
    struct="tinyc_depthwise_compact_s8_dsp",
    accepts=_accepts_any_compact,
    bind=_bind_any_compact,
    cost=_cost_any_compact,
    padding_rows=PaddingRows.ABSENT,
    outlined=True,
)

ROWS_3X3: Mapping[tuple[int, int, Ties], Kernel] = {
    (part, stride, ties): _row_3x3(stride, part, ties) for part in PARTS for stride in STRIDES_3X3 for ties in Ties
}
"""By pixels at a time, stride and ties."""
ROWS_WINDOW: Mapping[tuple[int, Ties], Kernel] = {
    (part, ties): _row_window(part, ties) for part in PARTS_WINDOW for ties in Ties
}
"""By pixels at a time and ties."""
KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="depthwise_column_s8__dsp",
        isa=Isa.DSP,
        op=DepthwiseConv2D,
        header="dsp/depthwise_column_s8.h",
        struct="tinyc_depthwise_column_s8_dsp",
        accepts=_accepts_column,
        bind=_bind_column,
        cost=_cost_column,
        padding_rows=PaddingRows.ZERO_POINT,
        compact=_ANY_COMPACT,
    ),
    *ROWS_WINDOW.values(),
    *ROWS_3X3.values(),
    replace(_ANY, compact=_ANY_COMPACT),
)
