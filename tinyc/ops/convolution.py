"""What CONV_2D and DEPTHWISE_CONV_2D have in common: the window and how accumulators become the output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.arithmetic import Integers
from tinyc.ops.attributes import NO_PADDING, Activation, Padding, activation_range
from tinyc.ops.scaling import convolution_multipliers, requantize
from tinyc.ops.window import Pixels, Taps, output_size, sliding, taps


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Op):
    """Inputs: image, weights with rows and columns on axes 1 and 2, int32 bias or None."""

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    activation: Activation = Activation.NONE

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

    def output_image(self, image: Shape, weights: Shape) -> tuple[int, int]:
        """Rows and columns of the output."""
        p = self.padding
        return (
            output_size(
                image[1], weights[1], stride=self.stride[0], dilation=self.dilation[0], before=p.top, after=p.bottom
            ),
            output_size(
                image[2], weights[2], stride=self.stride[1], dilation=self.dilation[1], before=p.left, after=p.right
            ),
        )

    def taps(self, image: Pixels, operands: Operands) -> Taps:
        """The pixels of a zero-centered image under every tap."""
        weights, output = operands.input(1).shape, operands.output.shape
        return taps(
            image,
            size=(weights[1], weights[2]),
            output=(output[1], output[2]),
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
        )

    def finish(self, operands: Operands, total: Integers, bias: Array | None) -> tuple[Array, ...]:
        """The output from the sums of products."""
        accumulator = total if bias is None else total + bias.astype(np.int64)
        limits = activation_range(self.activation, operands.output)
        return (requantize(accumulator, convolution_multipliers(operands), operands.output, limits),)
