"""The fixed-point arithmetic of TensorFlow Lite in numpy: integer in, integer out, int64 inside.

Source: gemmlowp's fixed-point definitions and the TensorFlow Lite 8-bit quantization specification.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def round_half_away(real: float) -> int:
    """The nearest integer, halves away from zero."""
    return math.floor(real + 0.5) if real >= 0 else math.ceil(real - 0.5)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(mantissa, shift) with real = mantissa * 2^(shift - 31); a positive real has its mantissa in [2^30, 2^31)."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = round_half_away(fraction * 2**31)
    if mantissa == 2**31:
        mantissa, shift = mantissa // 2, shift + 1
    return (0, 0) if shift < -31 else (mantissa, shift)


def saturating_rounding_doubling_high_mul(a: Integers | int, b: Integers | int) -> Integers:
    """floor((a*b + 2^30) / 2^31): the product's high half, rounded to nearest; -2^31 * -2^31 saturates."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + 2**30) >> 31, INT32_MAX)


def rounding_divide_by_pot(x: Integers | int, exponent: Integers | int) -> Integers:
    """x / 2^exponent rounded to nearest, halves away from zero."""
    x, power = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << power) - 1
    return (x >> power) + ((x & mask) > (mask >> 1) + (x < 0))


def multiply_by_quantized_multiplier(x: Integers | int, mantissa: Integers | int, shift: Integers | int) -> Integers:
    """x * mantissa * 2^(shift - 31) rounded twice (gemmlowp): the high product, then the right shift."""
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    shifted = wrap_int32(np.asarray(x, np.int64) << left)
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, mantissa), right)


def saturating_shift_left(x: Integers, bits: int) -> Integers:
    """x * 2^bits, saturating as a 32-bit register."""
    return np.clip(x << bits, INT32_MIN, INT32_MAX)


def wrap_int32(x: Integers) -> Integers:
    """x as a 32-bit two's complement register holds it."""
    return ((np.asarray(x, np.int64) + 2**31) & (2**32 - 1)) - 2**31
