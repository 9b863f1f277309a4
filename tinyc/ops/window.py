"""Windows that slide over an image: their output size, the rows or columns that one output index needs, their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyc.ir import Window
from tinyc.ir.types import Shape, Tensor
from tinyc.ops.attributes import Padding

Pixels = npt.NDArray[Any]
Taps = Iterator[tuple[int, int, Pixels]]


def sliding(size: int, *, stride: int, dilation: int = 1, before: int = 0) -> Window:
    """The input indices under a window of `size` taps for one output index."""
    return Window(a=stride, lo_offset=-before, hi_offset=dilation * (size - 1) + 1 - before)


def output_size(extent: int, size: int, *, stride: int, dilation: int = 1, before: int = 0, after: int = 0) -> int:
    """How many windows fit; ValueError where none does."""
    room = before + extent + after - (dilation * (size - 1) + 1)
    if room < 0:
        raise ValueError(f"a window of {size} taps does not fit an extent of {extent}")
    return room // stride + 1


def image_shape(tensor: Tensor | None) -> tuple[int, int, int, int]:
    """(N, H, W, C) of an image; ValueError for other ranks."""
    shape: Shape = () if tensor is None else tensor.shape
    if len(shape) != 4:
        raise ValueError(f"an image has rank 4, the input has shape {shape}")
    return shape[0], shape[1], shape[2], shape[3]


def taps(
    image: Pixels,
    *,
    size: tuple[int, int],
    output: tuple[int, int],
    stride: tuple[int, int],
    padding: Padding,
    dilation: tuple[int, int] = (1, 1),
    fill: int = 0,
) -> Taps:
    """For every tap (row, column), the pixels that all output pixels see under it; `fill` where they are outside."""
    around = ((0, 0), (padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
    padded = np.pad(image, around, constant_values=fill)
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = row * dilation[0], column * dilation[1]
            bottom, right = y + (output[0] - 1) * stride[0] + 1, x + (output[1] - 1) * stride[1] + 1
            yield row, column, padded[:, y : bottom : stride[0], x : right : stride[1], :]
