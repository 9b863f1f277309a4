"""The fixed-point arithmetic against its definition in rational numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from models import tensor

from tinyc.ops import Activation, activation_range
from tinyc.ops.arithmetic import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
    wrap_int32,
)
from tinyc.ops.fixed_point import exp_on_negative_values, logistic, one_over_one_plus_x, reciprocal

int32 = st.integers(INT32_MIN, INT32_MAX)


@given(int32, int32)
@example(INT32_MIN, INT32_MIN)
@example(1 << 30, -1)
@example(1 << 30, 1)
def test_high_mul_rounds_to_nearest_with_halves_upwards(a: int, b: int) -> None:
    exact = math.floor(Fraction(a * b, 2**31) + Fraction(1, 2))
    assert int(saturating_rounding_doubling_high_mul(a, b)) == min(exact, INT32_MAX)


@given(int32, st.integers(0, 31))
@example(-3, 1)
@example(3, 1)
def test_divide_by_pot_rounds_to_nearest_with_halves_away_from_zero(x: int, exponent: int) -> None:
    magnitude = math.floor(Fraction(abs(x), 2**exponent) + Fraction(1, 2))
    assert int(rounding_divide_by_pot(x, exponent)) == (magnitude if x >= 0 else -magnitude)


@given(int32, int32)
def test_wrapping_is_twos_complement(a: int, b: int) -> None:
    assert int(wrap_int32(np.int64(a + b))) == int(np.array(a + b, np.int64).astype(np.int32))


@given(st.floats(1e-9, 1e9))
@example(1.0)
@example(0.5)
@example(math.nextafter(1.0, 0.0))
def test_a_quantized_multiplier_is_the_nearest_of_31_bits(real: float) -> None:
    mantissa, shift = quantize_multiplier(real)
    assert 2**30 <= mantissa <= INT32_MAX
    assert abs(Fraction(mantissa) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(2) ** (shift - 32)


def test_multipliers_at_the_ends() -> None:
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(1.0) == (2**30, 1)
    assert quantize_multiplier(2.0**-33) == (0, 0)
    assert quantize_multiplier(2.0**-32) == (2**30, -31)


@given(st.integers(-(2**20), 2**20), st.floats(1e-6, 100.0))
def test_multiplying_is_within_one_of_the_product(x: int, real: float) -> None:
    mantissa, shift = quantize_multiplier(real)
    assert abs(int(multiply_by_quantized_multiplier(x, mantissa, shift)) - x * real) <= 1.0


def test_double_rounding_differs_from_single_rounding() -> None:
    """Both at the ties that the first step makes or hides, and nowhere else."""
    mantissa, shift = quantize_multiplier(0.3)
    x = np.arange(-100000, 100000)
    twice = multiply_by_quantized_multiplier(x, mantissa, shift)
    once = (x * mantissa + (1 << (30 - shift))) >> (31 - shift)
    assert 0 < np.count_nonzero(twice != once) < 100000


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=50))
def test_the_reciprocal_of_one_plus_x(raw: list[int]) -> None:
    x = np.array(raw, np.int64)
    assert np.abs(one_over_one_plus_x(x) / 2**31 - 1 / (1 + x / 2**31)).max() < 1e-8


@given(st.lists(st.integers(1 << 7, 2**31 - 1), min_size=1, max_size=50))
def test_the_reciprocal_of_a_sum(raw: list[int]) -> None:
    x = np.array(raw, np.int64)
    value, bits = reciprocal(x, 12)
    assert np.allclose(value / 2.0**31 * 2.0**-bits, 1 / (x / 2.0**19), rtol=1e-8, atol=0)


@pytest.mark.parametrize("integer_bits", [4, 5])
def test_exp_and_logistic_are_close_to_the_real_functions(integer_bits: int) -> None:
    raw = -np.random.default_rng(0).integers(0, 2**31, 10000)
    raw[:3] = (0, -1, -(2**31) + 1)
    real = raw / 2.0 ** (31 - integer_bits)
    assert np.abs(exp_on_negative_values(raw, integer_bits) / 2.0**31 - np.exp(real)).max() < 2e-6
    for sign in (1, -1):
        assert np.abs(logistic(sign * raw, integer_bits) / 2.0**31 - 1 / (1 + np.exp(-sign * real))).max() < 2e-6


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (Activation.NONE, (-128, 127)),
        (Activation.RELU, (-10, 127)),
        (Activation.RELU6, (-10, 14)),
        (Activation.RELU_N1_TO_1, (-14, -6)),
    ],
)
def test_activation_range(activation: Activation, expected: tuple[int, int]) -> None:
    assert activation_range(activation, tensor("y", 1, scale=0.25, zero=-10)) == expected


def test_activation_range_rounds_halves_away_from_zero_and_stays_in_the_type() -> None:
    assert activation_range(Activation.RELU_N1_TO_1, tensor("y", 1, scale=0.4, zero=0)) == (-3, 3)
    assert activation_range(Activation.RELU6, tensor("y", 1, scale=0.01, zero=120)) == (120, 127)
