"""What operators with one input have in common when every output pixel depends on the input pixel at its place."""

from __future__ import annotations

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.op import SAME_INDEX, RowRule
from tinyc.ir.types import Shape


class Pixelwise(Op):
    """The output has the input's shape; output pixel p needs input pixel p."""

    __slots__ = ()

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        return (inputs[0].shape,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return SAME_INDEX

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return SAME_INDEX
