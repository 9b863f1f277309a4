"""What every operator states in its own file: attributes, constraints, shape rule, row and column rules, meaning in numpy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from tinyc.ir.types import Array, Shape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Operands:
    """The typed inputs (None where an optional one is absent) and outputs of one operation."""

    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]

    def input(self, index: int) -> Tensor:
        """Input `index`, which must be present."""
        tensor = self.inputs[index]
        assert tensor is not None, f"input {index} is absent"
        return tensor

    def optional(self, index: int) -> Tensor | None:
        """Input `index`, or None where it is absent or the operation has fewer inputs."""
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Output index r needs input indices [lo(r), hi(r)): lo = floor((a*r + lo_offset) / c), hi = floor((a*r + hi_offset) / c).

    Both may lie outside the tensor: what is outside is padding.
    """

    a: int
    lo_offset: int
    hi_offset: int
    c: int = 1

    def lo(self, index: int) -> int:
        return (self.a * index + self.lo_offset) // self.c

    def hi(self, index: int) -> int:
        return (self.a * index + self.hi_offset) // self.c

    @property
    def count(self) -> int:
        """How many indices the first output index needs, those outside the tensor included."""
        return self.hi(0) - self.lo(0)


SAME_INDEX = Window(a=1, lo_offset=0, hi_offset=1)
FIRST_ONLY = Window(a=0, lo_offset=0, hi_offset=1)


class AllRows:
    """Every output row needs the whole input."""

    def __repr__(self) -> str:
        return "all rows"


ALL_ROWS = AllRows()
RowRule = Window | AllRows


@dataclass(frozen=True, slots=True)
class Constraint:
    """A supported-case predicate; its sentence is at once the error message and the row in `tinyc ops`.

    `found` says what the model has instead, for the error.
    """

    sentence: str
    holds: Callable[[Any, Operands], bool]
    found: Callable[[Any, Operands], str] = lambda op, operands: ""


class Op(ABC):
    """The attributes of one operator, as a frozen dataclass, and everything that is true of it whatever the target."""

    __slots__ = ()

    kind: ClassVar[str]
    """The name in text form, reports and the kernel catalogue: `conv2d`."""

    constraints: ClassVar[tuple[Constraint, ...]] = ()

    kept_rows: ClassVar[int | None] = None
    """How many output rows exist at once, where the operator makes row r from its own row r - 1 and so must run upwards."""

    @abstractmethod
    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        """The shapes the operator gives on these inputs; ValueError with one sentence where they contradict each other."""

    @abstractmethod
    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        """The meaning, bit for bit: input arrays (shapes and dtypes of `operands.inputs`) to output arrays."""

    def activations(self, operands: Operands) -> tuple[int, ...]:
        """The inputs that a kernel is fed row by row; the others (weights, biases) are packed at compile time."""
        return tuple(index for index, tensor in enumerate(operands.inputs) if tensor is not None)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        """The rows (`Tensor.hwc`) of input `index` that an output row needs."""
        return ALL_ROWS

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        """The columns of input `index` that an output column needs."""
        return ALL_ROWS

    def macs(self, operands: Operands) -> int:
        """Multiply-accumulates of one evaluation."""
        return 0

    def repeated_macs(self, operands: Operands) -> int:
        """Multiply-accumulates that a kernel computes more than once, beyond `macs`."""
        return 0
