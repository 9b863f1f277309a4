"""Average and max pooling kernels."""

from __future__ import annotations

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Isa, Kernel, Strides
from tinyc.ops import AveragePool2D, MaxPool2D, activation_range
from tinyc.ops.pool import Pool2D

GROUP = 4
"""Channels that a dsp kernel takes at a time."""


def _accepts(op: Op, operands: Operands) -> bool:
    return operands.input(0).dtype is operands.output.dtype is DType.INT8


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Pool2D)
    _, columns, channels = operands.input(0).hwc
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={
            "columns": columns,
            "channels": channels,
            "window_rows": op.size[0],
            "window_columns": op.size[1],
            "column_stride": op.stride[1],
            "pad_left": op.padding.left,
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "least": least,
            "most": most,
        }
    )


def _taps(op: Op, operands: Operands) -> int:
    assert isinstance(op, Pool2D)
    return operands.output.elements * op.size[0] * op.size[1]


def _average_cost(op: Op, operands: Operands) -> int:
    return 5 * _taps(op, operands) + 30 * operands.output.elements


def _max_cost(op: Op, operands: Operands) -> int:
    return 6 * _taps(op, operands) + 20 * operands.output.elements


def _accepts_average_dsp(op: Op, operands: Operands) -> bool:
    """At least four channels, and sums that int16 holds."""
    assert isinstance(op, Pool2D)
    return _accepts_max_dsp(op, operands) and op.size[0] * op.size[1] <= 256


def _accepts_max_dsp(op: Op, operands: Operands) -> bool:
    return _accepts(op, operands) and operands.output.hwc[2] >= GROUP


def _groups(operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * columns * -(-channels // GROUP)


def _average_dsp_cost(op: Op, operands: Operands) -> int:
    assert isinstance(op, Pool2D)
    return _groups(operands) * (50 + op.size[0] * (9 + 6 * op.size[1]))


def _max_dsp_cost(op: Op, operands: Operands) -> int:
    assert isinstance(op, Pool2D)
    rows, columns, _ = operands.output.hwc
    taps = op.size[0] * op.size[1]
    pixel = 110 + 15 * ((taps + 1) // 2)
    return rows * columns * pixel + _groups(operands) * (7 + 11 * ((taps - 1) // 2))


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="average_pool2d_s8__dsp",
        isa=Isa.DSP,
        op=AveragePool2D,
        header="dsp/pool_s8.h",
        struct="tinyc_pool_s8",
        accepts=_accepts_average_dsp,
        bind=_bind,
        cost=_average_dsp_cost,
    ),
    Kernel(
        name="max_pool2d_s8__dsp",
        isa=Isa.DSP,
        op=MaxPool2D,
        header="dsp/pool_s8.h",
        struct="tinyc_pool_s8",
        accepts=_accepts_max_dsp,
        bind=_bind,
        cost=_max_dsp_cost,
    ),
    Kernel(
        name="average_pool2d_s8__scalar",
        isa=Isa.SCALAR,
        op=AveragePool2D,
        header="scalar/average_pool2d_s8.h",
        struct="tinyc_pool_s8",
        accepts=_accepts,
        bind=_bind,
        cost=_average_cost,
    ),
    Kernel(
        name="max_pool2d_s8__scalar",
        isa=Isa.SCALAR,
        op=MaxPool2D,
        header="scalar/max_pool2d_s8.h",
        struct="tinyc_pool_s8",
        accepts=_accepts,
        bind=_bind,
        cost=_max_cost,
    ),
)
