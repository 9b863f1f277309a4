"""PACK: inputs of one shape stacked along a new axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Constraint, Op, Operands, Tensor
from tinyc.ir.types import Array, Shape
from tinyc.ops.constraints import SAME_QUANTIZATION, SAME_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack(Op):
    """Inputs: one or more tensors of one shape.  `axis` (not negative) is the new axis."""

    kind: ClassVar[str] = "pack"
    constraints: ClassVar[tuple[Constraint, ...]] = (SAME_TYPE, SAME_QUANTIZATION)

    axis: int

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        shapes = {tensor.shape for tensor in inputs if tensor is not None}
        if len(shapes) != 1:
            raise ValueError(f"inputs of different shapes {sorted(shapes)} cannot be stacked")
        (shape,) = shapes
        return ((*shape[: self.axis], len(inputs), *shape[self.axis :]),)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        return (np.stack([value for value in values if value is not None], axis=self.axis),)
