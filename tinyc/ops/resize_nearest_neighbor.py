"""RESIZE_NEAREST_NEIGHBOR: every output pixel copies one input pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor, Window
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.arithmetic import round_half_away
from tinyc.ops.constraints import IMAGE, INT8, PER_TENSOR, SAME_QUANTIZATION
from tinyc.ops.window import image_shape


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNearestNeighbor(Op):
    """Input: image.  `size` is (rows, columns) of the output."""

    kind: ClassVar[str] = "resize_nearest_neighbor"
    constraints: ClassVar[tuple[Constraint, ...]] = (INT8, PER_TENSOR, SAME_QUANTIZATION, IMAGE)

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        n, _, _, c = image_shape(inputs[0])
        return ((n, *self.size, c),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return self._rule(operands, 0)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self._rule(operands, 1)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        rows, columns = self._sources(operands, 0), self._sources(operands, 1)
        return (values[0][:, rows][:, :, columns],)

    def _sources(self, operands: Operands, axis: int) -> list[int]:
        """The input index that each output index copies; TFLite computes it in float32."""
        extent, size = operands.input(0).shape[1 + axis], self.size[axis]
        inset = int(self.align_corners and size > 1)
        scale = np.float32(extent - inset) / np.float32(size - inset)
        offset = np.float32(0.5 if self.half_pixel_centers else 0.0)
        real = (np.arange(size, dtype=np.float32) + offset) * scale
        nearest = [round_half_away(float(r)) if self.align_corners else math.floor(r) for r in real]
        return [min(index, extent - 1) for index in nearest]

    def _rule(self, operands: Operands, axis: int) -> RowRule:
        if operands.input(0).shape[0] != 1:
            return ALL_ROWS
        extent, size = operands.input(0).shape[1 + axis], self.size[axis]
        if self.align_corners and size > 1:
            a, b, c = 2 * (extent - 1), size - 1, 2 * (size - 1)
        else:
            a, b, c = 2 * extent, 0, 2 * size
        if self.half_pixel_centers:
            b += a // 2
        window = Window(a=a, lo_offset=b, hi_offset=b + c, c=c)
        # Float32 may have rounded otherwise than the exact quotient, and the last indices are clipped.
        exact = all(window.lo(index) == source for index, source in enumerate(self._sources(operands, axis)))
        return window if exact else ALL_ROWS
