"""RESIZE_NEAREST_NEIGHBOR: every output pixel copies one input pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import ALL_ROWS, Op, Operands, Tensor
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.window import image_shape


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNearestNeighbor(Op):
    """Input: image.  `size` is (rows, columns) of the output."""

    kind: ClassVar[str] = "resize_nearest_neighbor"

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        n, _, _, c = image_shape(inputs[0])
        return ((n, *self.size, c),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return ALL_ROWS

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
