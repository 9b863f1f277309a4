"""PAD and PADV2: a border of one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor, Window
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import SAME_QUANTIZATION, SAME_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Op):
    """Input: x.  `paddings` holds (before, after) of every axis; `value` is stored, None means the zero point."""

    kind: ClassVar[str] = "pad"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        SAME_TYPE,
        SAME_QUANTIZATION,
        Constraint(
            "paddings are not negative",
            lambda op, operands: all(min(pair) >= 0 for pair in op.paddings),
            lambda op, operands: f"{op.paddings}",
        ),
    )

    paddings: tuple[tuple[int, int], ...]
    value: int | None = None

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        shape = inputs[0].shape
        if len(shape) != len(self.paddings):
            raise ValueError(f"{len(self.paddings)} paddings for an input of rank {len(shape)}")
        return (tuple(before + extent + after for extent, (before, after) in zip(shape, self.paddings, strict=True)),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return self._shifted(operands, 1)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self._shifted(operands, 2)

    def _shifted(self, operands: Operands, axis: int) -> RowRule:
        if len(self.paddings) != 4 or self.paddings[0] != (0, 0) or operands.output.shape[0] != 1:
            return ALL_ROWS
        before = self.paddings[axis][0]
        return Window(a=1, lo_offset=-before, hi_offset=1 - before)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        fill = self.value
        if fill is None:
            fill = 0 if operands.output.quantization is None else operands.output.zero_point
        return (np.pad(values[0], self.paddings, constant_values=fill),)
