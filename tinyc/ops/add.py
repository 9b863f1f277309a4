"""ADD: a + b with broadcasting, either operand possibly constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Constraint, Operands
from tinyc.ir.types import Array
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.broadcasting import Broadcasting
from tinyc.ops.constraints import INT8, PER_TENSOR
from tinyc.ops.scaling import SUM_FRACTION_BITS, centered, store, sum_multipliers


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Broadcasting):
    """Inputs: a, b."""

    kind: ClassVar[str] = "add"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        Constraint(
            "the output's scale is at least 2^-19 of the inputs'",
            lambda op, operands: sum_multipliers(operands).output.shift <= 0,
            lambda op, operands: f"{operands.output.scale:.9g}",
        ),
    )

    activation: Activation = Activation.NONE

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        factors = sum_multipliers(operands)
        a = factors.a.scale(centered(values[0], operands.input(0)) << SUM_FRACTION_BITS)
        b = factors.b.scale(centered(values[1], operands.input(1)) << SUM_FRACTION_BITS)
        output = operands.output
        total = factors.output.scale(a + b) + output.zero_point
        return (store(total, output, activation_range(self.activation, output)),)
