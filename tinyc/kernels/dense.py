"""Dense layer kernels: which exist, what they accept, how their weights and constants are packed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.kernels.packing import dual_is_exact, group_order, pack_dual
from tinyc.kernels.requantize import Ties, fast, general
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.fully_connected import FullyConnected


def _is_int8(operands: Operands) -> bool:
    x, weights, output = operands.input(0), operands.input(1), operands.output
    return x.dtype is weights.dtype is output.dtype is DType.INT8 and weights.is_constant


def _is_pixelwise(op: Op, operands: Operands) -> bool:
    return op.row_rule(operands, 0) is not ALL_ROWS


def _vectors(operands: Operands) -> Strides:
    """The strides of whole images seen as vectors."""
    outputs, inputs = operands.input(1).shape
    return Strides(inputs=(inputs,), output=outputs)


# Plain C


def _accepts_pixels(op: Op, operands: Operands) -> bool:
    return _is_int8(operands) and _is_pixelwise(op, operands)


def _accepts_whole(op: Op, operands: Operands) -> bool:
    return _is_int8(operands) and not _is_pixelwise(op, operands)


def bind_scalar(op: Op, activation: Activation, operands: Operands, strides: Strides) -> Bound:
    """The constants of `dense_s8__scalar`, for a dense layer or a pointwise convolution."""
    x, weights, output = operands.input(0), operands.input(1), operands.output
    channels = weights.shape[0]
    least, most = activation_range(activation, output)
    return Bound(
        fields={
            "weights": CArray(c_type="int8_t", data=weights.values.reshape(-1)),
            "requantize": general(op, operands, channels),
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
    return _bind_pixels(op, operands, _vectors(operands))


# Armv7E-M: one vector times blocks of eight outputs


def accepts_dsp(op: Op, activation: Activation, operands: Operands, *, ties: Ties) -> bool:
    """Whether dual words and the five-instruction requantization are exact, with this treatment of ties."""
    if not _is_int8(operands):
        return False
    weights = operands.input(1).values.astype(np.int64).reshape(operands.input(1).shape[0], -1)
    if not dual_is_exact(weights, input_limits=operands.input(0).dtype.limits):
        return False
    found = fast(op, activation, operands)
    return found is not None and found.ties is ties


def bind_dsp(op: Op, activation: Activation, operands: Operands, strides: Strides) -> Bound:
    """The constants of `dense_s8__dsp`, for a dense layer or a pointwise convolution."""
    weights, output = operands.input(1), operands.output
    channels = weights.shape[0]
    least, most = activation_range(activation, output)
    requantization = fast(op, activation, operands)
    assert requantization is not None
    matrix = weights.values.astype(np.int64).reshape(channels, -1)
    words = pack_dual(matrix, group_order(matrix.shape[1]), requantization.rows, block=8)
    return Bound(
        fields={
            "weights": CArray(c_type="int32_t", data=words),
            "vectors": output.elements // channels,
            "in_channels": matrix.shape[1],
            "in_stride": strides.inputs[0],
            "out_channels": channels,
            "out_stride": strides.output,
            "least": least,
            "most": most,
        }
    )


def cost_dsp(op: Op, operands: Operands) -> int:
    """Instructions of `dense_s8__dsp`."""
    channels = operands.input(1).shape[0]
    groups = (operands.input(1).elements // channels + 3) // 4
    vectors = operands.output.elements // channels
    return int(vectors * (90 + (channels + 7) // 8 * (31.8 * groups + 80)))


def _accepts_pixels_ties(op: Op, operands: Operands) -> bool:
    assert isinstance(op, FullyConnected)
    return _is_pixelwise(op, operands) and accepts_dsp(op, op.activation, operands, ties=Ties.CORRECTED)


def _accepts_pixels_relu(op: Op, operands: Operands) -> bool:
    assert isinstance(op, FullyConnected)
    return _is_pixelwise(op, operands) and accepts_dsp(op, op.activation, operands, ties=Ties.DROPPED)


def _accepts_whole_ties(op: Op, operands: Operands) -> bool:
    assert isinstance(op, FullyConnected)
    return not _is_pixelwise(op, operands) and accepts_dsp(op, op.activation, operands, ties=Ties.CORRECTED)


def _accepts_whole_relu(op: Op, operands: Operands) -> bool:
    assert isinstance(op, FullyConnected)
    return not _is_pixelwise(op, operands) and accepts_dsp(op, op.activation, operands, ties=Ties.DROPPED)


def _bind_pixels_dsp(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, FullyConnected)
    return bind_dsp(op, op.activation, operands, strides)


def _bind_whole_dsp(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _bind_pixels_dsp(op, operands, _vectors(operands))


_SCALAR = Kernel(
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
_DSP = Kernel(
    name="dense_s8__dsp",
    isa=Isa.DSP,
    op=FullyConnected,
    header="dsp/dense_s8.h",
    struct="tinyc_dense_s8_dsp",
    accepts=_accepts_pixels_ties,
    bind=_bind_pixels_dsp,
    cost=cost_dsp,
    extent=Extent.LONG_ROW,
    stack=128,
)
_WHOLE_DSP = replace(
    _DSP, name="dense_whole_s8__dsp", accepts=_accepts_whole_ties, bind=_bind_whole_dsp, extent=Extent.WHOLE
)

KERNELS: tuple[Kernel, ...] = (
    _SCALAR,
    replace(_SCALAR, name="dense_whole_s8__scalar", accepts=_accepts_whole, bind=_bind_whole, extent=Extent.WHOLE),
    _DSP,
    replace(_DSP, name="dense_s8__dsp_relu", accepts=_accepts_pixels_relu),
    _WHOLE_DSP,
    replace(_WHOLE_DSP, name="dense_whole_s8__dsp_relu", accepts=_accepts_whole_relu),
)
