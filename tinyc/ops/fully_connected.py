"""FULLY_CONNECTED: a matrix product with weights [O, I] over the last I elements of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.constraints import BIAS, INT8_X, PER_TENSOR_X, WEIGHTS, WEIGHTS_SYMMETRIC, rescales, weights_axis
from tinyc.ops.scaling import centered, dense_multipliers, requantize


@dataclass(frozen=True, slots=True, kw_only=True)
class FullyConnected(Op):
    """Inputs: x of any rank, weights [O, I], int32 bias or None.

    The output is (elements / I, O), or x.shape[:-1] + (O,) with keep_dims.
    """

    kind: ClassVar[str] = "fully_connected"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8_X,
        PER_TENSOR_X,
        WEIGHTS,
        WEIGHTS_SYMMETRIC,
        weights_axis(0),
        BIAS,
        rescales(dense_multipliers),
    )

    activation: Activation = Activation.NONE
    keep_dims: bool = False

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        x, weights = inputs[0], inputs[1]
        assert x is not None and weights is not None
        if len(weights.shape) != 2:
            raise ValueError(f"weights have rank 2, these have shape {weights.shape}")
        outputs, depth = weights.shape
        if x.elements % depth:
            raise ValueError(f"{x.elements} input elements are not a multiple of {depth} weights")
        if not self.keep_dims:
            return ((x.elements // depth, outputs),)
        if x.shape[-1] != depth:
            raise ValueError(f"the input's last dimension is {x.shape[-1]}, the weights need {depth}")
        return ((*x.shape[:-1], outputs),)

    def activations(self, operands: Operands) -> tuple[int, ...]:
        return (0,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return SAME_INDEX if index == 0 and _pixel_by_pixel(operands) else ALL_ROWS

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self.row_rule(operands, index)

    def macs(self, operands: Operands) -> int:
        return operands.output.elements * operands.input(1).shape[1]

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        _, weights, bias = (*values, None)[:3]
        assert weights is not None
        output = operands.output
        rows = centered(values[0], operands.input(0)).reshape(-1, weights.shape[1])
        # Integers below 2^53 in double precision: the products and their sums are exact, and BLAS is fast.
        total = rows.astype(np.float64) @ weights.astype(np.float64).T
        accumulator = total.astype(np.int64) + (0 if bias is None else bias.astype(np.int64))
        limits = activation_range(self.activation, output)
        return (requantize(accumulator, dense_multipliers(operands), output, limits).reshape(output.shape),)


def _pixel_by_pixel(operands: Operands) -> bool:
    x, y = operands.input(0).hwc, operands.output.hwc
    return x[:2] == y[:2] and x[2] == operands.input(1).shape[1]
