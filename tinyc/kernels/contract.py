"""A row of the kernel catalogue: what one C row kernel accepts, needs and costs, and how its constants are packed.

The C side of the contract is in `codegen/kernels/tinyc_kernel.h`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tinyc.ir import Op, Operands
from tinyc.ir.types import Array


class Isa(Enum):
    """An instruction set; its value is the folder below `codegen/kernels/`."""

    SCALAR = "scalar"
    DSP = "dsp"
    MVE = "mve"


class Extent(Enum):
    """What one call of a kernel writes."""

    ROW = "one output row, or the columns [x0, x1) of it"
    LONG_ROW = "as ROW, and a tensor whose rows are contiguous may be passed as one row of H*W columns"
    WHOLE = "the whole output; in[] are the first bytes of whole contiguous inputs"


class PaddingRows(Enum):
    """What a kernel is given for an input row that lies outside the tensor."""

    ABSENT = "a null pointer"
    ZERO_POINT = "a constant row of zero points"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strides:
    """Bytes from one pixel to the next: of each activation input, and of the output."""

    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CArray:
    """A constant of the generated program: `data` holds the elements (1-D), or one row per struct (2-D, fields in order)."""

    c_type: str
    data: Array = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A kernel's parameter struct for one layer: every field is an integer or the constant array that it points to."""

    fields: Mapping[str, int | CArray]


def contiguous(operands: Operands, activations: tuple[int, ...]) -> Strides:
    """The strides of tensors whose pixels lie side by side."""
    return Strides(
        inputs=tuple(operands.input(index).hwc[2] * operands.input(index).dtype.bytes for index in activations),
        output=operands.output.hwc[2] * operands.output.dtype.bytes,
    )


def no_scratch(op: Op, operands: Operands) -> int:
    """Of kernels that take no `scratch` argument."""
    return 0


USUAL_STACK = 372
"""Bytes of stack that every plan has room for in a kernel, below the schedule that calls it; only kernels that go deeper say how deep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One row of the catalogue.

    `name` is the C function, `struct` its parameter type, `header` the file below `codegen/kernels/` that defines both.
    `cost` predicts the executed instructions of one whole layer, which the catalogue corrects by what was counted.  `over_read` is how
    many bytes past the end of its last input pixel a call may read.  `scratch` is in bytes, aligned by 4.  `stack` bounds the bytes
    that a call takes of the stack, the frames of all functions that it is in at once.
    """

    name: str
    isa: Isa
    op: type[Op]
    header: str
    struct: str
    accepts: Callable[[Op, Operands], bool]
    bind: Callable[[Op, Operands, Strides], Bound]
    cost: Callable[[Op, Operands], int]
    extent: Extent = Extent.ROW
    padding_rows: PaddingRows = PaddingRows.ABSENT
    in_place: bool = False
    """Every output byte depends on the input bytes at the same place only, and they are read before it is written."""
    strided_input: bool = True
    strided_output: bool = True
    over_read: int = 0
    scratch: Callable[[Op, Operands], int] = no_scratch
    stack: int = USUAL_STACK
    compact: Kernel | None = None
    """The same kernel with constants that take less flash and a few instructions more; it needs no more scratch."""
    outlined: bool = False
    """A copy of its own for each layer takes no more code than one for all: its loops are functions of their own, which layers share
    without being told, or known constants leave little of it."""
