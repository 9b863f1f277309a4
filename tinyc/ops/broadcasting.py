"""What operators with two broadcast inputs have in common: numpy's shape rule, and the rows an output row needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands, Tensor
from tinyc.ir.op import FIRST_ONLY, SAME_INDEX, RowRule
from tinyc.ir.types import Shape


class Broadcasting(Op):
    """Two inputs of shapes that broadcast to the output's."""

    __slots__ = ()

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        a, b = inputs
        assert a is not None and b is not None
        try:
            return (np.broadcast_shapes(a.shape, b.shape),)
        except ValueError:
            raise ValueError(f"shapes {a.shape} and {b.shape} do not broadcast") from None

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return _rule(operands, index, 0)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return _rule(operands, index, 1)


def _rule(operands: Operands, index: int, axis: int) -> RowRule:
    tensor, output = operands.input(index), operands.output
    aligned = replace(tensor, shape=(1,) * (len(output.shape) - len(tensor.shape)) + tensor.shape, data=None)
    if aligned.hwc != tensor.hwc:
        return ALL_ROWS
    extent = tensor.hwc[axis]
    if extent == output.hwc[axis]:
        return SAME_INDEX
    return FIRST_ONLY if extent == 1 else ALL_ROWS
