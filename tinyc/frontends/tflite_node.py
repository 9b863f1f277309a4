"""One operator of a TFLite file while it is imported: its tensors, known inputs, and options of which none may be missed."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tflite

from tinyc.frontends.flatbuffer import Layout, Vector
from tinyc.frontends.tflite_schema import options_tag
from tinyc.frontends.tflite_tensors import Refused
from tinyc.ir import DType, Tensor
from tinyc.ir.types import Array

_EMPTY_TABLE = struct.pack("<HHi", 4, 4, 4)


class Options:
    """The options table of an operator, or the schema's defaults where it has none; remembers what was taken."""

    def __init__(self, operator: Any, layout: Layout | None) -> None:
        found, table = operator.BuiltinOptionsType(), operator.BuiltinOptions()
        if found and (layout is None or found != options_tag(layout)):
            raise Refused(f"has options of another operator (type {found})")
        self._fields = {} if layout is None else layout.fields
        self._name = "options" if layout is None else layout.name
        self._defaults = _open(layout, _EMPTY_TABLE, 4)
        self._table = self._defaults if table is None or not found else _open(layout, table.Bytes, table.Pos)
        self._taken: set[str] = set()

    def integer(self, name: str) -> int:
        return int(self._take(name))

    def flag(self, name: str) -> bool:
        return bool(self._take(name))

    def number(self, name: str) -> float:
        return float(self._take(name))

    def integers(self, name: str) -> tuple[int, ...]:
        """A vector of integers; () where it is absent."""
        self._taken.add(name)
        if not getattr(self._table, f"{name}Length")():
            return ()
        return tuple(int(value) for value in getattr(self._table, f"{name}AsNumpy")())

    def without_influence(self, name: str) -> None:
        """Take note of a field whose value changes nothing for the operands that are supported."""
        self._take(name)

    def refuse_the_rest(self) -> None:
        """Refused where a field that nobody took differs from its default."""
        for name in self._fields.keys() - self._taken:
            if self._value(self._table, name) != self._value(self._defaults, name):
                raise Refused(f"sets {self._name}.{name}, which is not supported")

    def _take(self, name: str) -> Any:
        self._taken.add(name)
        return getattr(self._table, name)()

    def _value(self, table: Any, name: str) -> Any:
        return getattr(table, f"{name}Length" if isinstance(self._fields[name], Vector) else name)()


def _open(layout: Layout | None, data: bytes, at: int) -> Any:
    if layout is None:
        return None
    table = getattr(tflite, layout.name)()
    table.Init(data, at)
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An operator with checked operands.  `known` holds the inputs (by position) whose values are known at import."""

    kind: str
    inputs: tuple[Tensor | None, ...]
    output: Tensor
    options: Options
    known: Mapping[int, Array] = field(default_factory=dict)

    def input(self, index: int) -> Tensor:
        """Input `index`, or Refused where it is absent."""
        tensor = self.inputs[index] if index < len(self.inputs) else None
        if tensor is None:
            raise Refused(f"lacks input {index}")
        return tensor

    def optional(self, index: int) -> Tensor | None:
        """Input `index`, or None where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else None

    def integers(self, index: int, meaning: str) -> tuple[int, ...]:
        """The values of an integer input that must be known: `meaning` is its name in the error."""
        tensor = self.input(index)
        if tensor.dtype not in (DType.INT32, DType.INT64):
            raise Refused(f"has {meaning} of type {tensor.dtype.value}, not int32 or int64")
        if index not in self.known:
            raise Refused(f"has {meaning} that are computed at run time, which is not supported")
        return tuple(int(value) for value in self.known[index].reshape(-1))

    def axis(self, stored: int, rank: int) -> int:
        """An axis counted from the front, or Refused."""
        if not -rank <= stored < rank:
            raise Refused(f"has axis {stored} for {rank} dimensions")
        return stored % rank
