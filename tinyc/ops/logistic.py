"""LOGISTIC: the sigmoid of every element."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Constraint, Operands
from tinyc.ir.types import Array
from tinyc.ops.arithmetic import quantize_multiplier, rounding_divide_by_pot
from tinyc.ops.constraints import INT8, PER_TENSOR
from tinyc.ops.elementwise import Pixelwise
from tinyc.ops.fixed_point import logistic
from tinyc.ops.scaling import Multiplier, centered, store

INPUT_BITS = 4
"""The input is in Q4.27."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "logistic"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        Constraint(
            "the output has scale 1/256 and zero point -128",
            lambda op, operands: operands.output.scale == 1 / 256 and operands.output.zero_point == -128,
            lambda op, operands: f"{operands.output.scale:.9g} and {operands.output.zero_point}",
        ),
        Constraint(
            "the input's scale is more than 2^-27",
            lambda op, operands: operands.input(0).scale > 2.0**-27,
            lambda op, operands: f"{operands.input(0).scale:.9g}",
        ),
    )

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        x = centered(values[0], operands.input(0))
        multiplier = Multiplier(*quantize_multiplier(operands.input(0).scale * 2.0 ** (31 - INPUT_BITS)))
        radius = math.floor((2**INPUT_BITS - 1) * 2.0 ** (31 - INPUT_BITS) / 2.0**multiplier.shift)
        inside = logistic(multiplier.scale(np.clip(x, 1 - radius, radius - 1)), INPUT_BITS)
        output = operands.output
        least, most = output.dtype.limits
        stored = np.clip(rounding_divide_by_pot(inside, 31 - 8) + least, least, most)
        return (store(np.where(x <= -radius, least, np.where(x >= radius, most, stored)), output),)
