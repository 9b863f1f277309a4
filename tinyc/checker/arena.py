"""The shadow of an arena: for every byte, which value is there and which call put it there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinyc.checker.values import NOTHING, Ids


@dataclass(frozen=True, slots=True)
class Span:
    """`pixels` runs of `pixel_bytes`, each `stride` above the one before, from `start` on; made by `of`."""

    start: int
    pixels: int
    pixel_bytes: int
    stride: int

    @staticmethod
    def of(start: int, pixels: int, pixel_bytes: int, stride: int) -> Span:
        """In the one form for what is the same: a run without gaps is one pixel."""
        if pixels == 1 or stride == pixel_bytes:
            return Span(start, 1, pixels * pixel_bytes, 0)
        return Span(start, pixels, pixel_bytes, stride)

    @property
    def end(self) -> int:
        return self.start + (self.pixels - 1) * self.stride + self.pixel_bytes

    def meets(self, other: Span) -> bool:
        """Whether some byte is in both."""
        if self.end <= other.start or other.end <= self.start:
            return False
        if self.pixels == 1 and other.pixels == 1:
            return True
        return bool(np.intersect1d(self.bytes(), other.bytes()).size)

    def bytes(self) -> Ids:
        """Every address, in order."""
        runs = self.start + self.stride * np.arange(self.pixels, dtype=np.int32)
        return (runs[:, None] + np.arange(self.pixel_bytes, dtype=np.int32)).reshape(-1)


class Arena:
    """`size` bytes that hold nothing yet."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.values: Ids = np.full(size, NOTHING, np.int32)
        self.writers: Ids = np.full(size, NOTHING, np.int32)

    def holds(self, span: Span) -> bool:
        """Whether the span lies within."""
        return span.start >= 0 and span.end <= self.size

    def read(self, span: Span) -> Ids:
        """The values there, pixel by pixel; a view."""
        return _window(self.values, span)

    def write(self, span: Span, ids: Ids | int, *, by: int) -> None:
        """Put values there; `by` is the call."""
        _window(self.values, span)[...] = ids
        _window(self.writers, span)[...] = by


def _window(array: Ids, span: Span) -> Ids:
    if span.pixels == 1:
        return array[span.start : span.end].reshape(1, -1)
    return as_strided(
        array[span.start : span.end],
        (span.pixels, span.pixel_bytes),
        (span.stride * array.itemsize, array.itemsize),
    )
