"""MUL: a * b with broadcasting, either operand possibly constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Constraint, Operands
from tinyc.ir.types import Array
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.broadcasting import Broadcasting
from tinyc.ops.constraints import INT8, PER_TENSOR, rescales
from tinyc.ops.scaling import Multiplier, centered, product_multiplier, store


@dataclass(frozen=True, slots=True, kw_only=True)
class Mul(Broadcasting):
    """Inputs: a, b."""

    kind: ClassVar[str] = "mul"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        rescales(lambda operands: (product_multiplier(operands),)),
    )

    activation: Activation = Activation.NONE

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        return (self.rescaled(operands, values, product_multiplier(operands)),)

    def rescaled(self, operands: Operands, values: tuple[Array | None, ...], multiplier: Multiplier) -> Array:
        """The output with `multiplier` for the way from products to the output."""
        output = operands.output
        product = centered(values[0], operands.input(0)) * centered(values[1], operands.input(1))
        scaled = multiplier.scale(product) + output.zero_point
        return store(scaled, output, activation_range(self.activation, output))
