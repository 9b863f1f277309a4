"""SOFTMAX: normalized exponentials over the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Operands
from tinyc.ir.types import Array
from tinyc.ops.elementwise import Pixelwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "softmax"

    beta: float = 1.0

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
