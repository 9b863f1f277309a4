"""CONV_2D: a dense convolution over NHWC images with OHWI weights."""

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
class Conv2D(Convolution):
    """Inputs: image, weights OHWI, int32 bias or None."""

    kind: ClassVar[str] = "conv2d"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8_X,
        PER_TENSOR_X,
        IMAGE,
        WEIGHTS,
        WEIGHTS_SYMMETRIC,
        weights_axis(0),
        Constraint(
            "weights are as deep as the input",
            lambda op, operands: operands.input(1).shape[-1] == operands.input(0).shape[-1],
            lambda op, operands: f"{operands.input(1).shape[-1]} and {operands.input(0).shape[-1]} channels",
        ),
        BIAS,
        STRIDE,
        DILATION,
        rescales(convolution_multipliers),
    )

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        image, weights = image_shape(inputs[0]), image_shape(inputs[1])
        return ((image[0], *self.output_image(image, weights), weights[0]),)

    def macs(self, operands: Operands) -> int:
        _, rows, columns, depth = operands.input(1).shape
        return operands.output.elements * rows * columns * depth

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        _, weights, bias = (*values, None)[:3]
        assert weights is not None
        # Integers below 2^53 in double precision: the products and their sums are exact, and BLAS is fast.
        image, kernel = centered(values[0], operands.input(0)).astype(np.float64), weights.astype(np.float64)
        total = np.zeros(operands.output.shape, np.float64)
        for row, column, pixels in self.taps(image, operands):
            total += pixels @ kernel[:, row, column, :].T
        return self.finish(operands, total.astype(np.int64), bias)
