"""DEPTHWISE_CONV_2D: every input channel convolved by itself into `multiplier` output channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Constraint, Operands, Tensor
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import (
    BIAS,
    DILATION,
    IMAGE,
    INT8_X,
    PER_TENSOR_X,
    STRIDE,
    WEIGHTS,
    WEIGHTS_SYMMETRIC,
    rescales,
    weights_axis,
)
from tinyc.ops.convolution import Convolution
from tinyc.ops.scaling import centered, convolution_multipliers
from tinyc.ops.window import image_shape


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2D(Convolution):
    """Inputs: image, weights 1HWO, int32 bias or None.  Output channel o reads input channel o // multiplier."""

    kind: ClassVar[str] = "depthwise_conv2d"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8_X,
        PER_TENSOR_X,
        IMAGE,
        WEIGHTS,
        WEIGHTS_SYMMETRIC,
        weights_axis(3),
        Constraint(
            "every input channel has the multiplier's number of output channels",
            lambda op, operands: operands.input(1).shape[3] == op.multiplier * operands.input(0).shape[3],
            lambda op, operands: (
                f"{operands.input(1).shape[3]} = {op.multiplier} * {operands.input(0).shape[3]} channels"
            ),
        ),
        BIAS,
        STRIDE,
        DILATION,
        rescales(convolution_multipliers),
    )

    multiplier: int = 1

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        image, weights = image_shape(inputs[0]), image_shape(inputs[1])
        return ((image[0], *self.output_image(image, weights), weights[3]),)

    def macs(self, operands: Operands) -> int:
        _, rows, columns, _ = operands.input(1).shape
        return operands.output.elements * rows * columns

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        _, weights, bias = (*values, None)[:3]
        assert weights is not None
        image = np.repeat(centered(values[0], operands.input(0)).astype(np.int32), self.multiplier, axis=-1)
        kernel = weights.astype(np.int32)
        total = np.zeros(operands.output.shape, np.int32)
        for row, column, pixels in self.taps(image, operands):
            total += pixels * kernel[0, row, column, :]
        return self.finish(operands, total.astype(np.int64), bias)
