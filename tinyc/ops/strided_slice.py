"""STRIDED_SLICE and SLICE: every stride-th element of a range on each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor, Window
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import SAME_QUANTIZATION, SAME_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class StridedSlice(Op):
    """Input: x.  One resolved entry an axis, as range() takes them: end is -1 where a negative stride runs to index 0.

    `shrink_axes` are the axes (of one element each) that the output does not have.
    """

    kind: ClassVar[str] = "strided_slice"
    constraints: ClassVar[tuple[Constraint, ...]] = (SAME_TYPE, SAME_QUANTIZATION)

    begin: tuple[int, ...]
    end: tuple[int, ...]
    strides: tuple[int, ...]
    shrink_axes: tuple[int, ...] = ()

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        if len(inputs[0].shape) != len(self.begin):
            raise ValueError(f"a slice of {len(self.begin)} axes of an input of shape {inputs[0].shape}")
        extents = [len(range(*bounds)) for bounds in zip(self.begin, self.end, self.strides, strict=True)]
        return (tuple(extent for axis, extent in enumerate(extents) if axis not in self.shrink_axes),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return self._rule(operands, 1)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self._rule(operands, 2)

    def _rule(self, operands: Operands, axis: int) -> RowRule:
        if len(self.begin) != 4 or self.shrink_axes or operands.input(0).shape[0] != 1 or self.strides[axis] < 0:
            return ALL_ROWS
        return Window(a=self.strides[axis], lo_offset=self.begin[axis], hi_offset=self.begin[axis] + 1)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        taken = values[0]
        for axis, bounds in enumerate(zip(self.begin, self.end, self.strides, strict=True)):
            taken = np.take(taken, list(range(*bounds)), axis=axis)
        return (taken.reshape(operands.output.shape),)
