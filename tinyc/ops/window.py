"""Windows that slide over an image: their output size, and the rows or columns that one output index needs."""

from __future__ import annotations

from tinyc.ir import Window
from tinyc.ir.types import Shape, Tensor


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
