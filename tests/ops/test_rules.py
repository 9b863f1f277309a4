"""What every operator states besides its meaning: rows and columns that an output needs, shapes, names, constraints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from models import tensor

from tinyc.ir import ALL_ROWS, DType, Op, Operands, Tensor, Window
from tinyc.ir.types import Array
from tinyc.ops import (
    ALL,
    Activation,
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Pack,
    Pad,
    Padding,
    Relu,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
    StridedSlice,
    Transpose,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An operator on inputs of these shapes; `fixed` inputs are constants, `windowed` says that rows are not ALL_ROWS."""

    op: Op
    shapes: tuple[tuple[int, ...], ...]
    fixed: int = 0
    windowed: tuple[bool, bool] = (True, True)

    def __str__(self) -> str:
        return f"{self.op} {self.shapes}"


IMAGE = (1, 9, 11, 4)
CASES = (
    Case(op=Conv2D(stride=(2, 1), padding=Padding(1, 1, 2, 0)), shapes=(IMAGE, (3, 3, 4, 4)), fixed=1),
    Case(op=Conv2D(dilation=(2, 3), padding=Padding(2, 2, 3, 3)), shapes=(IMAGE, (3, 3, 3, 4)), fixed=1),
    Case(op=Conv2D(stride=(3, 2), padding=Padding(0, 1, 0, 1)), shapes=(IMAGE, (3, 2, 2, 4)), fixed=1),
    Case(
        op=DepthwiseConv2D(multiplier=2, stride=(1, 2), padding=Padding(1, 1, 1, 1)),
        shapes=(IMAGE, (1, 3, 3, 8)),
        fixed=1,
    ),
    Case(op=FullyConnected(), shapes=((5, 8), (3, 8)), fixed=1),
    Case(op=FullyConnected(keep_dims=True), shapes=((1, 5, 3, 8), (3, 8)), fixed=1),
    Case(op=FullyConnected(), shapes=((1, 3, 2, 4), (5, 24)), fixed=1, windowed=(False, False)),
    Case(op=Add(), shapes=(IMAGE, IMAGE)),
    Case(op=Add(), shapes=(IMAGE, (4,))),
    Case(op=Add(), shapes=((1, 1, 11, 1), (1, 9, 1, 4))),
    Case(op=Mul(activation=Activation.RELU), shapes=((6, 4), (1, 4))),
    Case(op=AveragePool2D(size=(3, 2), stride=(2, 2), padding=Padding(1, 1, 0, 1)), shapes=(IMAGE,)),
    Case(op=MaxPool2D(size=(2, 3), stride=(1, 3), padding=Padding(0, 0, 1, 1)), shapes=(IMAGE,)),
    Case(op=Mean(axes=(1, 2)), shapes=(IMAGE,), windowed=(False, False)),
    Case(op=Pad(paddings=((0, 0), (2, 1), (0, 3), (1, 0))), shapes=(IMAGE,)),
    Case(op=Concatenation(axis=3), shapes=(IMAGE, (1, 9, 11, 2), IMAGE)),
    Case(op=Concatenation(axis=1), shapes=(IMAGE, (1, 2, 11, 4), IMAGE)),
    Case(op=Concatenation(axis=2), shapes=(IMAGE, (1, 9, 2, 4), IMAGE)),
    Case(op=Concatenation(axis=1), shapes=((3, 4), (3, 5))),
    Case(op=Reshape(shape=(9, 11, 4)), shapes=(IMAGE,), windowed=(False, False)),
    Case(op=Reshape(shape=(9, 1, 11, 4)), shapes=(IMAGE,), windowed=(True, True)),
    Case(op=Softmax(), shapes=(IMAGE,)),
    Case(op=Softmax(), shapes=((6, 10),)),
    Case(op=Relu(activation=Activation.RELU6), shapes=(IMAGE,)),
    Case(op=Transpose(permutation=(0, 1, 3, 2)), shapes=(IMAGE,), windowed=(True, False)),
    Case(op=Transpose(permutation=(0, 3, 1, 2)), shapes=(IMAGE,), windowed=(False, False)),
    Case(op=StridedSlice(begin=(0, 1, 0, 2), end=(1, 9, 11, 4), strides=(1, 3, 2, 1)), shapes=(IMAGE,)),
    Case(op=Pack(axis=0), shapes=((3, 4), (3, 4)), windowed=(False, False)),
    Case(op=ResizeNearestNeighbor(size=(18, 22)), shapes=(IMAGE,)),
    Case(op=ResizeNearestNeighbor(size=(18, 22), half_pixel_centers=True), shapes=(IMAGE,)),
    Case(op=ResizeNearestNeighbor(size=(17, 21), align_corners=True), shapes=(IMAGE,)),
    Case(op=ResizeNearestNeighbor(size=(4, 5)), shapes=(IMAGE,)),
)


