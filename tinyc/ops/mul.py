"""MUL: a * b with broadcasting, either operand possibly constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Operands
from tinyc.ir.types import Array
from tinyc.ops.attributes import Activation
from tinyc.ops.broadcasting import Broadcasting


@dataclass(frozen=True, slots=True, kw_only=True)
class Mul(Broadcasting):
    """Inputs: a, b."""

    kind: ClassVar[str] = "mul"

    activation: Activation = Activation.NONE

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
