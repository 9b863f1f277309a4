"""A reduction over rows that consumes them as they come: running sums, then what a MEAN or a pool makes of the last one.

Made by the pass `sum_by_rows` only.  Row r of the running sums is row r - 1 plus row r of the input, so one row is all that is ever kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Op, Operands, Tensor, Window
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.arithmetic import Integers
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.scaling import mean_multiplier, store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSum(Op):
    """Input: int8, any rank.  Output: int32 (1, rows, 1, channels), the stored values of rows 0 ... r summed over rows and columns."""

    kind: ClassVar[str] = "running_sum"
    kept_rows: ClassVar[int | None] = 1

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        rows, _, channels = inputs[0].hwc
        return ((1, rows, 1, channels),)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return SAME_INDEX

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        by_row = values[0].reshape(operands.input(0).hwc).astype(np.int64).sum(axis=1)
        return (by_row.cumsum(axis=0).astype(np.int32).reshape(operands.output.shape),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finish(Op):
    """Input: running sums; only the last row counts.  `count` elements went into each sum."""

    count: int
    shape: Shape

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        return (self.shape,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        rows = operands.input(0).hwc[0]
        return Window(a=0, lo_offset=rows - 1, hi_offset=rows)

    def total(self, operands: Operands, values: tuple[Array | None, ...]) -> Integers:
        """The last running sum, int64, one a channel."""
        assert values[0] is not None
        sums: Integers = values[0].reshape(operands.input(0).hwc)[-1, 0].astype(np.int64)
        return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanOfSum(_Finish):
    """What MEAN gives; the running sums carry the quantization of what they sum."""

    kind: ClassVar[str] = "mean_of_sum"

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        centered = self.total(operands, values) - self.count * operands.input(0).zero_point
        scaled = mean_multiplier(operands, self.count).scale(centered) + operands.output.zero_point
        return (store(scaled, operands.output).reshape(self.shape),)


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageOfSum(_Finish):
    """What AVERAGE_POOL_2D gives for a window that covers the image."""

    kind: ClassVar[str] = "average_of_sum"

    activation: Activation = Activation.NONE

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        total, half = self.total(operands, values), self.count // 2
        mean = np.where(total > 0, (total + half) // self.count, -((half - total) // self.count))
        limits = activation_range(self.activation, operands.output)
        return (store(mean, operands.output, limits).reshape(self.shape),)
