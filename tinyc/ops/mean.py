"""MEAN: the mean over some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import Array, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Op):
    """Input: x.  `axes` are ascending and not negative."""

    kind: ClassVar[str] = "mean"

    axes: tuple[int, ...]
    keep_dims: bool = False

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        assert inputs[0] is not None
        shape = inputs[0].shape
        if self.keep_dims:
            return (tuple(1 if axis in self.axes else extent for axis, extent in enumerate(shape)),)
        return (tuple(extent for axis, extent in enumerate(shape) if axis not in self.axes),)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        raise NotImplementedError
