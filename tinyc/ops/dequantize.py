"""DEQUANTIZE: integer to float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Constraint, DType, Operands
from tinyc.ir.types import Array
from tinyc.ops.constraints import PER_TENSOR
from tinyc.ops.elementwise import Pixelwise
from tinyc.ops.scaling import centered


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "dequantize"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        Constraint(
            "int8 or uint8 to float32",
            lambda op, operands: (
                operands.input(0).dtype in (DType.INT8, DType.UINT8) and operands.output.dtype is DType.FLOAT32
            ),
            lambda op, operands: f"{operands.input(0).dtype.value} to {operands.output.dtype.value}",
        ),
        PER_TENSOR,
    )

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        x = operands.input(0)
        return (np.float32(x.scale) * centered(values[0], x).astype(np.float32),)
