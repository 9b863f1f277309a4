"""Pools, running sums and what is made of them, softmax and padding on Helium: the scalar rows' bindings, other loops."""

from __future__ import annotations

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels import movement, pool, running_sum, softmax
from tinyc.kernels.contract import Isa, Kernel
from tinyc.kernels.mve import MOST_SHIFT, STEP, on_helium
from tinyc.ops import AverageOfSum, AveragePool2D, MaxPool2D, MeanOfSum, Pad
from tinyc.ops.pool import Pool2D
from tinyc.ops.scaling import mean_multiplier

LANES = 4
EIGHT = 8
MOST_COUNT = 4088
"""Elements of a mean that mve/average.h divides exactly."""


def _accepts_pool(op: Op, operands: Operands) -> bool:
    assert isinstance(op, Pool2D)
    return operands.input(0).dtype is operands.output.dtype is DType.INT8 and op.size[0] * op.size[1] <= MOST_COUNT


def _cost_max(op: Op, operands: Operands) -> int:
    assert isinstance(op, MaxPool2D)
    rows, columns, channels = operands.output.hwc
    vector = 8 + op.size[0] * (6 + 5 * op.size[1])
    return rows * (50 + columns * (30 + -(-channels // STEP) * vector))


def _cost_average(op: Op, operands: Operands) -> int:
    assert isinstance(op, AveragePool2D)
    rows, columns, channels = operands.output.hwc
    vector = 15 + op.size[0] * (6 + 5 * op.size[1])
    return rows * (80 + 5 * op.size[0] + columns * (40 + -(-channels // LANES) * vector))


def _accepts_running(op: Op, operands: Operands) -> bool:
    """Whole groups of eight channels, and rows whose sums int16 holds."""
    _, columns, channels = operands.input(0).hwc
    return operands.input(0).dtype is DType.INT8 and channels % EIGHT == 0 and columns <= 255


def _cost_running(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.input(0).hwc
    return rows * (30 + channels // EIGHT * (4 * columns + 15))


def _accepts_average(op: Op, operands: Operands) -> bool:
    assert isinstance(op, AverageOfSum)
    return operands.output.dtype is DType.INT8 and op.count <= MOST_COUNT


def _accepts_mean(op: Op, operands: Operands) -> bool:
    assert isinstance(op, MeanOfSum)
    right = -mean_multiplier(operands, op.count).shift
    return operands.output.dtype is DType.INT8 and 0 <= right <= MOST_SHIFT


def _cost_finish(op: Op, operands: Operands) -> int:
    return 35 + 12 * -(-operands.output.hwc[2] // LANES)


def _cost_softmax(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * columns * (130 + 3 * -(-channels // STEP) + 16 * -(-channels // LANES))


def _cost_pad(op: Op, operands: Operands) -> int:
    assert isinstance(op, Pad)
    rows, columns, channels = operands.output.hwc
    inside = operands.input(0).hwc
    if inside[2] == channels:
        return rows * (50 + columns * channels // STEP * 3)
    return rows * (50 + columns * channels // STEP * 2) + inside[0] * inside[1] * (8 + 3 * -(-inside[2] // STEP))


def _scalar(name: str, family: tuple[Kernel, ...]) -> Kernel:
    (kernel,) = (k for k in family if k.name == f"{name}__scalar" and k.isa is Isa.SCALAR)
    return kernel


KERNELS: tuple[Kernel, ...] = (
    *(
        on_helium(_scalar(name, pool.KERNELS), header="mve/pool_s8.h", accepts=_accepts_pool, cost=cost)
        for name, cost in (("max_pool2d_s8", _cost_max), ("average_pool2d_s8", _cost_average))
    ),
    *(
        on_helium(_scalar(name, running_sum.KERNELS), accepts=accepts, cost=cost)
        for name, accepts, cost in (
            ("running_sum_s8", _accepts_running, _cost_running),
            ("mean_of_sum_s8", _accepts_mean, _cost_finish),
            ("average_of_sum_s8", _accepts_average, _cost_finish),
        )
    ),
    on_helium(_scalar("softmax_s8", softmax.KERNELS), cost=_cost_softmax),
    on_helium(_scalar("pad", movement.KERNELS), cost=_cost_pad),
)
