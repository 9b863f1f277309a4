"""Sums of two int8 inputs as one affine form, proven equal to TFLite's three roundings on all 65,536 pairs of inputs.

Decision: search for the form and compare it everywhere.  Because: it halves the work of an element against the exact
fixed-point steps, and 65,536 comparisons take milliseconds.  Rejected: tables of each input's scaled value, 2 KB a layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

from tinyc.ir import Operands
from tinyc.ops import Add, Sub, activation_range
from tinyc.ops.arithmetic import Integers

BYTE_VALUES = np.arange(-128, 128, dtype=np.int64)
SHIFTS = (22, 21, 20, 19)
EXCESSES = (0.0, 2.0**-22, -(2.0**-22), 2.0**-21, 2.0**-20, 2.0**-19)
NUDGES = range(-48, 49, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """(((factor_0 * (a << 8)) >> 16) + ((factor_1 * (b << 8)) >> 16) + offset) >> shift."""

    factor_0: int
    factor_1: int
    offset: int
    shift: int


@lru_cache(maxsize=256)
def affine(op: Add | Sub, operands: Operands) -> Affine | None:
    """An affine form that, clamped, equals the operator on every pair of inputs; None where none was found.

    The forms tried differ in their fractional bits.  Given the factors, each pair of inputs bounds the offset from both
    sides (from one where the output is clamped); any offset within all the bounds is exact.
    """
    expected = every_pair(op, operands)
    least, most = activation_range(op.activation, operands.output)
    for shift in SHIFTS:
        for factors in _factors(op, operands, shift):
            left, right = ((factor * (BYTE_VALUES << 8)) >> 16 for factor in factors)
            products = left[:, None] + right[None, :]
            lowest = np.where(expected > least, (expected << shift) - products, -(2**40)).max()
            highest = np.where(expected < most, ((expected + 1) << shift) - 1 - products, 2**40).min()
            offset = int(np.clip((lowest + highest) // 2, -(2**30), 2**30))
            if lowest <= offset <= highest and np.abs(products).max() + abs(offset) < 2**31:
                return Affine(factor_0=factors[0], factor_1=factors[1], offset=offset, shift=shift)
    return None


def _factors(op: Add | Sub, operands: Operands, shift: int) -> Iterator[tuple[int, int]]:
    """The real factors with `shift` fractional bits: as they are, a little larger (ties go away from zero), nudged."""
    a, b, output = operands.input(0), operands.input(1), operands.output
    sign = -1 if isinstance(op, Sub) else 1
    unit = 2.0 ** (shift + 8) / output.scale
    left, right = a.scale * unit, sign * b.scale * unit
    tried = [(round(left * (1 + excess)), round(right * (1 + excess))) for excess in EXCESSES]
    tried += [(round(left) + i, round(right) + j) for i, j in product(NUDGES, NUDGES)]
    yield from (factors for factors in tried if max(map(abs, factors)) < 2**31)


def every_pair(op: Add | Sub, operands: Operands) -> Integers:
    """The output for every value of a (rows) and b (columns)."""
    a = replace(operands.input(0), shape=(256, 1), data=None)
    b = replace(operands.input(1), shape=(1, 256), data=None)
    every = Operands(inputs=(a, b), outputs=(replace(operands.output, shape=(256, 256)),))
    values = BYTE_VALUES.astype(np.int8)
    return op.evaluate(every, (values[:, None], values[None, :]))[0].astype(np.int64)
