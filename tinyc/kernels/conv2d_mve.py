"""Convolutions and dense layers on Helium: products of two pixels with three channels at a time."""

from __future__ import annotations

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, PaddingRows, Strides
from tinyc.kernels.mve import STEP, Requantization, blocks, constants, requantization, threes_and_twos, ties_of
from tinyc.kernels.requantize import Ties
from tinyc.ops import Conv2D, FullyConnected, activation_range
from tinyc.ops.arithmetic import Integers


def _is_int8(operands: Operands) -> bool:
    x, weights, output = operands.input(0), operands.input(1), operands.output
    return x.dtype is weights.dtype is output.dtype is DType.INT8 and weights.is_constant


def _is_pointwise(op: Op, operands: Operands) -> bool:
    assert isinstance(op, Conv2D)
    return operands.input(1).shape[1:3] == (1, 1) and op.stride == (1, 1) and not any(op.padding)


def _is_strided_pointwise(op: Op, operands: Operands) -> bool:
    assert isinstance(op, Conv2D)
    return operands.input(1).shape[1:3] == (1, 1) and not any(op.padding)


def _is_pixelwise(op: Op, operands: Operands) -> bool:
    return op.row_rule(operands, 0) is not ALL_ROWS


def _matrix(operands: Operands) -> Integers:
    weights = operands.input(1)
    return weights.values.astype(np.int64).reshape(weights.shape[0], -1)


def _requantization(op: Op, operands: Operands) -> Requantization | None:
    assert isinstance(op, (Conv2D, FullyConnected))
    return requantization(op, op.activation, operands, _matrix(operands))


def _accepts(op: Op, operands: Operands) -> bool:
    return _is_int8(operands) and _requantization(op, operands) is not None


def _accepts_pointwise(op: Op, operands: Operands) -> bool:
    return _is_pointwise(op, operands) and _accepts(op, operands)


def _accepts_strided_pointwise(op: Op, operands: Operands) -> bool:
    return _is_strided_pointwise(op, operands) and _accepts(op, operands)


def _accepts_pixels(op: Op, operands: Operands) -> bool:
    return _is_pixelwise(op, operands) and _accepts(op, operands)


def _accepts_whole(op: Op, operands: Operands) -> bool:
    return not _is_pixelwise(op, operands) and _accepts(op, operands)


