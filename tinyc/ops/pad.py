"""PAD and PADV2: a border of one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import ALL_ROWS, Op, Operands, Tensor, Window
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Op):
    """Input: x.  `paddings` holds (before, after) of every axis; `value` is stored, None means the zero point."""

    kind: ClassVar[str] = "pad"

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
        raise NotImplementedError
