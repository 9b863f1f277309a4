"""RELU, RELU6 and RELU_N1_TO_1 as operators of their own: clamp and requantize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Constraint, Operands
from tinyc.ir.types import Array
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.constraints import INT8, PER_TENSOR, rescales
from tinyc.ops.elementwise import Pixelwise
from tinyc.ops.scaling import centered, rescaling, store


@dataclass(frozen=True, slots=True, kw_only=True)
class Relu(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "relu"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        rescales(lambda operands: (rescaling(operands.input(0), operands.output),)),
    )

    activation: Activation

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        x, output = operands.input(0), operands.output
        scaled = rescaling(x, output).scale(centered(values[0], x)) + output.zero_point
        return (store(scaled, output, activation_range(self.activation, output)),)
