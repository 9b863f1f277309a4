"""The softmax kernel, with a table of exponentials or without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.ops import Softmax

MOST_CHANNELS = 4095
"""The sum of exponentials is Q12.19."""


def _accepts(op: Op, operands: Operands) -> bool:
    return operands.input(0).dtype is operands.output.dtype is DType.INT8 and operands.output.hwc[2] <= MOST_CHANNELS


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Softmax)
    return Bound(
        fields={
            "channels": operands.output.hwc[2],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "exp": CArray(c_type="int32_t", data=op.exponentials(operands).astype(np.int32)),
        }
    )


def _cost(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * columns * (30 * channels + 150)


def _bind_compact(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Softmax)
    multiplier = op.multiplier(operands)
    return Bound(
        fields={
            "channels": operands.output.hwc[2],
            "in_stride": strides.inputs[0],
            "out_stride": strides.output,
            "multiplier": multiplier.mantissa,
            "shift": multiplier.shift,
            "most": min(op.most_steps(operands), 255),
        }
    )


def _cost_compact(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * columns * (260 * channels + 150)


_TABLE = Kernel(
    name="softmax_s8__scalar",
    isa=Isa.SCALAR,
    op=Softmax,
    header="scalar/softmax_s8.h",
    struct="tinyc_softmax_s8",
    accepts=_accepts,
    bind=_bind,
    cost=_cost,
    extent=Extent.LONG_ROW,
)

_COMPACT = replace(
    _TABLE,
    name="softmax_compact_s8__scalar",
    struct="tinyc_softmax_compact_s8",
    bind=_bind_compact,
    cost=_cost_compact,
)

KERNELS: tuple[Kernel, ...] = (replace(_TABLE, compact=_COMPACT),)
