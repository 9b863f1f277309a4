"""Windows shrink where the padding that goes with their taps goes too."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import Builder, samples
from planted import with_data

from tinyc.ir import Graph, to_text
from tinyc.ops import Padding
from tinyc.oracle import evaluate
from tinyc.passes.trim_taps import trim_taps

AROUND = Padding(1, 1, 1, 1)


def convolution(
    padding: Padding,
    *,
    extent: int = 7,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> Graph:
    """A 3x3 convolution whose weights are zero outside `rows` and `columns`."""
    build = Builder(1)
    source = build.input(1, extent, extent, 2, scale=0.05, zero=-5)
    y = build.conv2d(source, 3, stride=stride, dilation=dilation, padding=padding)
    graph = build.graph(y)
    weights = str(graph.operations[0].inputs[1])
    data = np.zeros_like(graph.tensors[weights].values)
    data[:, rows, columns] = graph.tensors[weights].values[:, rows, columns]
    return with_data(graph, **{weights: data})


def window(graph: Graph) -> tuple[tuple[int, ...], Padding]:
    (operation,) = graph.operations
    return graph.operands(operation).input(1).shape[1:3], operation.op.padding  # type: ignore[attr-defined]


def assert_same_meaning(before: Graph, after: Graph) -> None:
    for sample in samples(before, count=3):
        (name,) = before.outputs
        assert np.array_equal(evaluate(before, sample)[name], evaluate(after, sample)[name])


def test_text() -> None:
    before = convolution(AROUND, rows=slice(1, 2), columns=slice(1, 2))
    after = trim_taps(before)
    source, target = before.tensors["input0"], before.tensors["t0"]
    assert to_text(after) == (
        "graph built\n"
        f"  input input0:int8[1x7x7x2] {source.scale.hex()}@-5\n"
        "  const b2:int32[3] per-axis 0\n"
        "  const w1:trimmed:int8[3x1x1x2] per-axis 0\n"
        f"  t0:int8[1x7x7x3] {target.scale.hex()}@{target.zero_point} = conv2d(input0, w1:trimmed, b2)\n"
        "  output t0\n"
    )
    assert_same_meaning(before, after)


@pytest.mark.parametrize(
    ("padding", "stride", "rows", "left", "padded"),
    [
        (AROUND, 1, slice(1, 3), 2, (0, 1)),
        (AROUND, 1, slice(0, 2), 2, (1, 0)),
        (AROUND, 2, slice(1, 2), 1, (0, 0)),
        (Padding(0, 1, 1, 1), 1, slice(1, 3), 3, (0, 1)),  # the image starts at the blank row
        (Padding(1, 0, 1, 1), 1, slice(0, 2), 3, (1, 0)),  # the output would grow
        (Padding(0, 0, 1, 1), 2, slice(0, 2), 2, (0, 0)),  # it would not: the stride has slack
        (Padding(2, 2, 1, 1), 1, slice(2, 3), 1, (0, 2)),
        (AROUND, 1, slice(0, 0), 1, (0, 0)),  # all zero: one tap stays
    ],
)
def test_rows(padding: Padding, stride: int, rows: slice, left: int, padded: tuple[int, int]) -> None:
    before = convolution(padding, stride=(stride, 1), rows=rows)
    after = trim_taps(before)
    (height, width), found = window(after)
    assert (height, found.top, found.bottom) == (left, *padded)
    assert width == (3 if left > 1 or rows.start != rows.stop else 1)
    assert_same_meaning(before, after)


def test_dilated_taps_need_as_much_padding() -> None:
    narrow = convolution(AROUND, dilation=(2, 2), rows=slice(1, 3))
    wide = convolution(Padding(2, 2, 2, 2), dilation=(2, 2), rows=slice(1, 3))
    assert trim_taps(narrow) == narrow
    assert window(trim_taps(wide)) == ((2, 3), Padding(0, 2, 2, 2))
    assert_same_meaning(wide, trim_taps(wide))


@pytest.mark.parametrize(("extent", "size"), [(1, (1, 1)), (2, (3, 3))])
def test_taps_that_never_see_the_image(extent: int, size: tuple[int, int]) -> None:
    before = convolution(AROUND, extent=extent)
    after = trim_taps(before)
    assert window(after)[0] == size
    assert_same_meaning(before, after)


def test_a_depthwise_window_shrinks_as_well() -> None:
    build = Builder(2)
    source = build.input(1, 5, 5, 4, scale=0.05, zero=-5)
    graph = build.graph(build.depthwise(source, (5, 3), padding=Padding(2, 2, 1, 1)))
    weights = str(graph.operations[0].inputs[1])
    data = graph.tensors[weights].values.copy()
    data[:, [0, 4]] = 0
    before = with_data(graph, **{weights: data})
    assert window(trim_taps(before)) == ((3, 3), AROUND)
    assert_same_meaning(before, trim_taps(before))
