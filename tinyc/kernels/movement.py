"""Kernels that move elements and compute nothing: copies, padding, slices, transpositions, resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.ops import Pad, Reshape, ResizeNearestNeighbor, StridedSlice, Transpose


class Axis(NamedTuple):
    """One loop: how many times, and how many bytes (of the side that is not contiguous) it goes on."""

    times: int
    step: int


def merge(axes: Sequence[Axis], element: int) -> tuple[list[Axis], int]:
    """The loops without those that run once or continue the next one, and the bytes of the runs that stay together."""
    merged: list[Axis] = []
    for axis in reversed([axis for axis in axes if axis.times > 1]):
        inner = merged[0] if merged else Axis(1, element)
        if axis.step == inner.times * inner.step:
            merged[:1] = [Axis(axis.times * inner.times, inner.step)]
        else:
            merged.insert(0, axis)
    if merged and merged[-1].step == element:
        return merged[:-1], merged[-1].times * element
    return merged, element


def _same_type(operands: Operands) -> bool:
    return operands.input(0).dtype is operands.output.dtype


def _pixel_bytes(operands: Operands) -> int:
    return operands.output.hwc[2] * operands.output.dtype.bytes


def _byte_steps(shape: Sequence[int], element: int) -> list[int]:
    return [math.prod(shape[axis + 1 :]) * element for axis in range(len(shape))]


def _loops(axes: Sequence[Axis], loops: int) -> dict[str, int]:
    """Fields count_0 .. and step_0 .. of a nest of `loops` loops."""
    padded = [Axis(1, 0)] * (loops - len(axes)) + list(axes)
    counts = {f"count_{index}": axis.times for index, axis in enumerate(padded)}
    return counts | {f"step_{index}": axis.step for index, axis in enumerate(padded)}


# --- copies -----------------------------------------------------------------------------------------------------------


def _accepts_copy(op: Op, operands: Operands) -> bool:
    """Rows that stay rows, as in the piece of a concatenation."""
    return _same_type(operands) and operands.input(0).hwc == operands.output.hwc


def _bind_copy(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(fields={"bytes": _pixel_bytes(operands), "in_stride": strides.inputs[0], "out_stride": strides.output})


def _accepts_reshape(op: Op, operands: Operands) -> bool:
    return _same_type(operands) and not _accepts_copy(op, operands)


def _bind_reshape(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(fields={"bytes": operands.output.bytes})


def _copy_cost(op: Op, operands: Operands) -> int:
    rows, columns, _ = operands.output.hwc
    return rows * columns * (30 + _pixel_bytes(operands))


def _reshape_cost(op: Op, operands: Operands) -> int:
    return 30 + operands.output.bytes


# --- padding ----------------------------------------------------------------------------------------------------------


def _pad_value(op: Pad, operands: Operands) -> int:
    if op.value is not None:
        return op.value
    return 0 if operands.output.quantization is None else operands.output.zero_point


def _accepts_pad(op: Op, operands: Operands) -> bool:
    return _same_type(operands) and operands.output.dtype.bytes == 1 and op.row_rule(operands, 0) is not ALL_ROWS


def _bind_pad(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Pad)
    _, columns, channels = operands.input(0).hwc
    return Bound(
        fields={
            "columns": columns,
            "pad_left": op.paddings[2][0],
            "bytes_before": op.paddings[3][0],
            "bytes": channels,
            "bytes_after": op.paddings[3][1],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "value": _pad_value(op, operands),
        }
    )


def _pad_axes(operands: Operands) -> tuple[list[Axis], int]:
    steps = _byte_steps(operands.output.shape, 1)
    return merge([Axis(count, step) for count, step in zip(operands.input(0).shape, steps, strict=True)], 1)


def _accepts_pad_whole(op: Op, operands: Operands) -> bool:
    return _same_type(operands) and operands.output.dtype.bytes == 1 and len(_pad_axes(operands)[0]) <= 4


def _bind_pad_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Pad)
    axes, run = _pad_axes(operands)
    steps = _byte_steps(operands.output.shape, 1)
    offset = sum(before * step for (before, _), step in zip(op.paddings, steps, strict=True))
    return Bound(
        fields={"out_bytes": operands.output.bytes, "offset": offset}
        | _loops(axes, 4)
        | {"run": run, "value": _pad_value(op, operands)}
    )


# --- slices and transpositions ----------------------------------------------------------------------------------------


def _accepts_slice(op: Op, operands: Operands) -> bool:
    rules = (op.row_rule(operands, 0), op.column_rule(operands, 0))
    return _same_type(operands) and ALL_ROWS not in rules


def _bind_slice(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, StridedSlice)
    element = operands.output.dtype.bytes
    return Bound(
        fields={
            "channels": operands.output.hwc[2],
            "column_step": op.strides[2] * strides.inputs[0],
            "offset": op.begin[3] * element,
            "channel_step": op.strides[3] * element,
            "element": element,
            "out_stride": strides.output,
        }
    )


def _gather(op: Op, operands: Operands) -> tuple[list[Axis], int, int]:
    """The loops over the output, the bytes of a run, and the offset of the first input byte."""
    element = operands.output.dtype.bytes
    steps = _byte_steps(operands.input(0).shape, element)
    if isinstance(op, Transpose):
        shape = operands.input(0).shape
        return (*merge([Axis(shape[axis], steps[axis]) for axis in op.permutation], element), 0)
    assert isinstance(op, StridedSlice)
    bounds = zip(op.begin, op.end, op.strides, steps, strict=True)
    axes = [Axis(len(range(begin, end, stride)), stride * step) for begin, end, stride, step in bounds]
    offset = sum(begin * step for begin, step in zip(op.begin, steps, strict=True))
    return (*merge(axes, element), offset)


def _accepts_gather(op: Op, operands: Operands) -> bool:
    return _same_type(operands) and len(_gather(op, operands)[0]) <= 5


def _bind_gather(op: Op, operands: Operands, strides: Strides) -> Bound:
    axes, run, offset = _gather(op, operands)
    return Bound(fields={"offset": offset} | _loops(axes, 5) | {"run": run})


def _pad_cost(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * (columns * (46 + 5 * channels // 8) + 20)


def _row_cost(op: Op, operands: Operands) -> int:
    return 12 * operands.output.elements


def _whole_cost(op: Op, operands: Operands) -> int:
    return 5 * operands.output.elements


# --- resizing ---------------------------------------------------------------------------------------------------------


def _accepts_resize(op: Op, operands: Operands) -> bool:
    rules = (op.row_rule(operands, 0), op.column_rule(operands, 0))
    return _same_type(operands) and ALL_ROWS not in rules and operands.input(0).hwc[1] <= 2**16


def _bind_resize(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(
        fields={
            "bytes": _pixel_bytes(operands),
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "columns": _sources(op, operands, 2),
        }
    )


def _accepts_resize_whole(op: Op, operands: Operands) -> bool:
    return _same_type(operands) and max(operands.input(0).hwc[:2]) <= 2**16


def _bind_resize_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    _, columns, channels = operands.input(0).hwc
    pixel = channels * operands.output.dtype.bytes
    return Bound(
        fields={
            "out_rows": operands.output.hwc[0],
            "out_columns": operands.output.hwc[1],
            "row_bytes": columns * pixel,
            "pixel_bytes": pixel,
            "rows": _sources(op, operands, 1),
            "columns": _sources(op, operands, 2),
        }
    )


def _sources(op: Op, operands: Operands, axis: int) -> CArray:
    """The input index along `axis` that each output index copies: what the operator makes of an image of indices."""
    _, *extents, _ = operands.input(0).shape
    indices = np.indices((1, *extents, 1))[axis]
    (taken,) = op.evaluate(operands, (indices,))
    return CArray(c_type="uint16_t", data=(taken[0, :, 0, 0] if axis == 1 else taken[0, 0, :, 0]).astype(np.uint16))


def _resize_cost(op: Op, operands: Operands) -> int:
    rows, columns, _ = operands.output.hwc
    return rows * columns * (8 + 9 * _pixel_bytes(operands) // 16)


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="copy__scalar",
        isa=Isa.SCALAR,
        op=Reshape,
        header="scalar/copy.h",
        struct="tinyc_copy",
        accepts=_accepts_copy,
        bind=_bind_copy,
        cost=_copy_cost,
        extent=Extent.LONG_ROW,
        in_place=True,
    ),
    Kernel(
        name="copy_whole__scalar",
        isa=Isa.SCALAR,
        op=Reshape,
        header="scalar/copy.h",
        struct="tinyc_copy_whole",
        accepts=_accepts_reshape,
        bind=_bind_reshape,
        cost=_reshape_cost,
        extent=Extent.WHOLE,
        in_place=True,
    ),
    Kernel(
        name="pad__scalar",
        isa=Isa.SCALAR,
        op=Pad,
        header="scalar/pad.h",
        struct="tinyc_pad",
        accepts=_accepts_pad,
        bind=_bind_pad,
        cost=_pad_cost,
    ),
    Kernel(
        name="pad_whole__scalar",
        isa=Isa.SCALAR,
        op=Pad,
        header="scalar/pad.h",
        struct="tinyc_pad_whole",
        accepts=_accepts_pad_whole,
        bind=_bind_pad_whole,
        cost=_whole_cost,
        extent=Extent.WHOLE,
    ),
    Kernel(
        name="slice__scalar",
        isa=Isa.SCALAR,
        op=StridedSlice,
        header="scalar/slice.h",
        struct="tinyc_slice",
        accepts=_accepts_slice,
        bind=_bind_slice,
        cost=_row_cost,
    ),
    Kernel(
        name="gather__scalar",
        isa=Isa.SCALAR,
        op=StridedSlice,
        header="scalar/gather.h",
        struct="tinyc_gather",
        accepts=_accepts_gather,
        bind=_bind_gather,
        cost=_whole_cost,
        extent=Extent.WHOLE,
    ),
    Kernel(
        name="gather__scalar",
        isa=Isa.SCALAR,
        op=Transpose,
        header="scalar/gather.h",
        struct="tinyc_gather",
        accepts=_accepts_gather,
        bind=_bind_gather,
        cost=_whole_cost,
        extent=Extent.WHOLE,
    ),
    Kernel(
        name="resize_nearest_neighbor__scalar",
        isa=Isa.SCALAR,
        op=ResizeNearestNeighbor,
        header="scalar/resize_nearest_neighbor.h",
        struct="tinyc_resize_nearest_neighbor",
        accepts=_accepts_resize,
        bind=_bind_resize,
        cost=_resize_cost,
    ),
    Kernel(
        name="resize_nearest_neighbor_whole__scalar",
        isa=Isa.SCALAR,
        op=ResizeNearestNeighbor,
        header="scalar/resize_nearest_neighbor.h",
        struct="tinyc_resize_nearest_neighbor_whole",
        accepts=_accepts_resize_whole,
        bind=_bind_resize_whole,
        cost=_resize_cost,
        extent=Extent.WHOLE,
    ),
)
