"""Compact forms of the depthwise kernels of Armv7E-M: of weights in bytes and compact constants each makes what the kernel reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyc.ir import Op, Operands
from tinyc.ir.types import Array
from tinyc.kernels.contract import Bound, CArray, Kernel, PaddingRows, Strides
from tinyc.kernels.depthwise_dsp import (
    ANY,
    CHANNELS_3X3,
    COLUMN,
    GROUP,
    ROWS_3X3,
    ROWS_WINDOW,
    accepts_any,
    cuts,
    dense,
    grouped,
    widened,
    window_fields,
)
from tinyc.kernels.requantize import COMPACT_BITS, SHIFT_BITS, Constants, FastRequantization, compact, layer_words
from tinyc.ops import DepthwiseConv2D
from tinyc.ops.arithmetic import Integers

IN_ORDER = (0, 1, 2, 3)


def _compact(op: DepthwiseConv2D, operands: Operands) -> FastRequantization | None:
    """Compact constants; None where they do not fit, or weights would have to be wider than a byte."""
    return compact(op, op.activation, dense(operands)) if widened(operands) is operands else None


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
    w = w[..., CHANNELS_3X3]
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
    order = np.array(grouped(operands.output.hwc[2])).reshape(-1, GROUP)
    weights = operands.input(1).values.astype(np.int8)[0][:, :, order]
    words = np.ascontiguousarray(np.concatenate(lanes(weights), axis=1)).view("<i4").astype(np.int64)
    constants = requantization[order[:, channels]].reshape(len(order), -1)
    stream = np.concatenate([words, constants], axis=1).ravel()
    return layer_words(stream.astype(np.int32), operands, Constants.COMPACT)


def _of_parts(ready: Kernel, part: int, lanes: Lanes, channels: tuple[int, ...], *, stack: int) -> Kernel:
    """A kernel with its form that unpacks one group of channels after the other, on the stack."""

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

    smaller = replace(
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
    return replace(ready, compact=smaller)


def _unpacking(op: Op, operands: Operands, part: int) -> int:
    """Instructions of unpacking every group once a row, of which some have taps outside, and of calls for each group."""
    assert isinstance(op, DepthwiseConv2D)
    rows, image_rows = operands.output.hwc[0], operands.input(0).hwc[0]
    _, window_rows, window_columns, channels = operands.input(1).shape
    starts = [row * op.stride[0] - op.padding.top for row in range(rows)]
    outside = sum(start < 0 or start + window_rows > image_rows for start in starts)
    taps = window_rows * window_columns
    group = rows * (50 + 15 * taps + 70 * len(cuts(operands, part))) + outside * 7 * taps
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


def _accepts_any(op: Op, operands: Operands) -> bool:
    assert isinstance(op, DepthwiseConv2D)
    if op.multiplier != 1 or not accepts_any(op, operands):
        return False
    found = _compact(op, operands)
    return found is not None and _centered(operands, found.rows) is not None


def _bind_any(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    found = _compact(op, operands)
    assert found is not None
    centered = _centered(operands, found.rows)
    assert centered is not None
    return Bound(
        fields={
            "stream": CArray(c_type="int32_t", data=_stream_of_bytes(operands, centered, _lanes_by_tap, IN_ORDER)),
            **window_fields(op, operands, strides, found.ties),
            "in_columns": operands.input(0).hwc[1],
            "in_zero_point": operands.input(0).zero_point,
        }
    )


def _cost_any(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    _, window_rows, window_columns, _ = operands.input(1).shape
    group = 115 + window_rows * (5 + 14 * window_columns)
    return rows * (30 + columns * (30 + -(-channels // GROUP) * group))


_ANY = replace(
    ANY,
    name="depthwise_conv2d_compact_s8__dsp",
    header="dsp/depthwise_compact_s8.h",
    struct="tinyc_depthwise_compact_s8_dsp",
    accepts=_accepts_any,
    bind=_bind_any,
    cost=_cost_any,
    padding_rows=PaddingRows.ABSENT,
    outlined=True,
)

KERNELS: tuple[Kernel, ...] = (
    replace(COLUMN, compact=_ANY),
    *(_of_parts(row, part, _lanes_window, IN_ORDER, stack=880) for (part, _), row in ROWS_WINDOW.items()),
    *(_of_parts(row, part, _lanes_3x3, CHANNELS_3X3, stack=480) for (part, _, _), row in ROWS_3X3.items()),
    replace(ANY, compact=_ANY),
)
"""The kernels with their compact forms."""
