"""The kernel catalogue: every row of every family, and the choice of the cheapest that accepts.

Decision: one explicit tuple.  Because: the table that ships is the table that is tested.  Rejected: registration by
import.
"""

from __future__ import annotations

from collections.abc import Collection

from tinyc.ir import Op, Operands
from tinyc.kernels import (
    conv2d,
    dense,
    depthwise,
    elementwise,
    elementwise_dsp,
    lut,
    mean,
    movement,
    pool,
    quantize,
    running_sum,
    softmax,
)
from tinyc.kernels.contract import Isa, Kernel

ALL: tuple[Kernel, ...] = (
    *conv2d.KERNELS,
    *dense.KERNELS,
    *depthwise.KERNELS,
    *elementwise.KERNELS,
    *elementwise_dsp.KERNELS,
    *lut.KERNELS,
    *mean.KERNELS,
    *movement.KERNELS,
    *pool.KERNELS,
    *quantize.KERNELS,
    *running_sum.KERNELS,
    *softmax.KERNELS,
)


def select(op: Op, operands: Operands, isas: Collection[Isa]) -> Kernel:
    """The kernel that predicts the fewest instructions; at equal cost the first; ValueError where none accepts."""
    candidates = [k for k in ALL if k.op is type(op) and k.isa in isas and k.accepts(op, operands)]
    if not candidates:
        raise ValueError(f"no kernel for {op.kind} on {', '.join(isa.value for isa in isas)}")
    return min(candidates, key=lambda kernel: kernel.cost(op, operands))
