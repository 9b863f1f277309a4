"""Dense layer kernels: which exist, what they accept, how their weights and constants are packed."""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.kernels.requantize import bias_values, factors_of, general
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.fully_connected import FullyConnected


def _is_int8(operands: Operands) -> bool:
    x, weights, output = operands.input(0), operands.input(1), operands.output
    return x.dtype is weights.dtype is output.dtype is DType.INT8 and weights.is_constant


def _accepts_pixels(op: Op, operands: Operands) -> bool:
    return _is_int8(operands) and op.row_rule(operands, 0) is not ALL_ROWS


def _accepts_whole(op: Op, operands: Operands) -> bool:
    return _is_int8(operands)


def bind_scalar(op: Op, activation: Activation, operands: Operands, strides: Strides) -> Bound:
    """The constants of `dense_s8__scalar`, for a dense layer or a pointwise convolution."""
    x, weights, output = operands.input(0), operands.input(1), operands.output
    channels = weights.shape[0]
    least, most = activation_range(activation, output)
    return Bound(
        fields={
            "weights": CArray(c_type="int8_t", data=weights.values.reshape(-1)),
            "requantize": general(bias_values(operands, channels), factors_of(op, operands)),
            "pixels": output.elements // channels,
            "in_channels": weights.elements // channels,
            "in_stride": strides.inputs[0],
            "in_zero_point": x.zero_point,
            "out_channels": channels,
            "out_stride": strides.output,
            "out_zero_point": output.zero_point,
            "least": least,
            "most": most,
        }
    )


def cost_scalar(op: Op, operands: Operands) -> int:
    """Instructions of `dense_s8__scalar`."""
    return 7 * op.macs(operands) + 40 * operands.output.elements


def _bind_pixels(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, FullyConnected)
    return bind_scalar(op, op.activation, operands, strides)


def _bind_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, FullyConnected)
    vectors = Strides(inputs=(operands.input(1).shape[1],), output=operands.input(1).shape[0])
    return bind_scalar(op, op.activation, operands, vectors)


_PIXELS = Kernel(
    name="dense_s8__scalar",
    isa=Isa.SCALAR,
    op=FullyConnected,
    header="scalar/conv2d_s8.h",
    struct="tinyc_dense_s8",
    accepts=_accepts_pixels,
    bind=_bind_pixels,
    cost=cost_scalar,
    extent=Extent.LONG_ROW,
)

KERNELS: tuple[Kernel, ...] = (
    _PIXELS,
    replace(_PIXELS, name="dense_whole_s8__scalar", accepts=_accepts_whole, bind=_bind_whole, extent=Extent.WHOLE),
)
