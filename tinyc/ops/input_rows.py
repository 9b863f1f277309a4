"""The input of a model that takes it row by row: the caller pushes a row, this copies it in.  Made by the pass `input_by_rows` only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Array, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRows(Op):
    """Input: the model's, which exists outside the arena only.  Output: the same elements as rows of `shape`."""

    kind: ClassVar[str] = "input_rows"

    shape: Shape

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        return (self.shape,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return SAME_INDEX

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        return (values[0].reshape(self.shape),)
