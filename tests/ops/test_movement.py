"""Operators that only move elements, and shape arithmetic, against the witnesses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import Operator, constant, single, tensor, write
from witnesses import agree, seeds

from tinyc.ir import DType, Tensor


def like(x: Tensor, name: str, *shape: int) -> Tensor:
    return replace(x, name=name, shape=shape)


def draw(seed: int, *shape: int, name: str = "x") -> Tensor:
    random = np.random.default_rng(seed)
    return tensor(name, *shape, scale=float(random.uniform(0.01, 0.1)), zero=int(random.integers(-128, 128)))


PADDINGS = (
    ((1, 3, 4, 2), ((0, 0), (1, 2), (3, 0), (0, 0))),
    ((1, 3, 4, 2), ((0, 0), (0, 0), (0, 0), (0, 5))),
    ((1, 3, 4, 2), ((1, 0), (0, 0), (0, 1), (2, 1))),
    ((3, 4), ((1, 1), (0, 2))),
    ((5,), ((2, 3),)),
)


@pytest.mark.parametrize("case", PADDINGS, ids=str)
@pytest.mark.parametrize("seed", seeds(1, 3))
def test_pad(seed: int, case: tuple[tuple[int, ...], tuple[tuple[int, int], ...]], tmp_path: Path) -> None:
    shape, paddings = case
    x = draw(seed, *shape)
    y = like(x, "y", *(a + n + b for n, (a, b) in zip(shape, paddings, strict=True)))
    agree(single("PAD", [x, constant("paddings", paddings)], y, "PadOptions"), tmp_path, seed=seed)
    value = replace(x, name="value", shape=(1,), data=np.array([-77], np.int8))
    agree(single("PADV2", [x, constant("paddings", paddings), value], y, "PadV2Options"), tmp_path, seed=seed)


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize("parts", [(2,), (1, 3), (4, 1, 2)], ids=str)
def test_concatenation(parts: tuple[int, ...], axis: int, tmp_path: Path) -> None:
    def shape(extent: int) -> tuple[int, ...]:
        extents = [1, 3, 2, 4]
        extents[axis] = extent
        return tuple(extents)

    x = draw(1, *shape(1))
    inputs = [like(x, f"x{i}", *shape(part)) for i, part in enumerate(parts)]
    y = like(x, "y", *shape(sum(parts)))
    agree(single("CONCATENATION", inputs, y, "ConcatenationOptions", Axis=axis), tmp_path)


@pytest.mark.parametrize("permutation", [(0, 2, 1, 3), (0, 1, 3, 2), (3, 0, 2, 1), (0, 1, 2, 3)], ids=str)
def test_transpose(permutation: tuple[int, ...], tmp_path: Path) -> None:
    x = draw(2, 1, 3, 5, 4)
    y = like(x, "y", *(x.shape[axis] for axis in permutation))
    agree(single("TRANSPOSE", [x, constant("permutation", permutation)], y, "TransposeOptions"), tmp_path)


@pytest.mark.parametrize("shape", [(1, 60), (3, 20), (1, 5, 12, 1), (60,)], ids=str)
def test_reshape(shape: tuple[int, ...], tmp_path: Path) -> None:
    x = draw(3, 1, 3, 5, 4)
    y = like(x, "y", *shape)
    agree(single("RESHAPE", [x, constant("shape", shape)], y, "ReshapeOptions", NewShape=shape), tmp_path)


SLICES = (
    ((0, 0, 0, 0), (1, 5, 6, 3), (1, 1, 1, 1), 0, 0, 0, (1, 5, 6, 3)),
    ((0, 1, 2, 0), (1, 4, 6, 3), (1, 2, 3, 1), 0, 0, 0, (1, 2, 2, 3)),
    ((0, -4, 0, -2), (1, -1, 6, 3), (1, 1, 1, 1), 0, 0, 0, (1, 3, 6, 2)),
    ((0, 9, 9, 0), (0, 9, 9, 9), (1, 1, 1, 2), 0b0110, 0b0111, 0, (1, 5, 6, 2)),
    ((0, 2, 0, 0), (1, 3, 6, 3), (1, 1, 2, 1), 0, 0, 0b0010, (1, 3, 3)),
    ((0, 4, 5, 0), (1, 0, 0, 3), (1, -1, -2, 1), 0, 0b0100, 0, (1, 4, 3, 3)),
)


@pytest.mark.parametrize("case", SLICES, ids=str)
def test_strided_slice(case: tuple[object, ...], tmp_path: Path) -> None:
    begin, end, strides, begin_mask, end_mask, shrink, shape = case
    x = draw(4, 1, 5, 6, 3)
    bounds = [constant(name, value) for name, value in (("begin", begin), ("end", end), ("strides", strides))]
    model = single(
        "STRIDED_SLICE",
        [x, *bounds],
        like(x, "y", *shape),
        "StridedSliceOptions",
        BeginMask=begin_mask,
        EndMask=end_mask,
        ShrinkAxisMask=shrink,
    )
    agree(model, tmp_path)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_pack(axis: int, tmp_path: Path) -> None:
    x = draw(5, 3, 4)
    inputs = [like(x, name, 3, 4) for name in "abc"]
    shape = [3, 4]
    shape.insert(axis if axis >= 0 else 2, 3)
    agree(single("PACK", inputs, like(x, "y", *shape), "PackOptions", Axis=axis, ValuesCount=3), tmp_path)


@pytest.mark.parametrize("mode", [{}, {"AlignCorners": True}, {"HalfPixelCenters": True}], ids=str)
@pytest.mark.parametrize("seed", seeds(8, 40))
def test_resize_nearest_neighbor(seed: int, mode: dict[str, bool], tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    size = tuple(int(n) for n in random.integers(1, 14, 2))
    target = tuple(2 * n for n in size) if seed < 4 else tuple(int(n) for n in random.integers(1, 40, 2))
    x = draw(seed, 1, *size, 2)
    y = like(x, "y", 1, *target, 2)
    model = single("RESIZE_NEAREST_NEIGHBOR", [x, constant("size", target)], y, "ResizeNearestNeighborOptions", **mode)
    agree(model, tmp_path, seed=seed)


def test_shape_arithmetic(tmp_path: Path) -> None:
    """What converters write for a flatten with a dynamic batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    x = draw(6, 1, 3, 4, 2)
    tensors = [
        x,
        like(x, "y", 1, 24),
        tensor("shape", 4, dtype=DType.INT32),
        tensor("batch", dtype=DType.INT32),
        tensor("target", 2, dtype=DType.INT32),
        *(constant(name, [value]) for name, value in (("zero", 0), ("one", 1))),
        constant("rest", 24),
    ]
    operators = [
        Operator(kind="SHAPE", inputs=["x"], outputs=["shape"], table="ShapeOptions", options={"OutType": 2}),
        Operator(
            kind="STRIDED_SLICE",
            inputs=["shape", "zero", "one", "one"],
            outputs=["batch"],
            table="StridedSliceOptions",
            options={"ShrinkAxisMask": 1},
        ),
        Operator(
            kind="PACK",
            inputs=["batch", "rest"],
            outputs=["target"],
            table="PackOptions",
            options={"ValuesCount": 2},
        ),
        Operator(kind="RESHAPE", inputs=["x", "target"], outputs=["y"], table="ReshapeOptions"),
    ]
    agree(write(tensors, operators, ["x"], ["y"]), tmp_path)
