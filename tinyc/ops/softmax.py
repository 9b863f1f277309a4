"""SOFTMAX: normalized exponentials over the last axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Constraint, Operands
from tinyc.ir.types import Array
from tinyc.ops.arithmetic import (
    Integers,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinyc.ops.constraints import INT8, PER_TENSOR
from tinyc.ops.elementwise import Pixelwise
from tinyc.ops.fixed_point import exp_on_negative_values, reciprocal
from tinyc.ops.scaling import Multiplier, store

DIFFERENCE_BITS = 5
"""Differences from the maximum are in Q5.26."""
ACCUMULATOR_BITS = 12
"""The sum of exponentials is in Q12.19."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "softmax"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        Constraint(
            "the output has scale 1/256 and zero point -128",
            lambda op, operands: operands.output.scale == 1 / 256 and operands.output.zero_point == -128,
            lambda op, operands: f"{operands.output.scale:.9g} and {operands.output.zero_point}",
        ),
        Constraint(
            "beta times the input's scale is more than 2^-26",
            lambda op, operands: op.beta * operands.input(0).scale > 2.0**-26,
            lambda op, operands: f"{op.beta * operands.input(0).scale:.9g}",
        ),
        Constraint(
            "the last axis has fewer than 4096 elements",
            lambda op, operands: bool(operands.input(0).shape) and operands.input(0).shape[-1] < 4096,
            lambda op, operands: f"{operands.input(0).shape}",
        ),
    )

    beta: float = 1.0

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        scale, bits = reciprocal(self.sums(operands, values[0]), ACCUMULATOR_BITS)
        product = saturating_rounding_doubling_high_mul(scale, self._exponentials_of(operands, values[0]))
        # Where the exponentials sum to 512 or more TFLite shifts by more than a register has; every share rounds to 0.
        share = rounding_divide_by_pot(product, bits + 31 - 8)
        return (store(share + operands.output.dtype.limits[0], operands.output),)

    def sums(self, operands: Operands, x: Array) -> Integers:
        """The sum of the exponentials of every pixel, in Q12.19."""
        exponentials = self._exponentials_of(operands, x)
        total: Integers = rounding_divide_by_pot(exponentials, ACCUMULATOR_BITS).sum(axis=-1, keepdims=True)
        return total

    def _exponentials_of(self, operands: Operands, x: Array) -> Integers:
        stored = x.astype(np.int64)
        chosen: Integers = self.exponentials(operands)[stored.max(axis=-1, keepdims=True) - stored]
        return chosen

    def exponentials(self, operands: Operands) -> Integers:
        """exp(-beta * scale * d) in Q0.31 for d = 0 ... 255; 0 where TFLite holds it to be negligible."""
        multiplier = self.multiplier(operands)
        steps = -np.arange(256, dtype=np.int64)
        least = -self.most_steps(operands)
        scaled = multiplier.scale(np.maximum(steps, least))
        return np.where(steps >= least, exp_on_negative_values(scaled, DIFFERENCE_BITS), 0)

    def most_steps(self, operands: Operands) -> int:
        """The last d that is not negligible."""
        greatest = (2**DIFFERENCE_BITS - 1) << (31 - DIFFERENCE_BITS)
        return math.floor(math.ldexp(greatest, -self.multiplier(operands).shift))

    def multiplier(self, operands: Operands) -> Multiplier:
        """From stored differences to Q5.26."""
        real = float(np.float32(self.beta)) * operands.input(0).scale * 2.0 ** (31 - DIFFERENCE_BITS)
        return Multiplier(*quantize_multiplier(min(real, 2.0**31 - 1.0)))
