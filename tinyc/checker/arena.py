"""The shadow of all banks: for every byte, which value is there and which call put it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinyc.checker.values import NOTHING, Ids


@dataclass(frozen=True, slots=True)
class Span:
    """`pixels` runs of `pixel_bytes`, each `stride` above the one before, from `start` of a bank on; made by `of`."""

    bank: str
    start: int
    pixels: int
    pixel_bytes: int
    stride: int

    @staticmethod
    def of(bank: str, start: int, pixels: int, pixel_bytes: int, stride: int) -> Span:
        """In the one form for what is the same: a run without gaps is one pixel."""
        if pixels == 1 or stride == pixel_bytes:
            return Span(bank, start, 1, pixels * pixel_bytes, 0)
        return Span(bank, start, pixels, pixel_bytes, stride)

    @property
    def end(self) -> int:
        return self.start + (self.pixels - 1) * self.stride + self.pixel_bytes

    def meets(self, other: Span) -> bool:
        """Whether some byte is in both."""
        if self.bank != other.bank or self.end <= other.start or other.end <= self.start:
            return False
        if self.pixels == 1 and other.pixels == 1:
            return True
        return bool(np.intersect1d(self.bytes(), other.bytes()).size)

    def bytes(self) -> Ids:
        """Every address within the bank, in order."""
        runs = self.start + self.stride * np.arange(self.pixels, dtype=np.int32)
        return (runs[:, None] + np.arange(self.pixel_bytes, dtype=np.int32)).reshape(-1)


class Arena:
    """Banks of so many bytes that hold nothing yet."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.values: dict[str, Ids] = {bank: np.full(size, NOTHING, np.int32) for bank, size in sizes.items()}
        self.writers: dict[str, Ids] = {bank: np.full(size, NOTHING, np.int32) for bank, size in sizes.items()}

    @property
    def size(self) -> int:
        """Of all banks together."""
        return sum(self.sizes.values())

    def holds(self, span: Span) -> bool:
        """Whether the span lies within its bank."""
        return span.start >= 0 and span.end <= self.sizes[span.bank]

    def read(self, span: Span) -> Ids:
        """The values there, pixel by pixel; a view."""
        return _window(self.values[span.bank], span)

    def oldest(self, span: Span) -> int:
        """The first of the calls that put there what is there."""
        return int(_window(self.writers[span.bank], span).min())

    def write(self, span: Span, ids: Ids | int, *, by: int) -> None:
        """Put values there; `by` is the call."""
        _window(self.values[span.bank], span)[...] = ids
        _window(self.writers[span.bank], span)[...] = by


def _window(array: Ids, span: Span) -> Ids:
    if span.pixels == 1:
        return array[span.start : span.end].reshape(1, -1)
    return as_strided(
        array[span.start : span.end],
        (span.pixels, span.pixel_bytes),
        (span.stride * array.itemsize, array.itemsize),
    )
