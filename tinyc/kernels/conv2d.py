"""Convolution kernels: which exist, what they accept, how their weights and constants are packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from tinyc.ir import Op, Operands
from tinyc.kernels import dense
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides, contiguous
from tinyc.kernels.packing import Pairs, dual_is_exact, pack_dual, window_order
from tinyc.kernels.products import is_int8, is_pointwise, matrix
from tinyc.kernels.requantize import Constants, FastRequantization, Ties, general, layer_words, requantization
from tinyc.ops.attributes import activation_range
from tinyc.ops.conv2d import Conv2D

MOST_STEM_BYTES = 32
PART, PAIR = 50, 60
"""Instructions around each part of two windows, and around their sums."""


# Plain C


def _accepts_pointwise_scalar(op: Op, operands: Operands) -> bool:
    return is_int8(op, operands) and is_pointwise(op, operands)


def _bind_scalar(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Conv2D)
    x, weights, output = operands.input(0), operands.input(1), operands.output
    channels, kernel_rows, kernel_columns, depth = weights.shape
    least, most = activation_range(op.activation, output)
    return Bound(
        fields={
            "weights": CArray(c_type="int8_t", data=weights.values.reshape(-1)),
            "requantize": general(op, operands, channels),
            "in_columns": x.hwc[1],
            "in_channels": depth,
            "in_stride": strides.inputs[0],
            "in_zero_point": x.zero_point,
            "out_channels": channels,
            "out_stride": strides.output,
            "out_zero_point": output.zero_point,
            "least": least,
            "most": most,
            "kernel_rows": kernel_rows,
            "kernel_columns": kernel_columns,
            "stride": op.stride[1],
            "dilation_rows": op.dilation[0],
            "dilation": op.dilation[1],
            "pad_left": op.padding.left,
        }
    )


def _bind_pointwise_scalar(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Conv2D)
    return dense.bind_scalar(op, op.activation, operands, strides)


def _cost_scalar(op: Op, operands: Operands) -> int:
    return 10 * op.macs(operands) + 60 * operands.output.elements


# Armv7E-M: pairs of pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """The adjacent bytes of a window: `count` runs of `length` bytes in each of its rows."""

    count: int
    length: int
    rows: int

    @property
    def order(self) -> Pairs:
        return window_order(runs=self.count * self.rows, length=self.length)

    @property
    def steps(self) -> int:
        return len(self.order)


def _runs(op: Op, operands: Operands, strides: Strides) -> _Runs:
    assert isinstance(op, Conv2D)
    _, rows, columns, depth = operands.input(1).shape
    if op.dilation[1] == 1 and strides.inputs[0] == depth:
        return _Runs(count=1, length=columns * depth, rows=rows)
    return _Runs(count=columns, length=depth, rows=rows)


def _requantization(op: Op, operands: Operands, constants: Constants) -> FastRequantization | None:
    assert isinstance(op, Conv2D)
    return requantization(op, op.activation, operands, constants)


def _is_exact(op: Op, operands: Operands, ties: Ties, constants: Constants) -> bool:
    """Whether dual words and the five-instruction requantization are exact, with this treatment of ties."""
    assert isinstance(op, Conv2D)
    if not is_int8(op, operands):
        return False
    if not dual_is_exact(matrix(operands), input_limits=operands.input(0).dtype.limits):
        return False
    found = _requantization(op, operands, constants)
    return found is not None and found.ties is ties


def _is_any(op: Op, operands: Operands) -> bool:
    return True


def _is_stem(op: Op, operands: Operands) -> bool:
    assert isinstance(op, Conv2D)
    _, _, columns, depth = operands.input(1).shape
    return op.dilation[1] == 1 and columns > 1 and columns * depth <= MOST_STEM_BYTES


def _is_in_words(op: Op, operands: Operands) -> bool:
    return operands.input(1).shape[3] % 4 == 0


def _products(
    op: Op, operands: Operands, strides: Strides, order: Pairs, constants: Constants
) -> dict[str, int | CArray]:
    """The fields of `tinyc_products_s8_dsp`."""
    assert isinstance(op, Conv2D)
    weights, output = operands.input(1), operands.output
    least, most = activation_range(op.activation, output)
    found = _requantization(op, operands, constants)
    assert found is not None
    words = pack_dual(matrix(operands), order, found.rows, block=4)
    return {
        "weights": CArray(c_type="int32_t", data=layer_words(words, operands, constants)),
        "steps": len(order),
        "out_channels": weights.shape[0],
        "out_stride": strides.output,
        "least": least,
        "most": most,
        "in_stride": strides.inputs[0],
        "in_channels": weights.shape[3],
    }


def _bind_products(op: Op, operands: Operands, strides: Strides, constants: Constants) -> Bound:
    return Bound(fields=_products(op, operands, strides, _runs(op, operands, strides).order, constants))


def _bind_dsp(op: Op, operands: Operands, strides: Strides, constants: Constants) -> Bound:
    assert isinstance(op, Conv2D)
    x, weights = operands.input(0), operands.input(1)
    _, kernel_rows, kernel_columns, depth = weights.shape
    runs = _runs(op, operands, strides)
    products = _products(op, operands, strides, runs.order, constants)
    return Bound(
        fields={f"products.{name}": value for name, value in products.items()}
        | {
            "in_columns": x.hwc[1],
            "run_bytes": runs.length,
            "runs": runs.count,
            "kernel_rows": kernel_rows,
            "kernel_columns": kernel_columns,
            "stride": op.stride[1],
            "dilation_rows": op.dilation[0],
            "dilation": op.dilation[1],
            "pad_left": op.padding.left,
            "in_zero_point": x.zero_point,
            "outside": CArray(c_type="int8_t", data=np.full(depth, x.zero_point, np.int8)),
        }
    )


def _scratch_dsp(op: Op, operands: Operands) -> int:
    """Two widened windows, and two runs that cross a border; whatever the strides."""
    assert isinstance(op, Conv2D)
    _, rows, columns, depth = operands.input(1).shape
    apart = _Runs(count=columns, length=depth, rows=rows)
    joined = _runs(op, operands, contiguous(operands, op.activations(operands)))
    edges = 2 * joined.length if depth % 4 and columns > 1 else 0
    return 8 * max(apart.steps, joined.steps) + (edges + 3) // 4 * 4


def _scratch_direct(op: Op, operands: Operands) -> int:
    """A pointer to every tap, with room for those of this computer."""
    _, rows, columns, _ = operands.input(1).shape
    return 8 * rows * columns


class _Part(Enum):
    """What of two windows is widened at a time."""

    ROW = "rows"
    TAP = "taps"

    def steps(self, operands: Operands) -> int:
        _, _, columns, depth = operands.input(1).shape
        return (columns if self is _Part.ROW else 1) * depth // 2

    def count(self, operands: Operands) -> int:
        _, rows, columns, _ = operands.input(1).shape
        return rows if self is _Part.ROW else rows * columns


def _takes_parts(op: Op, operands: Operands, part: _Part) -> bool:
    """Whether there are pairs of pixels, and parts save scratch over whole windows and instructions over no widening."""
    if not _is_in_words(op, operands) or operands.output.hwc[2] % 4 != 0 or operands.output.hwc[1] == 1:
        return False
    if _scratch_parts(op, operands, part) >= _scratch_dsp(op, operands):
        return False
    return _cost_parts(op, operands, Ties.DROPPED, part) < _cost_direct(op, operands, Ties.DROPPED)


def _scratch_parts(op: Op, operands: Operands, part: _Part) -> int:
    """A part of two windows and the sums of all channels; or, for a last odd pixel, what the direct kernel needs."""
    return max(8 * (part.steps(operands) + operands.input(1).shape[0]), _scratch_direct(op, operands))


def _pair_products(steps: int, channels: int, ties: Ties) -> int:
    """Two widened pixels times all channels."""
    return _blocks(channels) * (12 * steps + 3 * ((steps + 7) // 8) + (55 if ties is Ties.DROPPED else 63)) + 32


def _window_products(runs: _Runs, channels: int, ties: Ties) -> int:
    """One pixel times all channels, straight from the rows."""
    groups = (runs.length + 3) // 4
    run = 16 * groups + 2 * (groups // 4) + 9
    return _blocks(channels) * (runs.rows * runs.count * run + (36 if ties is Ties.DROPPED else 40)) + 50


def _odd_products(runs: _Runs, channels: int, ties: Ties, widening: int) -> int:
    """A last pixel without a neighbour."""
    if runs.length % 4 == 0:
        return _window_products(runs, channels, ties) + 60
    return widening + _pair_products(runs.steps, channels, ties)


def _blocks(channels: int) -> int:
    return (channels + 3) // 4


def _widening(runs: _Runs, control: int) -> int:
    """The windows of two pixels; `control` is what a run costs beside its bytes."""
    groups, tail = divmod(runs.length, 4)
    return runs.rows * runs.count * (7 * groups + 2 * (groups // 4 + 1) + 4 * tail + control)


def _cost_general(op: Op, operands: Operands, ties: Ties) -> int:
    runs = _runs(op, operands, contiguous(operands, op.activations(operands)))
    straight = runs.count == 1 and runs.length % 4 == 0
    return _cost_rows(op, operands, ties, control=11 if straight else 36, border=60)


def _cost_stem(op: Op, operands: Operands, ties: Ties) -> int:
    return _cost_rows(op, operands, ties, control=8, border=50)


def _cost_rows(op: Op, operands: Operands, ties: Ties, *, control: int, border: int) -> int:
    """Rows of pixel pairs, of which about one on either side crosses a border."""
    assert isinstance(op, Conv2D)
    runs = _runs(op, operands, contiguous(operands, op.activations(operands)))
    rows, columns, channels = operands.output.hwc
    pairs, single = divmod(columns, 2)
    widening = _widening(runs, control)
    sides = min(pairs + single, (op.padding.left > 0) + (op.padding.right > 0))
    row = pairs * (widening + _pair_products(runs.steps, channels, ties) + 20) + sides * border * runs.rows + 100
    if single:
        row += _odd_products(runs, channels, ties, widening)
    return rows * row


def _cost_pointwise(op: Op, operands: Operands, ties: Ties) -> int:
    rows, columns, channels = operands.output.hwc
    depth = operands.input(1).shape[3]
    runs = _Runs(count=1, length=depth, rows=1)
    pairs, single = divmod(rows * columns, 2)
    straight = depth % 4 == 0 and channels % 4 == 0
    widening = _widening(runs, 10 if straight else 50)
    cost = pairs * (widening + _pair_products(runs.steps, channels, ties) + (0 if channels % 4 == 0 else 100)) + 130
    if single:
        cost += _odd_products(runs, channels, ties, widening)
    return cost


def _cost_direct(op: Op, operands: Operands, ties: Ties) -> int:
    assert isinstance(op, Conv2D)
    runs = _runs(op, operands, contiguous(operands, op.activations(operands)))
    rows, columns, channels = operands.output.hwc
    border = 20 * operands.input(1).shape[2] * runs.rows * ((op.padding.left > 0) + (op.padding.right > 0))
    return rows * (columns * (_window_products(runs, channels, ties) + 6 * runs.rows * runs.count) + border + 80)


def _cost_parts(op: Op, operands: Operands, ties: Ties, part: _Part) -> int:
    """As whole windows, and for every pair of pixels the parts' loops, calls and loads and stores of sums."""
    rows, columns, channels = operands.output.hwc
    steps, count = part.steps(operands), part.count(operands)
    rounds = count * ((steps + 7) // 8) - (count * steps + 7) // 8
    pair = count * (8 * _blocks(channels) + PART) + _blocks(channels) * (3 * rounds + 4) + PAIR
    return _cost_general(op, operands, ties) + rows * (columns // 2) * pair


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What one kind of kernel takes, in the version with and in that without the tie correction."""

    name: str
    takes: Callable[[Op, Operands], bool]
    cost: Callable[[Op, Operands, Ties], int]
    header: str = "dsp/conv2d_s8.h"
    struct: str = "tinyc_conv2d_s8_dsp"
    bind: Callable[[Op, Operands, Strides, Constants], Bound] = _bind_dsp
    scratch: Callable[[Op, Operands], int] = _scratch_dsp
    extent: Extent = Extent.ROW
    strided_input: bool = True
    at_once: int = 2
    """Pixels for which a channel's constants are read once."""
    has_compact: bool = True


def _parts(part: _Part) -> _Shape:
    return _Shape(
        name=f"conv2d_by_{part.value}_s8__dsp",
        takes=lambda op, operands: _takes_parts(op, operands, part),
        cost=lambda op, operands, ties: _cost_parts(op, operands, ties, part),
        header="dsp/conv2d_parts_s8.h",
        scratch=lambda op, operands: _scratch_parts(op, operands, part),
        has_compact=False,
    )


_SHAPES = (
    _Shape(name="conv2d_s8__dsp", takes=_is_any, cost=_cost_general),
    *(_parts(part) for part in _Part),
    _Shape(name="conv2d_direct_s8__dsp", takes=_is_in_words, cost=_cost_direct, scratch=_scratch_direct, at_once=1),
    _Shape(name="stem_s8__dsp", takes=_is_stem, cost=_cost_stem, strided_input=False),
)
_POINTWISE = _Shape(
    name="pointwise_s8__dsp",
    takes=is_pointwise,
    cost=_cost_pointwise,
    struct="tinyc_products_s8_dsp",
    bind=_bind_products,
    extent=Extent.LONG_ROW,
)


def _dsp_row(shape: _Shape, ties: Ties) -> Kernel:
    ready = Kernel(
        name=shape.name if ties is Ties.CORRECTED else f"{shape.name}_relu",
        isa=Isa.DSP,
        op=Conv2D,
        header=shape.header,
        struct=shape.struct,
        accepts=lambda op, operands: shape.takes(op, operands) and _is_exact(op, operands, ties, Constants.READY),
        bind=lambda op, operands, strides: shape.bind(op, operands, strides, Constants.READY),
        cost=lambda op, operands: shape.cost(op, operands, ties),
        extent=shape.extent,
        strided_input=shape.strided_input,
        scratch=shape.scratch,
    )
    if not shape.has_compact:
        return ready
    compact_form = replace(
        ready,
        name=ready.name.replace("_s8", "_compact_s8"),
        accepts=lambda op, operands: shape.takes(op, operands) and _is_exact(op, operands, ties, Constants.COMPACT),
        bind=lambda op, operands, strides: shape.bind(op, operands, strides, Constants.COMPACT),
        cost=lambda op, operands: shape.cost(op, operands, ties) + _unpacking(operands, shape.at_once),
        outlined=True,
    )
    return replace(ready, compact=compact_form)


def _unpacking(operands: Operands, at_once: int) -> int:
    """Instructions that make compact constants ready, for so many pixels at once."""
    rows, columns, channels = operands.output.hwc
    return 20 * _blocks(channels) * rows * -(-columns // at_once)


POINTWISE: Mapping[Ties, Kernel] = {ties: _dsp_row(_POINTWISE, ties) for ties in Ties}
_DSP = (*(_dsp_row(shape, ties) for shape in _SHAPES for ties in Ties), *POINTWISE.values())


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="conv2d_s8__scalar",
        isa=Isa.SCALAR,
        op=Conv2D,
        header="scalar/conv2d_s8.h",
        struct="tinyc_conv2d_s8",
        accepts=is_int8,
        bind=_bind_scalar,
        cost=_cost_scalar,
    ),
    Kernel(
        name="dense_s8__scalar",
        isa=Isa.SCALAR,
        op=Conv2D,
        header="scalar/conv2d_s8.h",
        struct="tinyc_dense_s8",
        accepts=_accepts_pointwise_scalar,
        bind=_bind_pointwise_scalar,
        cost=dense.cost_scalar,
        extent=Extent.LONG_ROW,
    ),
    *_DSP,
    *(dense.pixels_dsp_row(Conv2D, form, ties, takes=is_pointwise) for form in dense.Form for ties in Ties),
)
