"""Kernels for reductions that take rows as they come."""

from __future__ import annotations

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Isa, Kernel, Strides
from tinyc.ops import AverageOfSum, MeanOfSum, RunningSum, activation_range
from tinyc.ops.scaling import mean_multiplier

HEADER = "scalar/running_sum_s8.h"


def _accepts(op: Op, operands: Operands) -> bool:
    return operands.input(0).dtype is DType.INT8


def _accepts_dsp(op: Op, operands: Operands) -> bool:
    _, columns, channels = operands.input(0).hwc
    return _accepts(op, operands) and channels % 4 == 0 and columns <= 255


def _accepts_finish(op: Op, operands: Operands) -> bool:
    return operands.output.dtype is DType.INT8


def _bind_sum(op: Op, operands: Operands, strides: Strides) -> Bound:
    _, columns, channels = operands.input(0).hwc
    return Bound(fields={"columns": columns, "channels": channels, "in_stride": strides.inputs[0]})


def _bind_mean(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, MeanOfSum)
    by = mean_multiplier(operands, op.count)
    return Bound(
        fields={
            "channels": operands.output.hwc[2],
            "bias": -op.count * operands.input(0).zero_point,
            "multiplier": by.mantissa,
            "shift": by.shift,
            "out_zero": operands.output.zero_point,
        }
    )


def _bind_average(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, AverageOfSum)
    least, most = activation_range(op.activation, operands.output)
    return Bound(fields={"channels": operands.output.hwc[2], "count": op.count, "least": least, "most": most})


def _cost_scalar(op: Op, operands: Operands) -> int:
    return 5 * operands.input(0).elements + 8 * operands.output.elements


def _cost_dsp(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.input(0).hwc
    return rows * -(-channels // 4) * (21 + 5 * columns)


def _cost_finish(op: Op, operands: Operands) -> int:
    return 20 * operands.output.elements


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="running_sum_s8__scalar",
        isa=Isa.SCALAR,
        op=RunningSum,
        header=HEADER,
        struct="tinyc_running_sum_s8",
        accepts=_accepts,
        bind=_bind_sum,
        cost=_cost_scalar,
        strided_output=False,
    ),
    Kernel(
        name="running_sum_s8__dsp",
        isa=Isa.DSP,
        op=RunningSum,
        header="dsp/running_sum_s8.h",
        struct="tinyc_running_sum_s8",
        accepts=_accepts_dsp,
        bind=_bind_sum,
        cost=_cost_dsp,
        strided_output=False,
    ),
    Kernel(
        name="mean_of_sum_s8__scalar",
        isa=Isa.SCALAR,
        op=MeanOfSum,
        header=HEADER,
        struct="tinyc_mean_of_sum_s8",
        accepts=_accepts_finish,
        bind=_bind_mean,
        cost=_cost_finish,
        strided_input=False,
    ),
    Kernel(
        name="average_of_sum_s8__scalar",
        isa=Isa.SCALAR,
        op=AverageOfSum,
        header=HEADER,
        struct="tinyc_average_of_sum_s8",
        accepts=_accepts_finish,
        bind=_bind_average,
        cost=_cost_finish,
        strided_input=False,
    ),
)
