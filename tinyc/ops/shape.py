"""SHAPE: the dimensions of a tensor as integers; always folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import Array, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeOf(Op):
    """Input: x, of which only the shape matters."""

    kind: ClassVar[str] = "shape"

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        return ((len(inputs[0].shape),),)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        return (np.array(operands.input(0).shape, dtype=operands.output.dtype.numpy),)
