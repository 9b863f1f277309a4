"""Kernels at the border between float32 and 8 bits; between two 8-bit types `lut.py` serves."""

from __future__ import annotations

import numpy as np

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType, Tensor
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.ops import Dequantize, Quantize

BYTES = (DType.INT8, DType.UINT8)


def _accepts_quantize(op: Op, operands: Operands) -> bool:
    return operands.input(0).dtype is DType.FLOAT32 and operands.output.dtype in BYTES


def _accepts_dequantize(op: Op, operands: Operands) -> bool:
    return operands.input(0).dtype in BYTES and operands.output.dtype is DType.FLOAT32


def _bind_quantize(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _bind(operands.output, strides)


def _bind_dequantize(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _bind(operands.input(0), strides)


def _bind(quantized: Tensor, strides: Strides) -> Bound:
    least, most = quantized.dtype.limits
    return Bound(
        fields={
            "channels": quantized.hwc[2],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "scale": int(np.float32(quantized.scale).view(np.int32)),
            "zero": quantized.zero_point,
            "least": least,
            "most": most,
        }
    )


def _cost(op: Op, operands: Operands) -> int:
    return 25 * operands.output.elements


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="quantize_f32__scalar",
        isa=Isa.SCALAR,
        op=Quantize,
        header="scalar/quantize_f32.h",
        struct="tinyc_quantize_f32",
        accepts=_accepts_quantize,
        bind=_bind_quantize,
        cost=_cost,
        extent=Extent.LONG_ROW,
    ),
    Kernel(
        name="dequantize_f32__scalar",
        isa=Isa.SCALAR,
        op=Dequantize,
        header="scalar/quantize_f32.h",
        struct="tinyc_quantize_f32",
        accepts=_accepts_dequantize,
        bind=_bind_dequantize,
        cost=_cost,
        extent=Extent.LONG_ROW,
    ),
)
