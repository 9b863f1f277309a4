"""A function of one int8 value as a table, made by passes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyc.ir import Constraint, DType, Operands
from tinyc.ir.types import Array
from tinyc.ops.constraints import of_types
from tinyc.ops.elementwise import Pixelwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Lut(Pixelwise):
    """Input: x."""

    kind: ClassVar[str] = "lut"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        of_types(DType.INT8, DType.UINT8),
        Constraint("the table has 256 entries", lambda op, operands: len(op.table) == 256),
    )

    table: tuple[int, ...]

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        assert values[0] is not None
        table = np.array(self.table, np.int64).astype(operands.output.dtype.numpy)
        return (table[values[0].astype(np.int64) & 0xFF],)
