"""The table kernel: any function of one 8-bit value, tabulated by evaluating its operator on all 256 of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import Op, Operands
from tinyc.ir.types import Array, DType
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.ops import Logistic, Lut, Quantize, Relu

BYTES = (DType.INT8, DType.UINT8)


def _accepts(op: Op, operands: Operands) -> bool:
    return operands.input(0).dtype in BYTES and operands.output.dtype in BYTES


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(
        fields={
            "channels": operands.output.hwc[2],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "table": CArray(c_type="int8_t", data=_table(op, operands)),
        }
    )


def _table(op: Op, operands: Operands) -> Array:
    """The function of every byte, indexed by the byte read as unsigned."""
    source, target = operands.input(0), operands.output
    values = np.arange(256, dtype=np.uint8).view(source.dtype.numpy)
    every = Operands(inputs=(replace(source, shape=(256,)),), outputs=(replace(target, shape=(256,)),))
    (table,) = op.evaluate(every, (values,))
    return table.view(np.int8)


def _cost(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * (20 + 4 * columns * channels)


KERNELS: tuple[Kernel, ...] = tuple(
    Kernel(
        name="lut_s8__scalar",
        isa=Isa.SCALAR,
        op=op,
        header="scalar/lut_s8.h",
        struct="tinyc_lut_s8",
        accepts=_accepts,
        bind=_bind,
        cost=_cost,
        extent=Extent.LONG_ROW,
        in_place=True,
    )
    for op in (Logistic, Lut, Quantize, Relu)
)