def operands_of(case: Case, random: np.random.Generator) -> Operands:
    inputs: list[Tensor] = []
    for index, shape in enumerate(case.shapes):
        data = random.integers(-128, 128, shape).astype(np.int8) if case.fixed == index and index else None
        inputs.append(tensor(f"x{index}", *shape, scale=0.05, zero=0 if data is not None else -7, data=data))
    (shape,) = case.op.output_shapes(tuple(inputs))
    scale, zero = (1 / 256, -128) if isinstance(case.op, Softmax) else (0.05, -7)
    if isinstance(case.op, Conv2D | DepthwiseConv2D | FullyConnected):
        scale = 0.5
    return Operands(inputs=tuple(inputs), outputs=(tensor("y", *shape, scale=scale, zero=zero),))


def draw(operands: Operands, random: np.random.Generator) -> list[Array]:
    return [
        t.values if t.is_constant else random.integers(-128, 128, t.shape).astype(np.int8)
        for t in operands.inputs
        if t is not None
    ]


def positions(rule: Window, index: int, extent: int) -> Iterator[int]:
    return (i for i in range(rule.lo(index), rule.hi(index)) if 0 <= i < extent)


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_output_row_depends_on_no_input_row_outside_its_window(case: Case, axis: int) -> None:
    random = np.random.default_rng(5)
    operands = operands_of(case, random)
    values = draw(operands, random)
    (before,) = case.op.evaluate(operands, tuple(values))
    for index in case.op.activations(operands):
        rule = (case.op.row_rule, case.op.column_rule)[axis](operands, index)
        assert (rule is not ALL_ROWS) == case.windowed[axis]
        if not isinstance(rule, Window):
            continue
        assert rule.a >= 0
        for place in range(operands.output.hwc[axis]):
            changed = draw(operands, random)[index].reshape(operands.input(index).hwc).copy()
            original = values[index].reshape(changed.shape)
            kept = list(positions(rule, place, changed.shape[axis]))
            if axis == 0:
                changed[kept] = original[kept]
            else:
                changed[:, kept] = original[:, kept]
            inputs = list(values)
            inputs[index] = changed.reshape(values[index].shape)
            (after,) = case.op.evaluate(operands, tuple(inputs))
            hwc = operands.output.hwc
            assert np.array_equal(before.reshape(hwc).take(place, axis=axis), after.reshape(hwc).take(place, axis=axis))


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.op, Conv2D | AveragePool2D | Pad)], ids=str)
def test_windows_are_tight(case: Case) -> None:
    """The first and last row of a window, where inside, do reach the output row."""
    random = np.random.default_rng(6)
    operands = operands_of(case, random)
    operands = replace(operands, outputs=(tensor("y", *operands.output.shape, scale=0.05, zero=-7),))
    values = draw(operands, random)
    values[0] = np.full_like(values[0], -7)
    if case.fixed:
        values[1] = np.ones_like(values[1])
    (before,) = case.op.evaluate(operands, tuple(values))
    rule = case.op.row_rule(operands, 0)
    assert isinstance(rule, Window)
    rows = operands.input(0).hwc[0]
    for place in range(operands.output.hwc[0]):
        for row in {rule.lo(place), rule.hi(place) - 1} & set(range(rows)):
            changed = values[0].copy().reshape(operands.input(0).hwc)
            changed[row] = 127
            (after,) = case.op.evaluate(operands, (changed.reshape(values[0].shape), *values[1:]))
            hwc = operands.output.hwc
            assert not np.array_equal(before.reshape(hwc)[place], after.reshape(hwc)[place])


