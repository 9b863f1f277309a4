"""The kernel catalogue: every row of every family, and the choice of the cheapest that accepts.

Decision: one explicit tuple.  Because: the table that ships is the table that is tested.  Rejected: registration by
import.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from tinyc.ir import Op, Operands
from tinyc.kernels import (
    conv2d,
    conv2d_mve,
    dense,
    depthwise,
    depthwise_mve,
    elementwise,
    elementwise_dsp,
    elementwise_mve,
    lut,
    mean,
    movement,
    pool,
    quantize,
    reductions_mve,
    running_sum,
    softmax,
)
from tinyc.kernels.calibration import best, factors
from tinyc.kernels.contract import Extent, Isa, Kernel

ALL: tuple[Kernel, ...] = (
    *conv2d.KERNELS,
    *conv2d_mve.KERNELS,
    *dense.KERNELS,
    *depthwise.KERNELS,
    *depthwise_mve.KERNELS,
    *elementwise.KERNELS,
    *elementwise_dsp.KERNELS,
    *elementwise_mve.KERNELS,
    *lut.KERNELS,
    *mean.KERNELS,
    *movement.KERNELS,
    *pool.KERNELS,
    *quantize.KERNELS,
    *reductions_mve.KERNELS,
    *running_sum.KERNELS,
    *softmax.KERNELS,
)


DEAREST = 1.5
"""How many times the instructions of the fastest kernel one may take to save scratch."""


@lru_cache(maxsize=len(Isa))
def calibrated(core: Isa) -> tuple[Kernel, ...]:
    """Every row; what it predicts is what was counted on cores whose best instruction set is `core`, as far as any was."""
    found = factors().get(core, {})
    return tuple(_scaled(kernel, found[kernel.name]) if kernel.name in found else kernel for kernel in ALL)


def _scaled(kernel: Kernel, factor: float) -> Kernel:
    return replace(kernel, cost=lambda op, operands: round(factor * kernel.cost(op, operands)))


def select(op: Op, operands: Operands, isas: Collection[Isa], *, scratch: int | None = None) -> Kernel:
    """The kernel that predicts the fewest instructions; at equal cost the first; ValueError where none accepts.

    One that makes several rows only together, so that none can be streamed, is the last choice.
    With `scratch`, among those that are not much slower: the fastest that needs at most so many bytes of it, or else the
    one that needs least.
    """
    accepting = [k for k in calibrated(best(isas)) if k.op is type(op) and k.isa in isas and k.accepts(op, operands)]
    if not accepting:
        raise ValueError(f"no kernel for {op.kind} on {', '.join(isa.value for isa in isas)}")
    by_rows = [k for k in accepting if k.extent is not Extent.WHOLE]
    if by_rows and operands.output.hwc[0] > 1:
        accepting = by_rows
    fastest = min(accepting, key=lambda kernel: kernel.cost(op, operands))
    if scratch is None:
        return fastest
    limit = DEAREST * fastest.cost(op, operands)
    affordable = [k for k in accepting if k.cost(op, operands) <= limit]
    fitting = [k for k in affordable if k.scratch(op, operands) <= scratch]
    if fitting:
        return min(fitting, key=lambda kernel: kernel.cost(op, operands))
    return min(affordable, key=lambda kernel: kernel.scratch(op, operands))
