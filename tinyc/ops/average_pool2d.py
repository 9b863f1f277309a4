"""AVERAGE_POOL_2D: the rounded mean of the window's pixels inside the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Operands, Tensor
from tinyc.ir.types import Array
from tinyc.ops.arithmetic import Integers
from tinyc.ops.attributes import activation_range
from tinyc.ops.pool import Pool2D
from tinyc.ops.scaling import store
from tinyc.ops.window import taps


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool2D(Pool2D):
    """Input: image."""

    kind: ClassVar[str] = "average_pool2d"

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        output = operands.output
        inside = np.ones_like(values[0][..., :1], np.int64)
        total, count = self._sum(values[0].astype(np.int64), output), self._sum(inside, output)
        # Integer division truncates, so adding half the count away from zero rounds to nearest.
        mean = np.where(total > 0, (total + count // 2) // count, -((count // 2 - total) // count))
        return (store(mean, output, activation_range(self.activation, output)),)

    def _sum(self, image: Integers, output: Tensor) -> Integers:
        total = np.zeros((*output.shape[:3], image.shape[3]), np.int64)
        for _, _, pixels in taps(
            image,
            size=self.size,
            output=(output.shape[1], output.shape[2]),
            stride=self.stride,
            padding=self.padding,
        ):
            total = total + pixels
        return total
