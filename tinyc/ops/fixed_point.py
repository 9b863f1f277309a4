"""exp, 1 / (1 + x) and the logistic function in gemmlowp's 32-bit fixed point, on int64 arrays of raw values.

A Qm.n value is its raw integer divided by 2^n, n = 31 - m.  Constants are correctly rounded from their real values.
"""

from __future__ import annotations

import math

import numpy as np

from tinyc.ops.arithmetic import (
    INT32_MAX,
    Integers,
    round_half_away,
    rounding_divide_by_pot,
    saturating_shift_left,
)
from tinyc.ops.arithmetic import (
    saturating_rounding_doubling_high_mul as product,
)

ONE = INT32_MAX
"""The value nearest to one in Q0.31."""


def constant(real: float, integer_bits: int = 0) -> int:
    """`real` in Q`integer_bits`."""
    return round_half_away(real * 2.0 ** (31 - integer_bits))


def exp_on_negative_values(x: Integers, integer_bits: int) -> Integers:
    """exp(x) in Q0.31 for x <= 0 in Q`integer_bits` (up to 5): a series on [-1/4, 0), then a factor for each further bit."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    below_quarter = (x & (quarter - 1)) - quarter
    result = _exp_on_last_quarter(below_quarter << integer_bits)
    rest = below_quarter - x
    for exponent in range(-2, integer_bits):
        factor = constant(math.exp(-(2.0**exponent)))
        result = np.where(rest & (1 << (fraction_bits + exponent)), product(result, factor), result)
    return np.where(x == 0, ONE, result)


def _exp_on_last_quarter(x: Integers) -> Integers:
    """exp(x) in Q0.31 for x in [-1/4, 0): four terms around -1/8."""
    t = x + (1 << 28)
    t2 = product(t, t)
    t3, t4 = product(t2, t), product(t2, t2)
    higher = product(rounding_divide_by_pot(t4, 2) + t3, constant(1 / 3)) + t2
    center = constant(math.exp(-1 / 8))
    return center + product(center, t + rounding_divide_by_pot(higher, 1))


def one_over_one_plus_x(x: Integers) -> Integers:
    """1 / (1 + x) in Q0.31 for x in [0, 1] in Q0.31: Newton-Raphson in Q2.29 on the halved denominator."""
    half_denominator = (x + ONE + 1) >> 1
    estimate = constant(48 / 17, 2) + product(half_denominator, constant(-32 / 17, 2))
    for _ in range(3):
        error = constant(1.0, 2) - product(half_denominator, estimate)
        estimate = estimate + saturating_shift_left(product(estimate, error), 2)
    return saturating_shift_left(estimate, 1)


def logistic(x: Integers, integer_bits: int) -> Integers:
    """1 / (1 + exp(-x)) in Q0.31 for x in Q`integer_bits`."""
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(x), integer_bits))
    return np.where(x == 0, constant(0.5), np.where(x > 0, positive, ONE - positive))


def reciprocal(x: Integers, integer_bits: int) -> tuple[Integers, Integers]:
    """(r, bits) with 1 / x = r * 2^-bits, r in Q0.31 in (1/2, 1], for x >= 2^-12 in Q`integer_bits`."""
    leading_zeros = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
    normalized = (x << leading_zeros) - 2**31
    return one_over_one_plus_x(normalized), integer_bits - leading_zeros
