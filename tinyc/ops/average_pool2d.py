"""AVERAGE_POOL_2D: the rounded mean of the window's pixels inside the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Operands
from tinyc.ir.types import Array
from tinyc.ops.pool import Pool2D


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool2D(Pool2D):
    """Input: image."""

    kind: ClassVar[str] = "average_pool2d"

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
