"""When buffers hold something of use: ranges of ticks, and the sets of buffers that do so at once.

What a region makes and reads a row at a time is of use for a few ticks, again and again; buffers of which never two are of use at once
can have the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Lives = tuple[tuple[int, int], ...]
"""Ticks first to last, both included; ascending and apart."""


class Moment(NamedTuple):
    """A set of buffers that are of use at once: together so many bytes, the first such tick, the buffers' indices as bits."""

    bytes: int
    tick: int
    members: int


def joined(spans: Iterable[tuple[int, int]]) -> Lives:
    """Spans in ascending order as lives: those that touch become one."""
    lives: list[tuple[int, int]] = []
    for first, last in spans:
        if lives and first <= lives[-1][1] + 1:
            lives[-1] = lives[-1][0], max(last, lives[-1][1])
        else:
            lives.append((first, last))
    return tuple(lives)


def shifted(lives: Lives, by: int) -> Lives:
    """The same lives so many ticks later."""
    return tuple((first + by, last + by) for first, last in lives)


def within(lives: Lives, low: int, high: int) -> Lives:
    """The part of the lives from tick `low` to `high`."""
    return tuple((max(first, low), min(last, high)) for first, last in lives if first <= high and low <= last)


def moments(lives: Sequence[Lives], sizes: Sequence[int]) -> list[Moment]:
    """Every set that is of use at once when one of it begins, the fullest first; a set that comes again is given once."""
    changes: dict[int, tuple[int, int]] = {}
    for index, each in enumerate(lives):
        bit = 1 << index
        for first, last in each:
            ends, begins = changes.get(first, (0, 0))
            changes[first] = ends, begins | bit
            ends, begins = changes.get(last + 1, (0, 0))
            changes[last + 1] = ends | bit, begins
    found: dict[int, Moment] = {}
    now = total = 0
    for tick in sorted(changes):
        ends, begins = changes[tick]
        total += _sum(begins, sizes) - _sum(ends, sizes)
        now = now & ~ends | begins
        if begins and now not in found:
            found[now] = Moment(total, tick, now)
    return sorted(found.values(), reverse=True)


def members_of(bits: int) -> list[int]:
    """The indices of a set, ascending."""
    return [index for index in range(bits.bit_length()) if bits >> index & 1]


def _sum(bits: int, sizes: Sequence[int]) -> int:
    total = 0
    while bits:
        low = bits & -bits
        total += sizes[low.bit_length() - 1]
        bits ^= low
    return total
