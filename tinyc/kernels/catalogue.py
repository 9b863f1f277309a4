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
    inverted_bottleneck,
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

ALL: tuple[Kernel, ...] = (
    *conv2d.KERNELS,
    *conv2d_mve.KERNELS,
    *dense.KERNELS,
    *depthwise.KERNELS,
    *depthwise_mve.KERNELS,
    *elementwise.KERNELS,
    *elementwise_dsp.KERNELS,
    *elementwise_mve.KERNELS,
    *inverted_bottleneck.KERNELS,
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


def select(op: Op, operands: Operands, isas: Collection[Isa], *, scratch: int | None = None) -> Kernel:
    """The kernel that predicts the fewest instructions; at equal cost the first; ValueError where none accepts.

    One that makes several rows only together, so that none can be streamed, is the last choice.
    With `scratch`, among those that are not much slower: the fastest that needs at most so many bytes of it, or else the
    one that needs least.
    """
    accepting = _accepting(op, operands, isas)
    if not accepting:
        raise ValueError(f"no kernel for {op.kind} on {', '.join(isa.value for isa in isas)}")
    if scratch is None:
        return min(accepting, key=lambda kernel: kernel.cost(op, operands))
    near = affordable(op, operands, isas)
    fitting = [k for k in near if k.scratch(op, operands) <= scratch]
    if fitting:
        return min(fitting, key=lambda kernel: kernel.cost(op, operands))
    return min(near, key=lambda kernel: kernel.scratch(op, operands))


def affordable(op: Op, operands: Operands, isas: Collection[Isa]) -> list[Kernel]:
    """The kernels that are not much slower than the fastest; none where none accepts."""
    accepting = _accepting(op, operands, isas)
    fastest = min((kernel.cost(op, operands) for kernel in accepting), default=0)
    return [kernel for kernel in accepting if kernel.cost(op, operands) <= DEAREST * fastest]


def _accepting(op: Op, operands: Operands, isas: Collection[Isa]) -> list[Kernel]:
    accepting = [k for k in ALL if k.op is type(op) and k.isa in isas and k.accepts(op, operands)]
    by_rows = [k for k in accepting if k.extent is not Extent.WHOLE]
    return by_rows if by_rows and operands.output.hwc[0] > 1 else accepting
