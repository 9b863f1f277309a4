"""Convolutions and dense layers on Helium: products of two pixels with three channels at a time.

Decision: each row comes a second time ("lean"), in slices of 48 channels, with less scratch and a little more work.  Because: sums of all
channels may be the arena's peak; the planner takes lean rows only where they are.  Rejected: slices always (3 to 10 % more instructions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tinyc.ir import Op, Operands
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, PaddingRows, Strides
from tinyc.kernels.mve import STEP, Halves, Requantization, blocks, constants, requantization, threes_and_twos
from tinyc.kernels.products import is_int8, is_pixelwise, is_pointwise, is_strided_pointwise, matrix
from tinyc.ops import Conv2D, FullyConnected, activation_range


def _requantization(op: Op, operands: Operands) -> Requantization | None:
    assert isinstance(op, (Conv2D, FullyConnected))
    return requantization(op, op.activation, operands, matrix(operands))


def _accepts(op: Op, operands: Operands) -> bool:
    return is_int8(op, operands) and _requantization(op, operands) is not None


def _accepts_pointwise(op: Op, operands: Operands) -> bool:
    return is_pointwise(op, operands) and _accepts(op, operands)


def _accepts_strided_pointwise(op: Op, operands: Operands) -> bool:
    return is_strided_pointwise(op, operands) and _accepts(op, operands)


def _accepts_window(op: Op, operands: Operands) -> bool:
    """Not of one tap: that would gather what is a pixel already, and more layers share the code for windows."""
    return not is_strided_pointwise(op, operands) and _accepts(op, operands)


def _accepts_pixels(op: Op, operands: Operands) -> bool:
    return is_pixelwise(op, operands) and _accepts(op, operands)


def _accepts_whole(op: Op, operands: Operands) -> bool:
    return not is_pixelwise(op, operands) and _accepts(op, operands)


SLICE = 48
"""Channels of a slice of a lean row: whole blocks of three, and of sixteen to be finished."""


def _saves(accepts: Callable[[Op, Operands], bool], op: Op, operands: Operands) -> bool:
    """Whether there are channels for more than one slice, and blocks of three for all but the last."""
    channels = operands.input(1).shape[0]
    return channels > SLICE and channels % SLICE != 1 and accepts(op, operands)


def _bind_product(op: Op, operands: Operands, strides: Strides, *, lean: bool) -> dict[str, int | CArray]:
    """What every shape needs."""
    assert isinstance(op, (Conv2D, FullyConnected))
    by = _requantization(op, operands)
    assert by is not None
    weights = matrix(operands)
    channels, depth = weights.shape
    threes, twos = threes_and_twos(channels)
    joined = strides.output == channels and _joins(channels) and not lean
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
    arrays = {"weights": blocks(by, weights), "constants": constants(by, copies=2 if joined else 1)}
    return arrays | {f"layer.{name}": value for name, value in layer.items()}


def _bind(op: Op, operands: Operands, strides: Strides, *, lean: bool) -> Bound:
    fields = _bind_product(op, operands, strides, lean=lean)
    return Bound(fields=fields | {"vectors": operands.output.elements // operands.input(1).shape[0]})


def _bind_window(op: Op, operands: Operands, strides: Strides, *, lean: bool) -> Bound:
    assert isinstance(op, Conv2D)
    x = operands.input(0)
    _, rows, columns, depth = operands.input(1).shape
    adjacent = op.dilation[1] == 1 and strides.inputs[0] == depth
    return Bound(
        fields={
            **_bind_product(op, operands, strides, lean=lean),
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


def _bind_strided(op: Op, operands: Operands, strides: Strides, *, lean: bool) -> Bound:
    """A pointwise convolution that leaves out columns: its pixels are farther apart."""
    assert isinstance(op, Conv2D)
    farther = Strides(inputs=(op.stride[1] * strides.inputs[0],), output=strides.output)
    return _bind(op, operands, farther, lean=lean)


def _bind_whole(op: Op, operands: Operands, strides: Strides, *, lean: bool) -> Bound:
    channels, depth = operands.input(1).shape
    return _bind(op, operands, Strides(inputs=(depth,), output=channels), lean=lean)


def _steps(depth: int) -> int:
    return -(-depth // STEP)


def _joins(channels: int) -> bool:
    """Whether finishing two adjacent pixels as one takes fewer blocks of sixteen."""
    return 0 < channels % STEP <= STEP // 2


def _scratch(op: Op, operands: Operands, *, lean: bool) -> int:
    """The sums of two pixels, or of the only one, in whole blocks, joined or not."""
    channels = operands.input(1).shape[0]
    pixels = min(operands.output.elements // channels, 2)
    return pixels * 4 * STEP * _steps(SLICE if lean else channels)


def _scratch_window(op: Op, operands: Operands, *, lean: bool) -> int:
    """The sums of two pixels, and two windows, each with a vector more for what gathering writes beyond."""
    channels = SLICE if lean else operands.input(1).shape[0]
    return 2 * 4 * STEP * _steps(channels) + 2 * STEP * (_steps(matrix(operands).shape[1]) + 1)


# Costs

FINISHED = {Halves.RELU: 30, Halves.TIES: 38, Halves.ANY: 50}
"""Requantizing sixteen channels."""
RESIDENT = 3
"""Steps of a pixel that stay in registers."""


def _pair_cost(channels: int, depth: int, halves: Halves, *, tail: bool) -> int:
    threes, twos = threes_and_twos(channels)
    steps = _steps(depth)
    if steps <= RESIDENT:
        three, two = 5 + 9 * steps, 5 + 6 * steps
    elif tail:
        three, two = 8 + 12 * steps, 7 + 9 * steps
    else:
        three, two = 9 + 11 * steps + (steps + 3) // 4, 9 + 9 * steps
    finished = _steps(2 * channels) if _joins(channels) else 2 * _steps(channels)
    return threes * three + twos * two + finished * FINISHED[halves] + (38 if _joins(channels) else 50)


def _single_cost(channels: int, depth: int, halves: Halves, *, tail: bool) -> int:
    threes, twos = threes_and_twos(channels)
    steps = _steps(depth)
    three = 6 + 8 * steps if tail else 7 + 7 * steps + (steps + 3) // 4
    return threes * three + twos * (7 + 6 * steps) + _steps(channels) * FINISHED[halves] + 60


def _row_cost(op: Op, operands: Operands, pixels: int, *, tail: bool, lean: bool) -> int:
    assert isinstance(op, (Conv2D, FullyConnected))
    by = _requantization(op, operands)
    assert by is not None
    channels, depth = matrix(operands).shape
    slices = -(-channels // SLICE) if lean else 1
    pairs = pixels // 2 * (_pair_cost(channels, depth, by.halves, tail=tail) + (slices - 1) * 55)
    return pairs + pixels % 2 * _single_cost(channels, depth, by.halves, tail=tail) + (slices - 1) * 100 + 90


def _cost_rows(op: Op, operands: Operands, *, lean: bool) -> int:
    """As if rows came one by one, as they do where they stream."""
    rows, columns, _ = operands.output.hwc
    return rows * _row_cost(op, operands, columns, tail=operands.input(1).shape[3] % STEP != 0, lean=lean)


def _cost_vectors(op: Op, operands: Operands, *, lean: bool) -> int:
    channels, depth = operands.input(1).shape
    return _row_cost(op, operands, operands.output.elements // channels, tail=depth % STEP != 0, lean=lean)


def _cost_window(op: Op, operands: Operands, *, lean: bool) -> int:
    assert isinstance(op, Conv2D)
    _, kernel_rows, kernel_columns, depth = operands.input(1).shape
    rows, columns, channels = operands.output.hwc
    steps = _steps(kernel_columns * depth)
    gathered = 7 + (11 * kernel_rows // 2 if steps == 1 else kernel_rows * (6 + 3 * steps))
    border = sum(_is_border(op, operands, column) for column in range(columns))
    built = 60 + kernel_rows * (12 + 3 * steps) + 3 * _steps(kernel_rows * kernel_columns * depth)
    windows = (columns - border) * gathered + border * built
    sliced = columns // 2 * -(-channels // SLICE) * 70 if lean else 0
    return rows * (_row_cost(op, operands, columns, tail=False, lean=lean) + windows + sliced)


def _is_border(op: Conv2D, operands: Operands, column: int) -> bool:
    """Whether the window of an output column crosses the left or right border."""
    left = column * op.stride[1] - op.padding.left
    reach = (operands.input(1).shape[2] - 1) * op.dilation[1]
    return left < 0 or left + reach >= operands.input(0).hwc[1]


def _rows(*, lean: bool) -> tuple[Kernel, ...]:
    """Every row, whole or lean."""
    name = "{}_lean_s8__mve" if lean else "{}_s8__mve"

    def accepts(shape: Callable[[Op, Operands], bool]) -> Callable[[Op, Operands], bool]:
        return partial(_saves, shape) if lean else shape

    window = Kernel(
        name=name.format("conv2d"),
        isa=Isa.MVE,
        op=Conv2D,
        header="mve/conv2d_s8.h",
        struct="tinyc_conv2d_s8_mve",
        accepts=accepts(_accepts_window),
        bind=partial(_bind_window, lean=lean),
        cost=partial(_cost_window, lean=lean),
        padding_rows=PaddingRows.ZERO_POINT,
        scratch=partial(_scratch_window, lean=lean),
        outlined=True,
    )
    strided = replace(
        window,
        name=name.format("pointwise"),
        struct="tinyc_dense_s8_mve",
        accepts=accepts(_accepts_strided_pointwise),
        bind=partial(_bind_strided, lean=lean),
        cost=partial(_cost_rows, lean=lean),
        padding_rows=PaddingRows.ABSENT,
        scratch=partial(_scratch, lean=lean),
    )
    pointwise = replace(
        strided, accepts=accepts(_accepts_pointwise), bind=partial(_bind, lean=lean), extent=Extent.LONG_ROW
    )
    vectors = replace(
        pointwise, op=FullyConnected, accepts=accepts(_accepts_pixels), cost=partial(_cost_vectors, lean=lean)
    )
    images = replace(
        vectors,
        name=name.format("dense"),
        accepts=accepts(_accepts_whole),
        bind=partial(_bind_whole, lean=lean),
        extent=Extent.WHOLE,
        strided_input=False,
        strided_output=False,
    )
    return window, strided, pointwise, vectors, images


KERNELS: tuple[Kernel, ...] = (*_rows(lean=False), *_rows(lean=True))
