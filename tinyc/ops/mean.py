"""MEAN: the mean over some axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Constraint, Op, Operands, Tensor
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import INT8, PER_TENSOR, rescales
from tinyc.ops.scaling import centered, mean_multiplier, rescaling, store


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Op):
    """Input: x.  `axes` are ascending and not negative."""

    kind: ClassVar[str] = "mean"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        INT8,
        PER_TENSOR,
        rescales(lambda operands: (rescaling(operands.input(0), operands.output),)),
        Constraint(
            "a mean is over fewer than 2^23 elements",
            lambda op, operands: op.count(operands) < 2**23,
            lambda op, operands: f"{op.count(operands)}",
        ),
    )

    axes: tuple[int, ...]
    keep_dims: bool = False

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        shape = inputs[0].shape
        if self.keep_dims:
            return (tuple(1 if axis in self.axes else extent for axis, extent in enumerate(shape)),)
        return (tuple(extent for axis, extent in enumerate(shape) if axis not in self.axes),)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        output = operands.output
        total = centered(values[0], operands.input(0)).sum(axis=self.axes)
        scaled = mean_multiplier(operands, self.count(operands)).scale(total) + output.zero_point
        return (store(scaled, output).reshape(output.shape),)

    def count(self, operands: Operands) -> int:
        """How many elements each output element is the mean of."""
        return math.prod(operands.input(0).shape[axis] for axis in self.axes)
