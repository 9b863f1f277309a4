"""What AVERAGE_POOL_2D and MAX_POOL_2D have in common: the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Constraint, Op, Operands, Tensor
from tinyc.ir.op import RowRule
from tinyc.ir.types import Shape
from tinyc.ops.attributes import NO_PADDING, Activation, Padding
from tinyc.ops.constraints import IMAGE, INT8, PER_TENSOR, SAME_QUANTIZATION, STRIDE
from tinyc.ops.window import image_shape, output_size, sliding


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool2D(Op):
    """Input: image.  `size` and `stride` are (rows, columns); padding holds no values."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        SAME_QUANTIZATION,
        IMAGE,
        STRIDE,
        Constraint(
            "padding is smaller than the window",
            lambda op, operands: max(op.padding[:2]) < op.size[0] and max(op.padding[2:]) < op.size[1],
            lambda op, operands: f"{op.padding} around a window of {op.size}",
        ),
    )

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    activation: Activation = Activation.NONE

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        n, h, w, c = image_shape(inputs[0])
        p = self.padding
        rows = output_size(h, self.size[0], stride=self.stride[0], before=p.top, after=p.bottom)
        columns = output_size(w, self.size[1], stride=self.stride[1], before=p.left, after=p.right)
        return ((n, rows, columns, c),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return sliding(self.size[0], stride=self.stride[0], before=self.padding.top)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return sliding(self.size[1], stride=self.stride[1], before=self.padding.left)
