"""Numbers as C literals that read back to the same bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyc.ir.types import Array

LINE = 120


def c_integer(value: int) -> str:
    """An integer literal; the most negative int32 has none of its own in C."""
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def c_float(value: float) -> str:
    """A float32 literal: the shortest decimal that reads back to the same float32."""
    text = str(np.float32(value))
    return f"{text}f" if set(text) & set(".e") else f"{text}.0f"


def scalar_macro(value: float) -> str:
    """A float literal in a macro, in parentheses where it is negative."""
    literal = c_float(value)
    return f"({literal})" if literal.startswith("-") else literal


def array_rows(data: Array) -> Iterator[str]:
    """The initializer of an array, a line at a time: elements (1-D), or a struct in braces each (2-D)."""
    if data.dtype.kind == "f":
        items = (c_float(float(value)) for value in data.reshape(-1))
    elif data.ndim == 1:
        items = (c_integer(int(value)) for value in data)
    else:
        items = ("{" + ", ".join(c_integer(int(value)) for value in row) + "}" for row in data)
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > LINE - 4:
            yield line.rstrip()
            line = ""
        line += f"{item}, "
    if line:
        yield line.rstrip()
