"""TRANSPOSE: axes in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import ALL_ROWS, Constraint, Op, Operands, Tensor
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import SAME_QUANTIZATION, SAME_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Op):
    """Input: x.  Output axis i is input axis `permutation[i]`."""

    kind: ClassVar[str] = "transpose"
    constraints: ClassVar[tuple[Constraint, ...]] = (SAME_TYPE, SAME_QUANTIZATION)

    permutation: tuple[int, ...]

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        shape = inputs[0].shape
        if sorted(self.permutation) != list(range(len(shape))):
            raise ValueError(f"{self.permutation} does not permute the axes of shape {shape}")
        return (tuple(shape[axis] for axis in self.permutation),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        rank = len(self.permutation)
        rows = max(rank - 2, 0) if rank >= 4 else max(rank - 1, 0)
        return SAME_INDEX if self.permutation[:rows] == tuple(range(rows)) else ALL_ROWS

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        return (np.ascontiguousarray(values[0].transpose(self.permutation)),)
