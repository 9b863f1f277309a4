"""Depthwise convolutions on Helium: sixteen channels at a time, taps in pairs of 16-bit products."""

from __future__ import annotations

from math import gcd

import numpy as np
import numpy.typing as npt

from tinyc.ir import Op, Operands
from tinyc.kernels.contract import Bound, CArray, Isa, Kernel, PaddingRows, Strides
from tinyc.kernels.mve import STEP, Halves, Requantization, channel_constants, requantization
from tinyc.kernels.products import is_int8
from tinyc.ops import DepthwiseConv2D, activation_range
from tinyc.ops.arithmetic import Integers

MOST_TAPS = 64
NINE = 9
"""Taps for which there is a block of its own."""
WORDS = 4
LEAST_SAVED = 30
BLOCK_ORDER = np.array([c for first in (0, 2, 1, 3) for c in range(first, STEP, 4)])
"""The channels of sixteen in the order of their words: 0, 4, 8, 12, 2, 6, ..., 1, 5, ..., 3, 7, ..."""


def _taps(operands: Operands) -> Integers:
    """[taps, channels]; a tap without weight more where their number is odd, but for nine of channels by fours."""
    _, rows, columns, channels = operands.input(1).shape
    taps = operands.input(1).values.astype(np.int64).reshape(rows * columns, channels)
    missing = len(taps) % 2 if len(taps) != NINE or channels % WORDS else 0
    return np.pad(taps, ((0, missing), (0, 0)))


def _requantization(op: Op, operands: Operands) -> Requantization | None:
    assert isinstance(op, DepthwiseConv2D)
    return requantization(op, op.activation, operands, _taps(operands).T)


def _accepts(op: Op, operands: Operands) -> bool:
    assert isinstance(op, DepthwiseConv2D)
    if not is_int8(op, operands) or op.multiplier != 1 or len(_taps(operands)) > MOST_TAPS:
        return False
    return _pairs_fit(_taps(operands)) and _requantization(op, operands) is not None


def _pairs_fit(taps: Integers) -> bool:
    """Whether the sum of two taps' products fits 16 bits whatever the inputs."""
    low, high = np.minimum(-128 * taps, 127 * taps), np.maximum(-128 * taps, 127 * taps)
    even = len(taps) // 2 * 2
    sums = low[0:even:2] + low[1:even:2], high[0:even:2] + high[1:even:2]
    return bool((sums[0] >= -(2**15)).all() and (sums[1] < 2**15).all())


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    x, output = operands.input(0), operands.output
    by = _requantization(op, operands)
    assert by is not None
    taps = _taps(operands)
    _, rows, columns, channels = operands.input(1).shape
    merged = _merged(op, operands) if strides.inputs[0] == strides.output == channels else 1
    least, most = activation_range(op.activation, output)
    return Bound(
        fields={
            "stream": _stream(by, taps, copies=merged),
            "channels": channels,
            "merged": merged,
            "taps": len(taps),
            "window_rows": rows,
            "window_columns": columns,
            "row_dilation": op.dilation[0],
            "column_dilation": op.dilation[1],
            "column_stride": op.stride[1],
            "pad_left": op.padding.left,
            "in_columns": x.hwc[1],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "out_zero_point": output.zero_point,
            "halves": by.halves.value,
            "least": least,
            "most": most,
            "outside": CArray(c_type="int8_t", data=np.full(-(-channels // WORDS) * WORDS, x.zero_point, np.int8)),
        }
    )


def _merged(op: DepthwiseConv2D, operands: Operands) -> int:
    """Adjacent pixels whose channels together fill vectors, or 1 where less than a thirtieth of all vectors is saved."""
    _, columns, channels = operands.output.hwc
    pixels, vectors = STEP // gcd(STEP, channels), -(-channels // STEP)
    saved = _inside(op, operands) // pixels * (pixels * vectors - pixels * channels // STEP)
    return pixels if op.stride[1] == 1 and saved * LEAST_SAVED > columns * vectors else 1


def _inside(op: DepthwiseConv2D, operands: Operands) -> int:
    """Output columns whose windows cross no border to the left or right."""
    lefts = [column * op.stride[1] - op.padding.left for column in range(operands.output.hwc[1])]
    reach = (operands.input(1).shape[2] - 1) * op.dilation[1]
    return sum(left >= 0 and left + reach < operands.input(0).hwc[1] for left in lefts)


def _stream(by: Requantization, taps: Integers, *, copies: int) -> CArray:
    """By blocks of sixteen channels: biases, weights tap by tap, left shifts where there are any, multipliers, negated shifts."""
    live = np.where(by.constant, 0, taps)
    columns = np.concatenate([by.biases[None], channel_constants(by), live])
    columns = np.tile(columns, (1, copies))
    columns = np.pad(columns, ((0, 0), (0, -columns.shape[1] % STEP)))
    first = len(columns) - len(live)
    parts: list[npt.NDArray[np.int32]] = []
    for start in range(0, columns.shape[1], STEP):
        block = columns[:, start : start + STEP]
        words = block[:first, BLOCK_ORDER].astype(np.int32)
        parts += [words[0], block[first:].astype(np.int8).reshape(-1).view("<i4"), words[1:].reshape(-1)]
    return CArray(c_type="int32_t", data=np.concatenate(parts))


def _accepts_fours(op: Op, operands: Operands) -> bool:
    return operands.output.hwc[2] % WORDS == 0 and _accepts(op, operands)


# Costs

FINISHED = {Halves.RELU: 46, Halves.TIES: 54, Halves.ANY: 66}
"""Requantizing sixteen channels."""


def _cost(op: Op, operands: Operands) -> int:
    assert isinstance(op, DepthwiseConv2D)
    rows, columns, channels = operands.output.hwc
    taps = len(_taps(operands))
    by = _requantization(op, operands)
    assert by is not None
    nine = taps == NINE
    block = FINISHED[by.halves] + (72 if nine else 24 * (taps // 2) - 7)
    merged = _merged(op, operands)
    adjacent = op.stride[1] == 1 and merged * channels % STEP == 0
    pixel = (12 if adjacent else 22) if nine else 28 + taps
    inside = _inside(op, operands) // merged
    calls = columns - inside * merged + (inside > 0)
    run = (inside * merged * channels // STEP if merged > 1 else inside * -(-channels // STEP)) * block + inside * pixel
    alone = (columns - inside * merged) * (-(-channels // STEP) * block + pixel)
    return int(rows * (70 + run + alone + calls * (70 + 14 * taps)))


KERNELS: tuple[Kernel, ...] = tuple(
    Kernel(
        name="depthwise_conv2d_s8__mve",
        isa=Isa.MVE,
        op=DepthwiseConv2D,
        header="mve/depthwise_conv2d_s8.h",
        struct="tinyc_depthwise_conv2d_s8_mve",
        accepts=accepts,
        bind=_bind,
        cost=_cost,
        padding_rows=PaddingRows.ZERO_POINT,
        over_read=over_read,
        stack=540,
        outlined=True,
    )
    for accepts, over_read in ((_accepts_fours, 0), (_accepts, WORDS - 1))
)
