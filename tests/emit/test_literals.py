"""Numbers in C read back to the same bits."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyc.emit.literals import LINE, array_rows, c_float, c_integer, scalar_macro


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_round_trip(value: float) -> None:
    literal = c_float(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?f", literal)
    assert "." in literal or "e" in literal, "without a point or an exponent, f is no suffix"
    assert np.float32(literal[:-1]).tobytes() == np.float32(value).tobytes()
    assert scalar_macro(value).strip("()") == literal


@given(st.integers(-(2**31), 2**31 - 1))
def test_integers_round_trip(value: int) -> None:
    literal = c_integer(value)
    assert eval(literal) == value
    assert "2147483648" not in literal, "that is no int in C"


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=60))
def test_arrays_keep_their_elements_and_stay_narrow(values: list[int]) -> None:
    rows = list(array_rows(np.array(values, np.int32)))
    assert all(len(row) <= LINE for row in rows)
    assert eval(f"[{' '.join(rows)}]") == values


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_structs_are_in_braces(dtype: type[np.generic]) -> None:
    rows = list(array_rows(np.array([[1, -2, 3], [4, 5, 6]], dtype)))
    assert rows == ["{1, -2, 3}, {4, 5, 6},"]
