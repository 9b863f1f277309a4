"""Mean kernels: axes folded into a nest of kept and one of summed loops."""

from __future__ import annotations

import math

from tinyc.ir import Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.ops import Mean
from tinyc.ops.scaling import mean_multiplier

GROUP = 4
"""Channels that a dsp kernel takes at a time."""
Loop = tuple[int, int]
"""(count, step)."""


def _loops(op: Mean, shape: tuple[int, ...]) -> tuple[list[Loop], list[Loop]]:
    """The kept and the summed axes with their steps in the input; neighbours of a kind are one loop."""
    kinds: list[tuple[bool, int, int]] = []
    for axis in reversed(range(len(shape))):
        summed, count, step = axis in op.axes, shape[axis], math.prod(shape[axis + 1 :])
        if count == 1:
            continue
        if kinds and kinds[0][0] == summed:
            kinds[0] = (summed, count * kinds[0][1], kinds[0][2])
        else:
            kinds.insert(0, (summed, count, step))
    kept = [(count, step) for summed, count, step in kinds if not summed]
    return kept, [(count, step) for summed, count, step in kinds if summed]


def _nest(name: str, loops: list[Loop]) -> dict[str, int]:
    padded = [(1, 0)] * (3 - len(loops)) + loops
    counts = {f"{name}_{index}": count for index, (count, _) in enumerate(padded)}
    return counts | {f"{name}_step_{index}": step for index, (_, step) in enumerate(padded)}


def _accepts(op: Op, operands: Operands) -> bool:
    assert isinstance(op, Mean)
    kept, summed = _loops(op, operands.input(0).shape)
    return operands.input(0).dtype is operands.output.dtype is DType.INT8 and max(len(kept), len(summed)) <= 3


def _bind(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Mean)
    source, output = operands.input(0), operands.output
    kept, summed = _loops(op, source.shape)
    by = mean_multiplier(operands, op.count(operands))
    return Bound(
        fields=_nest("kept", kept)
        | _nest("summed", summed)
        | {
            "bias": -source.zero_point * op.count(operands),
            "multiplier": by.mantissa,
            "shift": by.shift,
            "out_zero": output.zero_point,
        }
    )


def _cost(op: Op, operands: Operands) -> int:
    return 2 * operands.input(0).elements + 10 * operands.output.elements


def _accepts_image(op: Op, operands: Operands) -> bool:
    """All pixels of an image of at least four channels: one loop over pixels, one over channels."""
    assert isinstance(op, Mean)
    kept, summed = _loops(op, operands.input(0).shape)
    channels = operands.output.elements
    return (
        operands.input(0).dtype is operands.output.dtype is DType.INT8
        and channels >= GROUP
        and kept == [(channels, 1)]
        and summed == [(op.count(operands), channels)]
    )


def _bind_image(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Mean)
    source, output = operands.input(0), operands.output
    by = mean_multiplier(operands, op.count(operands))
    return Bound(
        fields={
            "pixels": op.count(operands),
            "channels": output.elements,
            "bias": -source.zero_point * op.count(operands),
            "multiplier": by.mantissa,
            "shift": by.shift,
            "out_zero": output.zero_point,
        }
    )


def _image_cost(op: Op, operands: Operands) -> int:
    return 2 * operands.input(0).elements + 40 * operands.output.elements


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="mean_s8__dsp",
        isa=Isa.DSP,
        op=Mean,
        header="dsp/mean_s8.h",
        struct="tinyc_mean_s8_dsp",
        accepts=_accepts_image,
        bind=_bind_image,
        cost=_image_cost,
        extent=Extent.WHOLE,
    ),
    Kernel(
        name="mean_s8__scalar",
        isa=Isa.SCALAR,
        op=Mean,
        header="scalar/mean_s8.h",
        struct="tinyc_mean_s8",
        accepts=_accepts,
        bind=_bind,
        cost=_cost,
        extent=Extent.WHOLE,
        outlined=True,
    ),
)
