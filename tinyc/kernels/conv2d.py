"""Convolution kernels: which exist, what they accept, how their weights and constants are packed."""

from __future__ import annotations

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels import dense
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.kernels.requantize import bias_values, factors_of, general
from tinyc.ops.attributes import activation_range
from tinyc.ops.conv2d import Conv2D


def _is_int8(operands: Operands) -> bool:
    x, weights, output = operands.input(0), operands.input(1), operands.output
    return x.dtype is weights.dtype is output.dtype is DType.INT8 and weights.is_constant


def _is_pointwise(op: Op, operands: Operands) -> bool:
    assert isinstance(op, Conv2D)
    return operands.input(1).shape[1:3] == (1, 1) and op.stride == (1, 1) and not any(op.padding)


def _accepts_scalar(op: Op, operands: Operands) -> bool:
    return _is_int8(operands)


def _accepts_pointwise_scalar(op: Op, operands: Operands) -> bool:
    return _is_int8(operands) and _is_pointwise(op, operands)


def _bind_scalar(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Conv2D)
    x, weights, output = operands.input(0), operands.input(1), operands.output
    channels, kernel_rows, kernel_columns, depth = weights.shape
    least, most = activation_range(op.activation, output)
    return Bound(
        fields={
            "weights": CArray(c_type="int8_t", data=weights.values.reshape(-1)),
            "requantize": general(bias_values(operands, channels), factors_of(op, operands)),
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


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="conv2d_s8__scalar",
        isa=Isa.SCALAR,
        op=Conv2D,
        header="scalar/conv2d_s8.h",
        struct="tinyc_conv2d_s8",
        accepts=_accepts_scalar,
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
)
