"""Verify that a FlatBuffers file keeps to a schema: every offset, length and field lies inside the file.

The Python runtime of FlatBuffers follows offsets without looking; what passes here can be read with generated accessors
safely, in time and memory proportional to the file.  Source: the FlatBuffers binary format ("internals") page.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_OFFSET = 4
_LEAST_VTABLE = 4


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number of so many bytes, stored in the table itself."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of numbers of so many bytes each."""

    element_bytes: int


@dataclass(frozen=True, slots=True)
class String:
    """Text: a length, bytes, and a null."""


@dataclass(frozen=True, slots=True)
class Child:
    """Another table."""

    layout: Layout


@dataclass(frozen=True, slots=True)
class Tables:
    """A vector of tables."""

    layout: Layout


@dataclass(frozen=True, slots=True)
class Union:
    """A table whose layout the field before (a one-byte tag) chooses; tables of other tags are never read."""

    choices: Mapping[int, Layout]


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that is never followed: either without influence, or its mere presence is refused."""


Kind = Scalar | Vector | String | Child | Tables | Union | Unread


@dataclass(frozen=True, slots=True)
class Layout:
    """A table: `fields` by the name of their accessor, in the order of their slots."""

    name: str
    fields: Mapping[str, Kind]


class Damaged(ValueError):
    """The bytes contradict the format; the message says where."""


def verify(data: bytes, root: Layout, *, identifier: bytes) -> None:
    """Nothing, or Damaged: `data` is a tree of tables as `root` describes it."""
    if len(data) < _OFFSET + len(identifier):
        raise Damaged(f"it has {len(data)} bytes, too few for a header")
    if data[_OFFSET : _OFFSET + len(identifier)] != identifier:
        raise Damaged(f"its identifier is {data[4:8]!r}, not {identifier!r}")
    verifier = _Verifier(data)
    verifier.table(verifier.follow(0, root.name), root)


class _Verifier:
    """Walks the tables and counts the bytes of vectors that it visits: overlaps cannot make a small file endless."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = 2 * len(data) + 1024
        self.vtables: dict[tuple[int, str], tuple[int, tuple[int, ...]]] = {}

    def table(self, at: int, layout: Layout) -> None:
        """The table at `at` and everything below it."""
        slots = self.slots(at, layout)
        tag = 0
        for (name, kind), slot in zip(layout.fields.items(), slots, strict=False):
            if slot:
                self.field(at + slot, f"{layout.name}.{name}", kind, tag)
            tag = self.data[at + slot] if slot and kind == Scalar(1) else 0

    def slots(self, at: int, layout: Layout) -> tuple[int, ...]:
        """The place of every field of the table at `at`, relative to it; 0 where it is absent."""
        self.within(at, _OFFSET, layout.name)
        vtable = at - struct.unpack_from("<i", self.data, at)[0]
        key = vtable, layout.name
        if key not in self.vtables:
            self.vtables[key] = self.vtable(vtable, layout)
        table_bytes, slots = self.vtables[key]
        self.within(at, table_bytes, layout.name)
        return slots

    def vtable(self, at: int, layout: Layout) -> tuple[int, tuple[int, ...]]:
        """The size of the tables that have the vtable at `at`, and the places of their fields."""
        where = f"{layout.name}'s vtable"
        self.within(at, _LEAST_VTABLE, where)
        vtable_bytes, table_bytes = struct.unpack_from("<HH", self.data, at)
        if vtable_bytes < _LEAST_VTABLE or vtable_bytes % 2 or table_bytes < _OFFSET:
            raise Damaged(f"{where} contradicts itself")
        self.within(at, vtable_bytes, where)
        slots = struct.unpack_from(f"<{vtable_bytes // 2 - 2}H", self.data, at + _LEAST_VTABLE)
        if any(slots[len(layout.fields) :]):
            raise Damaged(f"{layout.name} has fields newer than the schema that is understood")
        for (name, kind), slot in zip(layout.fields.items(), slots, strict=False):
            size = kind.bytes if isinstance(kind, Scalar) else 1 if isinstance(kind, Unread) else _OFFSET
            if slot and not _OFFSET <= slot <= table_bytes - size:
                raise Damaged(f"{layout.name}.{name} lies outside its table")
        return table_bytes, slots[: len(layout.fields)]

    def field(self, at: int, where: str, kind: Kind, tag: int) -> None:
        """What the field at `at` refers to."""
        if isinstance(kind, Scalar | Unread):
            return
        target = self.follow(at, where)
        if isinstance(kind, Child):
            self.table(target, kind.layout)
        elif isinstance(kind, Union):
            self.table(target, kind.choices[tag]) if tag in kind.choices else self.within(target, _OFFSET, where)
        elif isinstance(kind, Tables):
            for entry in self.vector(target, _OFFSET, where):
                self.table(self.follow(entry, where), kind.layout)
        elif isinstance(kind, Vector):
            self.vector(target, kind.element_bytes, where)
        else:
            self.within(self.vector(target, 1, where).stop, 1, where)

    def vector(self, at: int, element_bytes: int, where: str) -> range:
        """The places of the elements of the vector at `at`."""
        self.within(at, _OFFSET, where)
        count = struct.unpack_from("<I", self.data, at)[0]
        start = at + _OFFSET
        self.within(start, count * element_bytes, where)
        self.spend(count * element_bytes)
        return range(start, start + count * element_bytes, element_bytes)

    def follow(self, at: int, where: str) -> int:
        """Where the offset stored at `at` points."""
        self.within(at, _OFFSET, where)
        distance: int = struct.unpack_from("<I", self.data, at)[0]
        if distance < _OFFSET:
            raise Damaged(f"{where} points at itself")
        self.within(at + distance, _OFFSET, where)
        return at + distance

    def within(self, at: int, size: int, where: str) -> None:
        if at < 0 or at + size > len(self.data):
            raise Damaged(f"{where} needs bytes {at} to {at + size}, the file has {len(self.data)}")

    def spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise Damaged("its tables overlap")
