"""RELU, RELU6 and RELU_N1_TO_1 as operators of their own: clamp and requantize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Operands
from tinyc.ir.types import Array
from tinyc.ops.attributes import Activation
from tinyc.ops.elementwise import Pixelwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Relu(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "relu"

    activation: Activation

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
