"""Depthwise convolution in plain C, and every depthwise kernel for cores without Helium."""

from __future__ import annotations

import numpy as np

from tinyc.ir import Op, Operands
from tinyc.kernels import depthwise_compact
from tinyc.kernels.contract import Bound, CArray, Isa, Kernel, Strides
from tinyc.kernels.products import is_int8
from tinyc.kernels.requantize import general
from tinyc.ops import DepthwiseConv2D, activation_range


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, DepthwiseConv2D)
    image, weights, output = operands.input(0), operands.input(1), operands.output
    _, rows, columns, _ = weights.shape
    least, most = activation_range(op.activation, output)
    return Bound(
        fields={
            "columns": image.hwc[1],
            "channels": image.hwc[2],
            "multiplier": op.multiplier,
            "window_rows": rows,
            "window_columns": columns,
            "row_dilation": op.dilation[0],
            "column_dilation": op.dilation[1],
            "column_stride": op.stride[1],
            "pad_left": op.padding.left,
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "in_zero": image.zero_point,
            "out_zero": output.zero_point,
            "least": least,
            "most": most,
            "weights": CArray(c_type="int8_t", data=weights.values.astype(np.int8).ravel()),
            "requantization": general(op, operands, operands.output.hwc[2]),
        }
    )


def _scalar_cost(op: Op, operands: Operands) -> int:
    return 14 * op.macs(operands) + 40 * operands.output.elements


KERNELS: tuple[Kernel, ...] = (
    *depthwise_compact.KERNELS,
    Kernel(
        name="depthwise_conv2d_s8__scalar",
        isa=Isa.SCALAR,
        op=DepthwiseConv2D,
        header="scalar/depthwise_conv2d_s8.h",
        struct="tinyc_depthwise_conv2d_s8",
        accepts=is_int8,
        bind=_bind,
        cost=_scalar_cost,
    ),
)
