"""LOGISTIC: the sigmoid of every element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Operands
from tinyc.ir.types import Array
from tinyc.ops.elementwise import Pixelwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "logistic"

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
