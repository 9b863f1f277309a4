"""Average and max pooling kernels."""

from __future__ import annotations

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Isa, Kernel, Strides
from tinyc.ops import AveragePool2D, MaxPool2D, activation_range
from tinyc.ops.pool import Pool2D


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


KERNELS: tuple[Kernel, ...] = (
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
