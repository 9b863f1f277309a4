"""QUANTIZE: float to integer or one quantization to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tinyc.ir import Constraint, DType, Operands
from tinyc.ir.types import Array
from tinyc.ops.arithmetic import Integers
from tinyc.ops.constraints import PER_TENSOR
from tinyc.ops.elementwise import Pixelwise
from tinyc.ops.scaling import centered, rescaling, store

CONVERSIONS = (
    (DType.FLOAT32, DType.INT8),
    (DType.FLOAT32, DType.UINT8),
    (DType.INT8, DType.INT8),
    (DType.INT8, DType.UINT8),
    (DType.UINT8, DType.INT8),
    (DType.UINT8, DType.UINT8),
)

FAR = 1024.0
"""Beyond every 8-bit value, whatever the zero point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "quantize"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        Constraint(
            "float32 to int8, or int8 and uint8 to one another",
            lambda op, operands: (operands.input(0).dtype, operands.output.dtype) in CONVERSIONS,
            lambda op, operands: f"{operands.input(0).dtype.value} to {operands.output.dtype.value}",
        ),
        PER_TENSOR,
    )

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        x, output = operands.input(0), operands.output
        if x.dtype is DType.FLOAT32:
            assert values[0] is not None
            quotient = values[0].astype(np.float32) / np.float32(output.scale)
            return (store(_round(quotient) + output.zero_point, output),)
        return (store(rescaling(x, output).scale(centered(values[0], x)) + output.zero_point, output),)


def _round(real: npt.NDArray[np.float32]) -> Integers:
    """The nearest integers, halves away from zero; what no 8-bit type reaches saturates, NaN downwards."""
    bounded = np.clip(np.where(np.isnan(real), -np.inf, real).astype(np.float64), -FAR, FAR)
    rounded: Integers = np.trunc(bounded + np.copysign(0.5, bounded)).astype(np.int64)
    return rounded
