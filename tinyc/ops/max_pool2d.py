"""MAX_POOL_2D: the maximum of the window's pixels inside the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Operands
from tinyc.ir.types import Array
from tinyc.ops.attributes import activation_range
from tinyc.ops.pool import Pool2D
from tinyc.ops.scaling import store
from tinyc.ops.window import taps


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool2D(Pool2D):
    """Input: image."""

    kind: ClassVar[str] = "max_pool2d"

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        output = operands.output
        least = output.dtype.limits[0]
        greatest = np.full(output.shape, least, output.dtype.numpy)
        for _, _, pixels in taps(
            values[0],
            size=self.size,
            output=(output.shape[1], output.shape[2]),
            stride=self.stride,
            padding=self.padding,
            fill=least,
        ):
            greatest = np.maximum(greatest, pixels)
        return (store(greatest.astype(np.int64), output, activation_range(self.activation, output)),)
