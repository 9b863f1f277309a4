"""The kernel catalogue: every row of every family, and the choice of the cheapest that accepts.

Decision: one explicit tuple.  Because: the table that ships is the table that is tested.  Rejected: registration by
import.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

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
from tinyc.kernels.calibration import best, factors
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

ALL: tuple[Kernel, ...] = (
    *CHOICES,
    *dict.fromkeys(kernel.compact for kernel in CHOICES if kernel.compact is not None),
)
"""What is chosen from, and the compact forms that take a choice's place where flash counts most; several choices may share one."""

DEAREST = 1.5
"""How many times the instructions of the fastest kernel one may take to save scratch."""


@lru_cache(maxsize=len(Isa))
def calibrated(core: Isa) -> tuple[Kernel, ...]:
    """Every row and its compact form; what they predict was counted on cores whose best instruction set is `core`, as far as any was."""
    found = factors().get(core, {})
    return tuple(_scaled(kernel, found) for kernel in CHOICES)


def _scaled(kernel: Kernel, found: Mapping[str, float]) -> Kernel:
    """A row and its compact form, each with the factor of its own name."""
    smaller = None if kernel.compact is None else _scaled(kernel.compact, found)
    if smaller is not kernel.compact:
        kernel = replace(kernel, compact=smaller)
    if kernel.name not in found:
        return kernel
    factor, cost = found[kernel.name], kernel.cost
    return replace(kernel, cost=lambda op, operands: round(factor * cost(op, operands)))


def select(op: Op, operands: Operands, isas: Collection[Isa], *, scratch: int | None = None) -> Kernel:
    """The kernel that predicts the fewest instructions; at equal cost the first; ValueError where none accepts.

    One that makes several rows only together, so that none can be streamed, is the last choice.
    With `scratch`, among those that are not much slower: the fastest that needs at most so many bytes of it, or else the
    one that needs least.
    """
    accepting = _accepting(op, _Same(operands), frozenset(isas))
    if not accepting:
        raise ValueError(f"no kernel for {op.kind} on {', '.join(isa.value for isa in isas)}")
    near = accepting if scratch is None else _near(accepting)
    fitting = [way for way in near if scratch is None or way.scratch <= scratch]
    if fitting:
        return min(fitting, key=lambda way: way.cost).kernel
    return min(near, key=lambda way: way.scratch).kernel


class Way(NamedTuple):
    """A kernel that accepts, its predicted instructions, and the bytes of its scratch."""

    kernel: Kernel
    cost: int
    scratch: int


def affordable(op: Op, operands: Operands, isas: Collection[Isa]) -> list[Way]:
    """The kernels that are not much slower than the fastest; none where none accepts."""
    return _near(_accepting(op, _Same(operands), frozenset(isas)))


def _near(ways: Sequence[Way]) -> list[Way]:
    fastest = min((way.cost for way in ways), default=0)
    return [way for way in ways if way.cost <= DEAREST * fastest]


class _Same:
    """Operands that are equal where they are the same tensors, whose values need not be compared."""

    def __init__(self, operands: Operands) -> None:
        self.operands = operands

    def __hash__(self) -> int:
        return hash(tuple(id(tensor) for tensor in (*self.operands.inputs, *self.operands.outputs)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or len(self.operands.inputs) != len(other.operands.inputs):
            return False
        mine, others = ((*o.inputs, *o.outputs) for o in (self.operands, other.operands))
        return all(a is b for a, b in zip(mine, others, strict=True))


@lru_cache(maxsize=2048)
def _accepting(op: Op, same: _Same, isas: frozenset[Isa]) -> tuple[Way, ...]:
    """In the catalogue's order; planning asks again and again."""
    operands = same.operands
    found = [k for k in calibrated(best(isas)) if k.op is type(op) and k.isa in isas and k.accepts(op, operands)]
    by_rows = [k for k in found if k.extent is not Extent.WHOLE]
    kernels = by_rows if by_rows and operands.output.hwc[0] > 1 else found
    return tuple(Way(k, k.cost(op, operands), k.scratch(op, operands)) for k in kernels)


def compact(kernel: Kernel, op: Op, operands: Operands) -> Kernel:
    """The compact form of a chosen kernel, where there is one that accepts; else the kernel."""
    smaller = kernel.compact
    return kernel if smaller is None or not smaller.accepts(op, operands) else smaller
