"""Pools and means against the witnesses."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tflite
from models import constant, single, tensor
from witnesses import agree, seeds


@pytest.mark.parametrize("seed", seeds(10, 40))
@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pool(kind: str, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    window = tuple(int(k) for k in random.integers(1, 6, 2))
    stride = tuple(int(s) for s in random.integers(1, 4, 2))
    size = tuple(int(k + e) for k, e in zip(window, random.integers(0, 8, 2), strict=True))
    same = bool(random.integers(0, 2))
    rows, columns = (-(-n // s) if same else (n - k) // s + 1 for n, k, s in zip(size, window, stride, strict=True))
    channels = int(random.integers(1, 9))
    scale, zero = float(random.uniform(0.005, 0.1)), int(random.integers(-128, 128))
    x = tensor("x", 1, *size, channels, scale=scale, zero=zero)
    y = tensor("y", 1, rows, columns, channels, scale=scale, zero=zero)
    model = single(
        kind,
        [x],
        y,
        "Pool2DOptions",
        Padding=tflite.Padding.SAME if same else tflite.Padding.VALID,
        StrideH=stride[0],
        StrideW=stride[1],
        FilterHeight=window[0],
        FilterWidth=window[1],
        FusedActivationFunction=int(random.integers(0, 4)),
    )
    agree(model, tmp_path, seed=seed)


AXES = (
    ((1, 7, 5, 6), (1, 2)),
    ((1, 7, 5, 6), (2, 1)),
    ((1, 1, 1, 6), (1, 2)),
    ((1, 32, 32, 3), (1, 2)),
    ((1, 7, 5, 6), (3,)),
    ((1, 7, 5, 6), (-1,)),
    ((1, 7, 5, 6), (1,)),
    ((1, 7, 5, 6), (0, 1, 2, 3)),
    ((3, 40), (1,)),
    ((2, 9, 4), (1,)),
    ((2, 9, 4), (0, 2)),
    ((65,), (0,)),
)


@pytest.mark.parametrize("case", AXES, ids=str)
@pytest.mark.parametrize("keep_dims", [True, False])
@pytest.mark.parametrize("seed", seeds(2, 8))
def test_mean(seed: int, keep_dims: bool, case: tuple[tuple[int, ...], tuple[int, ...]], tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    shape, axes = case
    reduced = {axis % len(shape) for axis in axes}
    kept = tuple(1 if i in reduced else n for i, n in enumerate(shape) if keep_dims or i not in reduced)
    scale, zero = float(random.uniform(0.005, 0.1)), int(random.integers(-128, 128))
    count = math.prod(shape[i] for i in reduced)
    x = tensor("x", *shape, scale=scale, zero=zero)
    if seed == 0:
        y = tensor("y", *kept, scale=scale, zero=zero)
    else:
        narrow = random.uniform(0.5 / math.sqrt(count), 1.5)
        y = tensor("y", *kept, scale=scale * narrow, zero=int(random.integers(-128, 128)))
    model = single("MEAN", [x, constant("axes", list(axes))], y, "ReducerOptions", KeepDims=keep_dims)
    agree(model, tmp_path, seed=seed)
