"""Sums of two int8 inputs as one affine form, proven equal to TFLite's three roundings on all 65,536 pairs of inputs.

Decision: search for the form and compare it everywhere.  Because: it halves the work of an element against the exact
fixed-point steps, and 65,536 comparisons take milliseconds.  Rejected: tables of each input's scaled value, 2 KB a layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from tinyc.ir import Operands
from tinyc.ops import Add, Sub, activation_range
from tinyc.ops.arithmetic import Integers

BYTE_VALUES = np.arange(-128, 128, dtype=np.int64)
SHIFTS = (22, 21, 20, 19)
# A little more than the real factors: ties go away from zero.
EXCESSES = (0.0, 2.0**-22, -(2.0**-22), 2.0**-21, 2.0**-20, 2.0**-19)
NUDGES = range(-63, 64, 3)
MARGIN = 2 * 64
FAR = 2**40
ROWS, COLUMNS = BYTE_VALUES[:, None], BYTE_VALUES[None, :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """(((factor_0 * (a << 8)) >> 16) + ((factor_1 * (b << 8)) >> 16) + offset) >> shift."""

    factor_0: int
    factor_1: int
    offset: int
    shift: int


@lru_cache(maxsize=256)
def affine(op: Add | Sub, operands: Operands) -> Affine | None:
    """An affine form that, clamped, equals the operator on every pair of inputs; None where none was found."""
    pairs = _Pairs(every_pair(op, operands), *activation_range(op.activation, operands.output))
    for shift in SHIFTS:
        a, b = _real_factors(op, operands, shift)
        for excess in EXCESSES:
            form = pairs.form(round(a * (1 + excess)), round(b * (1 + excess)), shift)
            if form is not None:
                return form
    for shift in SHIFTS:
        a, b = (round(factor) for factor in _real_factors(op, operands, shift))
        tight = pairs.tight(a, b, shift)
        for i, j in product(NUDGES, NUDGES):
            if tight.form(a + i, b + j, shift) is not None and (form := pairs.form(a + i, b + j, shift)) is not None:
                return form
    return None


def _real_factors(op: Add | Sub, operands: Operands, shift: int) -> tuple[float, float]:
    a, b, output = operands.input(0), operands.input(1), operands.output
    unit = 2.0 ** (shift + 8) / output.scale
    return a.scale * unit, b.scale * unit * (-1 if isinstance(op, Sub) else 1)


class _Pairs:
    """Pairs of inputs and the output of each, `expected`; what is `least` or `most` may be any value beyond too.

    Given the factors, each pair bounds the offset from both sides (from one where the output is clamped): any offset within
    all the bounds is exact.
    """

    def __init__(self, expected: Integers, least: int, most: int, a: Integers = ROWS, b: Integers = COLUMNS) -> None:
        self.expected, self.least, self.most, self.a, self.b = expected, least, most, a, b

    def form(self, factor_0: int, factor_1: int, shift: int) -> Affine | None:
        """The form with these factors, if some offset makes it exact and nothing overflows."""
        if max(abs(factor_0), abs(factor_1)) >= 2**31:
            return None
        products = self._products(factor_0, factor_1)
        lows, highs = self._bounds(products, shift)
        lowest, highest = int(lows.max()), int(highs.min())
        offset = min(max((lowest + highest) // 2, -(2**30)), 2**30)
        if not lowest <= offset <= highest or int(np.abs(products).max()) + abs(offset) >= 2**31:
            return None
        return Affine(factor_0=factor_0, factor_1=factor_1, offset=offset, shift=shift)

    def tight(self, factor_0: int, factor_1: int, shift: int) -> _Pairs:
        """The pairs that decide whether factors near these have an exact form."""
        lows, highs = self._bounds(self._products(factor_0, factor_1), shift)
        near = (lows > lows.max() - MARGIN) | (highs < highs.min() + MARGIN)
        a, b = np.broadcast_arrays(self.a, self.b)
        return _Pairs(self.expected[near], self.least, self.most, a[near], b[near])

    def _products(self, factor_0: int, factor_1: int) -> Integers:
        return np.asarray(((factor_0 * (self.a << 8)) >> 16) + ((factor_1 * (self.b << 8)) >> 16))

    def _bounds(self, products: Integers, shift: int) -> tuple[Integers, Integers]:
        lows = np.where(self.expected > self.least, (self.expected << shift) - products, -FAR)
        highs = np.where(self.expected < self.most, ((self.expected + 1) << shift) - 1 - products, FAR)
        return lows, highs


def every_pair(op: Add | Sub, operands: Operands) -> Integers:
    """The output for every value of a (rows) and b (columns)."""
    a = replace(operands.input(0), shape=(256, 1), data=None)
    b = replace(operands.input(1), shape=(1, 256), data=None)
    every = Operands(inputs=(a, b), outputs=(replace(operands.output, shape=(256, 256)),))
    values = BYTE_VALUES.astype(np.int8)
    return op.evaluate(every, (values[:, None], values[None, :]))[0].astype(np.int64)
