"""CONV_2D: a dense convolution over NHWC images with OHWI weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import ALL_ROWS, Op, Operands, Tensor
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.attributes import NO_PADDING, Activation, Padding
from tinyc.ops.window import image_shape, output_size, sliding


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2D(Op):
    """Inputs: image, weights OHWI, int32 bias or None."""

    kind: ClassVar[str] = "conv2d"

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    activation: Activation = Activation.NONE

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        n, h, w, _ = image_shape(inputs[0])
        o, kh, kw, _ = image_shape(inputs[1])
        p = self.padding
        rows = output_size(h, kh, stride=self.stride[0], dilation=self.dilation[0], before=p.top, after=p.bottom)
        columns = output_size(w, kw, stride=self.stride[1], dilation=self.dilation[1], before=p.left, after=p.right)
        return ((n, rows, columns, o),)

    def activations(self, operands: Operands) -> tuple[int, ...]:
        return (0,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        if index != 0:
            return ALL_ROWS
        size = operands.input(1).shape[1]
        return sliding(size, stride=self.stride[0], dilation=self.dilation[0], before=self.padding.top)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        if index != 0:
            return ALL_ROWS
        size = operands.input(1).shape[2]
        return sliding(size, stride=self.stride[1], dilation=self.dilation[1], before=self.padding.left)

    def macs(self, operands: Operands) -> int:
        _, kh, kw, depth = operands.input(1).shape
        return operands.output.elements * kh * kw * depth

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