def test_operators_are_sorted_and_named_once() -> None:
    names = [op.__name__ for op in ALL]
    assert names == sorted(names)
    kinds = [op.kind for op in ALL]
    assert len(set(kinds)) == len(kinds)


def test_every_constraint_is_a_sentence_that_stands_once_in_its_operator() -> None:
    for op in ALL:
        sentences = [constraint.sentence for constraint in op.constraints]
        assert len(set(sentences)) == len(sentences)
        for sentence in sentences:
            assert sentence
            assert not sentence.endswith(".")


def broken(case: Case, **changes: object) -> Operands:
    """The case's operands with its output (or, as `x0`, an input) changed."""
    operands = operands_of(case, np.random.default_rng(0))
    y = {key: value for key, value in changes.items() if key != "x0" and key != "x1"}
    inputs = list(operands.inputs)
    for index in (0, 1):
        if f"x{index}" in changes:
            inputs[index] = changes[f"x{index}"]
    return Operands(inputs=tuple(inputs), outputs=(replace(operands.output, **y),))


CONV, POOL, SOFTMAX, CONCAT = CASES[0], CASES[11], CASES[21], CASES[15]
VIOLATIONS = (
    (CONV, {"dtype": DType.UINT8}, "input 0 and the output are int8", "y is uint8"),
    (CONV, {"x1": tensor("w", 3, 3, 4, 4, scale=0.05)}, "weights are constant int8", "w is int8, computed"),
    (
        CONV,
        {"x1": tensor("w", 3, 3, 4, 4, scale=0.05, zero=2, data=np.zeros((3, 3, 4, 4), np.int8))},
        "weights are quantized with zero point 0",
        "w has zero point 2",
    ),
    (
        CONV,
        {"x1": tensor("w", 3, 3, 4, 4, scale=(0.05,) * 4, axis=3, data=np.zeros((3, 3, 4, 4), np.int8))},
        "weights have one scale, or one an output channel along axis 0",
        "w has 4 scales along axis 3",
    ),
    (
        CONV,
        {"x1": tensor("w", 3, 3, 4, 2, scale=0.05, data=np.zeros((3, 3, 4, 2), np.int8))},
        "weights are as deep as the input",
        "2 and 4 channels",
    ),
    (
        CONV,
        {"x0": tensor("x0", 2, 9, 11, 4, scale=0.05)},
        "input 0 has rank 4 and batch 1",
        "x0 has shape (2, 9, 11, 4)",
    ),
    (
        POOL,
        {"x0": tensor("x0", *IMAGE, scale=0.25, zero=-7)},
        "inputs and outputs have one scale and zero point",
        "x0 has 0.25 and -7, y has 0.0500000007 and -7",
    ),
    (
        SOFTMAX,
        {"quantization": tensor("q", 1, scale=0.5).quantization},
        "the output has scale 1/256 and zero point -128",
        "0.5 and 0",
    ),
)


@pytest.mark.parametrize(("case", "changes", "sentence", "found"), VIOLATIONS, ids=[v[2] for v in VIOLATIONS])
def test_a_broken_constraint_says_what_it_found(
    case: Case, changes: dict[str, object], sentence: str, found: str
) -> None:
    (constraint,) = [c for c in case.op.constraints if c.sentence == sentence]
    assert constraint.holds(case.op, operands_of(case, np.random.default_rng(0)))
    operands = broken(case, **changes)
    assert not constraint.holds(case.op, operands)
    assert constraint.found(case.op, operands) == found
