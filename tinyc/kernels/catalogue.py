"""The kernel catalogue: every row of every family, and the choice of the cheapest that accepts.

Decision: one explicit tuple.  Because: the table that ships is the table that is tested.  Rejected: registration by
import.
"""

from __future__ import annotations

from collections.abc import Collection

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
from tinyc.kernels.contract import Extent, Isa, Kernel

CHOICES: tuple[Kernel, ...] = (
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

ALL: tuple[Kernel, ...] = (*CHOICES, *(kernel.compact for kernel in CHOICES if kernel.compact is not None))
"""What is chosen from, and the compact forms that take a choice's place where flash counts most."""

DEAREST = 1.5
"""How many times the instructions of the fastest kernel one may take to save scratch."""


def select(op: Op, operands: Operands, isas: Collection[Isa], *, scratch: int | None = None) -> Kernel:
    """The kernel that predicts the fewest instructions; at equal cost the first; ValueError where none accepts.

    One that makes several rows only together, so that none can be streamed, is the last choice.
    With `scratch`, among those that are not much slower: the fastest that needs at most so many bytes of it, or else the
    one that needs least.
    """
    accepting = [k for k in CHOICES if k.op is type(op) and k.isa in isas and k.accepts(op, operands)]
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


def compact(kernel: Kernel, op: Op, operands: Operands) -> Kernel:
    """The compact form of a chosen kernel, where there is one that accepts; else the kernel."""
    smaller = kernel.compact
    return kernel if smaller is None or not smaller.accepts(op, operands) else smaller
