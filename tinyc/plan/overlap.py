"""How far an output may reach over an input that dies as it is read.

Rows are written one after the other.  Ascending, row r may be written once every row below lo(r) is dead, so the output must start at
least D below the input's start, D = max over r of ((r + 1) * output_row - max(lo(r), 0) * input_row).  Descending is the mirror image: the
output must end at least D above the input's end.  Source: design.md section 5, after vMCU.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyc.ir import Op, Operands, Window
from tinyc.kernels.contract import Extent, Kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Bytes by which an output written row by row must precede (ascending) or exceed (descending) its dying input.

    None where the rows are not made in that direction.
    """

    ascending: int | None
    descending: int | None


def distance(kernel: Kernel, op: Op, operands: Operands, index: int) -> Distance | None:
    """The distance to input `index`, both tensors contiguous; None where the two must be disjoint.

    D may be negative.  A kernel that works in place goes upwards byte by byte, so ascending it steps by the byte.  What a kernel over-reads
    it does not use, so it does not count here.
    """
    source, target = operands.input(index), operands.output
    rule = op.row_rule(operands, index)
    if kernel.extent is Extent.WHOLE or not isinstance(rule, Window):
        return None
    rows_in, rows_out = source.hwc[0], target.hwc[0]
    row_in, row_out = source.bytes // rows_in, target.bytes // rows_out
    by_byte = kernel.in_place and source.bytes == target.bytes and source.hwc == target.hwc
    ascending = max((r + 1) * row_out - min(max(rule.lo(r), 0), rows_in) * row_in for r in range(rows_out))
    descending = max(
        (rows_out - r) * row_out - (rows_in - max(min(rule.hi(r), rows_in), 0)) * row_in for r in range(rows_out)
    )
    return Distance(ascending=0 if by_byte else ascending, descending=descending)