def _bind_product(op: Op, operands: Operands, strides: Strides) -> dict[str, int | CArray]:
    """What every shape needs."""
    assert isinstance(op, (Conv2D, FullyConnected))
    by = _requantization(op, operands)
    assert by is not None
    matrix = _matrix(operands)
    channels, depth = matrix.shape
    threes, twos = threes_and_twos(channels)
    joined = strides.output == channels and _joins(channels)
    least, most = activation_range(op.activation, operands.output)
    layer = {
        "depth": depth,
        "steps": _steps(depth),
        "threes": threes,
        "twos": twos,
        "joined": int(joined),
        "halves": by.halves.value,
        "in_stride": strides.inputs[0],
        "out_channels": channels,
        "out_stride": strides.output,
        "out_zero_point": operands.output.zero_point,
        "least": least,
        "most": most,
    }
    arrays = {"weights": blocks(by, matrix), "constants": constants(by, copies=2 if joined else 1)}
    return arrays | {f"layer.{name}": value for name, value in layer.items()}


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    fields = _bind_product(op, operands, strides)
    return Bound(fields=fields | {"vectors": operands.output.elements // operands.input(1).shape[0]})


def _bind_window(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Conv2D)
    x = operands.input(0)
    _, rows, columns, depth = operands.input(1).shape
    adjacent = op.dilation[1] == 1 and strides.inputs[0] == depth
    return Bound(
        fields={
            **_bind_product(op, operands, strides),
            "run_bytes": columns * depth if adjacent else depth,
            "runs": 1 if adjacent else columns,
            "in_columns": x.hwc[1],
            "in_channels": depth,
            "in_zero_point": x.zero_point,
            "kernel_rows": rows,
            "kernel_columns": columns,
            "stride": op.stride[1],
            "dilation_rows": op.dilation[0],
            "dilation": op.dilation[1],
            "pad_left": op.padding.left,
        }
    )


def _bind_strided(op: Op, operands: Operands, strides: Strides) -> Bound:
    """A pointwise convolution that leaves out columns: its pixels are farther apart."""
    assert isinstance(op, Conv2D)
    return _bind(op, operands, Strides(inputs=(op.stride[1] * strides.inputs[0],), output=strides.output))


def _bind_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    channels, depth = operands.input(1).shape
    return _bind(op, operands, Strides(inputs=(depth,), output=channels))


def _steps(depth: int) -> int:
    return -(-depth // STEP)


def _joins(channels: int) -> bool:
    """Whether finishing two adjacent pixels as one takes fewer blocks of sixteen."""
    return 0 < channels % STEP <= STEP // 2


def _sums_bytes(channels: int) -> int:
    """The sums of two pixels, in whole blocks, joined or not."""
    return 2 * 4 * STEP * _steps(channels)


def _scratch(op: Op, operands: Operands) -> int:
    return _sums_bytes(operands.input(1).shape[0])


def _scratch_window(op: Op, operands: Operands) -> int:
    """Also two windows, each with a vector more for what gathering writes beyond."""
    return _scratch(op, operands) + 2 * STEP * (_steps(_matrix(operands).shape[1]) + 1)


# Costs

RESIDENT = 3
"""Steps of a pixel that stay in registers."""


def _pair_cost(channels: int, depth: int, ties: Ties, *, tail: bool) -> int:
    threes, twos = threes_and_twos(channels)
    steps = _steps(depth)
    if steps <= RESIDENT:
        three, two = 5 + 9 * steps, 5 + 6 * steps
    elif tail:
        three, two = 8 + 12 * steps, 7 + 9 * steps
    else:
        three, two = 9 + 11 * steps + (steps + 3) // 4, 9 + 9 * steps
    finished = _steps(2 * channels) if _joins(channels) else 2 * _steps(channels)
    return threes * three + twos * two + finished * _finish_cost(ties) + 50


def _single_cost(channels: int, depth: int, ties: Ties, *, tail: bool) -> int:
    threes, twos = threes_and_twos(channels)
    steps = _steps(depth)
    three = 6 + 8 * steps if tail else 7 + 7 * steps + (steps + 3) // 4
    return threes * three + twos * (7 + 6 * steps) + _steps(channels) * _finish_cost(ties) + 60


def _finish_cost(ties: Ties) -> int:
    return 38 if ties is Ties.CORRECTED else 30


def _row_cost(op: Op, operands: Operands, pixels: int, *, tail: bool) -> int:
    assert isinstance(op, (Conv2D, FullyConnected))
    ties = ties_of(op.activation, operands)
    channels, depth = _matrix(operands).shape
    pairs = pixels // 2 * _pair_cost(channels, depth, ties, tail=tail)
    return pairs + pixels % 2 * _single_cost(channels, depth, ties, tail=tail) + 100


def _cost(op: Op, operands: Operands) -> int:
    channels, depth = _matrix(operands).shape
    return _row_cost(op, operands, operands.output.elements // channels, tail=depth % STEP != 0)


def _cost_strided(op: Op, operands: Operands) -> int:
    rows, columns, _ = operands.output.hwc
    return rows * _row_cost(op, operands, columns, tail=operands.input(1).shape[3] % STEP != 0)


def _cost_window(op: Op, operands: Operands) -> int:
    assert isinstance(op, Conv2D)
    _, kernel_rows, kernel_columns, depth = operands.input(1).shape
    rows, columns, _ = operands.output.hwc
    steps = _steps(kernel_columns * depth)
    gathered = 10 + kernel_rows * (6 if steps == 1 else 6 + 3 * steps)
    border = sum(_is_border(op, operands, column) for column in range(columns))
    built = 60 + kernel_rows * (12 + 3 * steps) + 3 * _steps(kernel_rows * kernel_columns * depth)
    windows = (columns - border) * gathered + border * built
    return rows * (_row_cost(op, operands, columns, tail=False) + windows)


def _is_border(op: Conv2D, operands: Operands, column: int) -> bool:
    """Whether the window of an output column crosses the left or right border."""
    left = column * op.stride[1] - op.padding.left
    reach = (operands.input(1).shape[2] - 1) * op.dilation[1]
    return left < 0 or left + reach >= operands.input(0).hwc[1]


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="conv2d_s8__mve",
        isa=Isa.MVE,
        op=Conv2D,
        header="mve/conv2d_s8.h",
        struct="tinyc_conv2d_s8_mve",
        accepts=_accepts,
        bind=_bind_window,
        cost=_cost_window,
        padding_rows=PaddingRows.ZERO_POINT,
        scratch=_scratch_window,
        stack=250,
    ),
    Kernel(
        name="pointwise_s8__mve",
        isa=Isa.MVE,
        op=Conv2D,
        header="mve/conv2d_s8.h",
        struct="tinyc_dense_s8_mve",
        accepts=_accepts_strided_pointwise,
        bind=_bind_strided,
        cost=_cost_strided,
        scratch=_scratch,
        stack=250,
    ),
    *(
        Kernel(
            name="pointwise_s8__mve",
            isa=Isa.MVE,
            op=op,
            header="mve/conv2d_s8.h",
            struct="tinyc_dense_s8_mve",
            accepts=accepts,
            bind=_bind,
            cost=_cost,
            extent=Extent.LONG_ROW,
            scratch=_scratch,
            stack=250,
        )
        for op, accepts in ((Conv2D, _accepts_pointwise), (FullyConnected, _accepts_pixels))
    ),
    Kernel(
        name="dense_s8__mve",
        isa=Isa.MVE,
        op=FullyConnected,
        header="mve/conv2d_s8.h",
        struct="tinyc_dense_s8_mve",
        accepts=_accepts_whole,
        bind=_bind_whole,
        cost=_cost,
        extent=Extent.WHOLE,
        strided_input=False,
        strided_output=False,
        scratch=_scratch,
        stack=250,
    ),
)
