"""CONCATENATION: inputs side by side along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor, Window
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.attributes import Activation
from tinyc.ops.constraints import SAME_QUANTIZATION, SAME_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation(Op):
    """Inputs: one or more tensors, equal in every dimension but `axis` (not negative)."""

    kind: ClassVar[str] = "concatenation"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        SAME_TYPE,
        SAME_QUANTIZATION,
        Constraint(
            "there is no fused activation",
            lambda op, operands: op.activation is Activation.NONE,
            lambda op, operands: op.activation.name,
        ),
    )

    axis: int
    activation: Activation = Activation.NONE

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        shapes = [tensor.shape for tensor in inputs if tensor is not None]
        first = shapes[0]
        for shape in shapes:
            if len(shape) != len(first) or any(
                a != b for axis, (a, b) in enumerate(zip(shape, first, strict=True)) if axis != self.axis
            ):
                raise ValueError(f"shapes {first} and {shape} differ outside axis {self.axis}")
        total = sum(shape[self.axis] for shape in shapes)
        return ((*first[: self.axis], total, *first[self.axis + 1 :]),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return self._rule(operands, index, 1)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self._rule(operands, index, 2)

    def _rule(self, operands: Operands, index: int, image_axis: int) -> RowRule:
        rank = len(operands.output.shape)
        if self.axis == rank - 1:
            return SAME_INDEX
        if rank != 4 or operands.output.shape[0] != 1:
            return ALL_ROWS
        if self.axis != image_axis:
            return SAME_INDEX
        before = sum(operands.input(i).shape[self.axis] for i in range(index))
        return Window(a=1, lo_offset=-before, hi_offset=1 - before)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        return (np.concatenate([value for value in values if value is not None], axis=self.axis),)
