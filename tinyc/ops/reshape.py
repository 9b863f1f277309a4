"""RESHAPE: the same elements in the same order with another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import SAME_QUANTIZATION, SAME_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Op):
    """Input: x.  `shape` is complete: no -1."""

    kind: ClassVar[str] = "reshape"
    constraints: ClassVar[tuple[Constraint, ...]] = (SAME_TYPE, SAME_QUANTIZATION)

    shape: tuple[int, ...]

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        if math.prod(self.shape) != inputs[0].elements:
            raise ValueError(f"{inputs[0].elements} elements do not fill shape {self.shape}")
        return (self.shape,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return SAME_INDEX if operands.input(0).hwc == operands.output.hwc else ALL_ROWS

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self.row_rule(operands, index)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        return (values[0].reshape(self.shape),)
