"""Channels go exactly where nothing can tell, and stay where something can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs import Builder, samples
from planted import with_data

from tinyc.ir import Graph, to_text
from tinyc.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Lut,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Padding,
    Reshape,
    Softmax,
)
from tinyc.oracle import evaluate
from tinyc.passes import channels
from tinyc.passes.drop_channels import drop_channels

NO_PADDING, AROUND = Padding(), Padding(1, 1, 1, 1)


@pytest.fixture(autouse=True)
def unaligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every channel that may go goes; alignment has its own tests."""
    monkeypatch.setattr(channels, "ALIGNMENT", 1)


def weights_of(graph: Graph, name: str) -> str:
    return str(graph.producers()[name].inputs[1])


def bias_of(graph: Graph, name: str) -> str:
    return str(graph.producers()[name].inputs[2])


def constant_channels(graph: Graph, name: str, **values: int) -> Graph:
    """Tensor `name` of a convolution whose channels `c3=7` always have the value 7, on a multiplier of about one."""
    weights, bias = weights_of(graph, name), bias_of(graph, name)
    data, biases = graph.tensors[weights].values.copy(), graph.tensors[bias].values.copy()
    for channel, value in values.items():
        data[int(channel[1:])] = 0
        biases[int(channel[1:])] = bias_for(graph, name, int(channel[1:]), value)
    return with_data(graph, **{weights: data, bias: biases})


def bias_for(graph: Graph, name: str, channel: int, value: int) -> int:
    operation = graph.producers()[name]
    x, weights, y = (graph.tensors[str(n)] for n in (operation.inputs[0], operation.inputs[1], name))
    assert weights.quantization is not None
    factor = x.scale * weights.quantization.scales[channel] / y.scale
    return round((value - y.zero_point) / factor)


def without_columns(graph: Graph, name: str, *columns: int) -> Graph:
    """The layer that makes `name` reads these input channels with zero weights."""
    weights = weights_of(graph, name)
    data = graph.tensors[weights].values.copy()
    data[..., list(columns)] = 0
    return with_data(graph, **{weights: data})


def assert_same_meaning(before: Graph, after: Graph) -> None:
    for sample in samples(before, count=3):
        expected, found = evaluate(before, sample), evaluate(after, sample)
        assert set(before.outputs) <= found.keys()
        for name in expected.keys() & found.keys():
            assert np.array_equal(expected[name], found[name]), name


def chain(padding: Padding = NO_PADDING) -> tuple[Graph, str, str]:
    """input -> 1x1 convolution to 6 channels, x with zero point -5 -> 3x3 convolution, y."""
    build = Builder(1)
    source = build.input(1, 5, 4, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    y = build.conv2d(x, 4, padding=padding)
    return build.graph(y), x, y


def live_channels(graph: Graph, name: str) -> int:
    """How many channels are left of a tensor."""
    return graph.tensors[f"{name}:live" if f"{name}:live" in graph.tensors else name].shape[-1]


def test_text() -> None:
    before, x, y = chain()
    before = constant_channels(before, x, c2=-5, c5=40)
    after = drop_channels(before)
    zero, scale = before.tensors[y].zero_point, before.tensors[y].scale.hex()
    assert to_text(after) == (
        "graph built\n"
        f"  input input0:int8[1x5x4x3] {before.tensors[x].scale.hex()}@-5\n"
        "  const w1:live:int8[4x1x1x3] per-axis 0\n"
        "  const t0:bias:int32[4] per-axis 0\n"
        "  const w4:live:int8[4x3x3x4] per-axis 0\n"
        "  const t1:bias:int32[4] per-axis 0\n"
        f"  t0:live:int8[1x5x4x4] {before.tensors[x].scale.hex()}@-5 = conv2d(input0, w1:live, t0:bias)\n"
        f"  t1:int8[1x3x2x4] {scale}@{zero} = conv2d(t0:live, w4:live, t1:bias)\n"
        "  output t1\n"
    )
    assert_same_meaning(before, after)


def test_scales_and_biases_go_with_their_channels() -> None:
    before, x, _ = chain()
    after = drop_channels(constant_channels(before, x, c2=-5, c5=40))
    old, new = before.tensors[weights_of(before, x)], after.tensors["w1:live"]
    assert old.quantization is not None and new.quantization is not None
    assert new.quantization.scales == tuple(old.quantization.scales[c] for c in (0, 1, 3, 4))
    assert after.tensors["t0:bias"].quantization is not None


@pytest.mark.parametrize(("value", "left"), [(-5, 5), (-6, 6), (127, 6)])
def test_with_padding_only_the_zero_point_goes(value: int, left: int) -> None:
    before, x, _ = chain(AROUND)
    before = constant_channels(before, x, c2=value)
    after = drop_channels(before)
    assert live_channels(after, x) == left
    assert_same_meaning(before, after)


def test_padding_on_one_side_is_enough_to_tell() -> None:
    before, x, _ = chain(Padding(0, 0, 0, 1))
    assert live_channels(drop_channels(constant_channels(before, x, c2=9)), x) == 6


def test_a_bias_that_would_overflow_keeps_the_channel() -> None:
    before, x, y = chain()
    before = constant_channels(before, x, c2=120)
    weights, bias = weights_of(before, y), bias_of(before, y)
    data = before.tensors[weights].values.copy()
    data[..., 2] = 127
    near = with_data(before, **{weights: data, bias: np.full(4, 2**31 - 9 * 127 * 125 - 1, np.int32)})
    beyond = with_data(near, **{bias: np.full(4, 2**31 - 9 * 127 * 125, np.int32)})
    assert live_channels(drop_channels(near), x) == 5
    assert drop_channels(near).tensors[f"{y}:bias"].values.tolist() == [2**31 - 1] * 4
    assert live_channels(drop_channels(beyond), x) == 6


def test_a_layer_without_bias_gets_one() -> None:
    build = Builder(2)
    source = build.input(1, 4, 4, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    before = build.graph(build.conv2d(x, 4, bias=False))
    before = constant_channels(before, x, c1=20)
    after = drop_channels(before)
    assert live_channels(after, x) == 5
    assert_same_meaning(before, after)


def test_what_nobody_reads_goes_though_it_varies() -> None:
    before, x, y = chain(AROUND)
    before = without_columns(before, y, 0, 4)
    after = drop_channels(before)
    assert live_channels(after, x) == 4
    assert_same_meaning(before, after)


def test_what_only_dead_channels_read_is_dead() -> None:
    build = Builder(3)
    source = build.input(1, 4, 4, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    t = build.conv2d(x, 6, (1, 1), like=source)
    y = build.conv2d(t, 4, padding=AROUND)
    before = without_columns(build.graph(y), y, 2, 3)
    weights = weights_of(before, t)
    data = before.tensors[weights].values.copy()
    data[[0, 1, 4, 5], ..., 3] = 0
    before = with_data(before, **{weights: data})
    after = drop_channels(before)
    assert (live_channels(after, x), live_channels(after, t)) == (5, 4)
    assert_same_meaning(before, after)


def test_a_depthwise_convolution_drops_the_channels_of_its_input() -> None:
    build = Builder(4)
    source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    d = build.depthwise(x, padding=AROUND, like=source)
    y = build.conv2d(d, 4, (1, 1))
    graph = build.graph(y)
    at_zero, elsewhere = (constant_channels(graph, x, c1=value) for value in (-5, 6))
    assert live_channels(drop_channels(at_zero), d) == 5
    assert_same_meaning(at_zero, drop_channels(at_zero))
    assert live_channels(drop_channels(elsewhere), d) == 6


def test_a_depthwise_convolution_without_padding_keeps_a_constant_constant() -> None:
    build = Builder(5)
    source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    d = build.depthwise(x, multiplier=2, like=source)
    before = constant_channels(build.graph(build.conv2d(d, 4, (1, 1))), x, c1=30)
    after = drop_channels(before)
    assert (live_channels(after, x), live_channels(after, d)) == (5, 10)
    assert_same_meaning(before, after)


def test_a_zero_depthwise_filter_needs_no_input() -> None:
    build = Builder(6)
    source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    d = build.depthwise(x, padding=AROUND, like=source)
    graph = build.graph(build.conv2d(d, 4, (1, 1)), build.conv2d(x, 2, (1, 1)))
    data = graph.tensors[weights_of(graph, d)].values.copy()
    data[..., 2:4] = 0
    before = with_data(graph, **{weights_of(graph, d): data})
    read = drop_channels(before)
    unread = drop_channels(without_columns(before, graph.outputs[1], 2, 3))
    assert (live_channels(read, x), live_channels(unread, x)) == (6, 4)
    assert_same_meaning(without_columns(before, graph.outputs[1], 2, 3), unread)


def test_both_sides_of_a_residual_drop_the_same_or_stay() -> None:
    build = Builder(7)
    source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    a = build.conv2d(source, 6, (1, 1), like=source)
    b = build.conv2d(a, 6, padding=AROUND, like=source)
    graph = build.graph(build.conv2d(build.apply(Add(), a, b, like=source), 4, (1, 1)))
    one = constant_channels(graph, b, c1=-5)
    both = constant_channels(one, a, c1=-5)
    assert drop_channels(one) == one
    after = drop_channels(both)
    assert [live_channels(after, name) for name in (a, b, "t2")] == [5, 5, 5]
    assert_same_meaning(both, after)


def test_dead_channels_that_feed_only_each_other_go() -> None:
    """x + f(x): channel 1 of x is read for channel 1 of the sum only, which nobody reads."""
    build = Builder(8)
    source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    a = build.conv2d(source, 6, (1, 1), like=source)
    b = build.conv2d(a, 6, padding=AROUND, like=source)
    y = build.conv2d(build.apply(Add(), a, b, like=source), 4, (1, 1))
    graph = without_columns(build.graph(y), y, 1)
    data = graph.tensors[weights_of(graph, b)].values.copy()
    data[[0, 2, 3, 4, 5], ..., 1] = 0
    before = with_data(graph, **{weights_of(graph, b): data})
    after = drop_channels(before)
    assert [live_channels(after, name) for name in (a, b, "t2")] == [5, 5, 5]
    assert_same_meaning(before, after)


@pytest.mark.parametrize(("image_of_zero", "left"), [(-5, 4), (50, 6)])
def test_everything_on_the_way_gets_narrower(image_of_zero: int, left: int) -> None:
    """Pools, tables, constants of arithmetic, pads, concatenation, a mean, flattening; a pad tells 50 from the zero point."""
    build = Builder(9)
    source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    pooled = build.apply(MaxPool2D(size=(2, 2), padding=AROUND), x, like=source)
    table = build.random.integers(-128, 128, 256)
    table[-5] = image_of_zero
    lut = build.apply(Lut(table=tuple(table.tolist())), pooled, like=source)
    averaged = build.apply(AveragePool2D(size=(3, 3), padding=AROUND), lut, like=source)
    padded = build.apply(Pad(paddings=((0, 0), (1, 0), (0, 1), (0, 0))), averaged, like=source)
    scaled = build.apply(Mul(), build.constant(6), padded, like=source)
    joined = build.apply(Concatenation(axis=3), scaled, scaled, like=source)
    flat = build.apply(Reshape(shape=(1, 8 * 8 * 12)), joined, like=source)
    mean = build.apply(Mean(axes=(1, 2)), joined, like=source)
    before = constant_channels(build.graph(build.dense(flat, 3), build.dense(mean, 4)), x, c0=-5, c4=-5)
    after = drop_channels(before)
    assert {live_channels(after, name) for name in (x, pooled, lut, averaged, padded, scaled)} == {left}
    assert {live_channels(after, name) for name in (joined, mean)} == {2 * left}
    assert live_channels(after, flat) == 8 * 8 * 2 * left
    assert_same_meaning(before, after)


def test_a_channel_of_an_output_or_an_input_stays() -> None:
    build = Builder(10)
    source = build.input(1, 4, 4, 6, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    y = build.conv2d(x, 4, (1, 1))
    before = without_columns(constant_channels(build.graph(x, y), x, c1=-5), x, 0, 1)
    assert drop_channels(before) == before


def test_softmax_sees_all_of_its_channels() -> None:
    build = Builder(11)
    source = build.input(1, 8, scale=0.05, zero=-5)
    x = build.dense(source, 6, like=source)
    before = build.graph(build.dense(build.apply(Softmax(), x, scale=1 / 256, zero=-128), 3))
    before = constant_channels(before, x, c1=-5)
    assert drop_channels(before) == before


def test_a_flattened_image_drops_a_channel_of_every_pixel() -> None:
    build = Builder(12)
    source = build.input(1, 3, 2, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 5, (1, 1), like=source)
    y = build.dense(x, 4)
    before = constant_channels(build.graph(y), x, c3=77)
    after = drop_channels(before)
    assert after.tensors[weights_of(after, y)].shape == (4, 24)
    assert_same_meaning(before, after)


def test_shared_weights_are_narrowed_for_each_reader() -> None:
    build = Builder(13)
    source = build.input(1, 4, 4, 3, scale=0.05, zero=-5)
    a, b = (build.conv2d(source, 6, (1, 1), like=source) for _ in range(2))
    y, z = (build.conv2d(x, 4, (1, 1), like=source) for x in (a, b))
    graph = build.graph(y, z)
    shared = tuple(
        replace(o, inputs=(o.inputs[0], weights_of(graph, y), bias_of(graph, y))) if o.outputs == (z,) else o
        for o in graph.operations
    )
    graph = replace(graph, operations=shared).verify()
    before = constant_channels(constant_channels(graph, a, c1=-5), b, c2=40, c4=-5)
    after = drop_channels(before)
    assert (live_channels(after, a), live_channels(after, b)) == (5, 4)
    assert_same_meaning(before, after)


@pytest.mark.parametrize(("dead", "left"), [(1, 12), (3, 12), (4, 8), (6, 8), (8, 4), (11, 4), (12, 4)])
def test_surplus_channels_fill_the_last_four(dead: int, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    build = Builder(14)
    source = build.input(1, 4, 4, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 12, (1, 1), like=source)
    y = build.conv2d(x, 4, padding=AROUND)
    before = without_columns(build.graph(y), y, *range(dead))
    after = drop_channels(before)
    assert live_channels(after, x) == left
    assert drop_channels(after) == after
    assert (x in after.tensors) == (left == 12)
    assert_same_meaning(before, after)


def test_a_constant_that_stays_to_fill_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    build = Builder(15)
    source = build.input(1, 4, 4, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 12, (1, 1), like=source)
    t = build.apply(Lut(table=tuple(build.random.integers(-128, 128, 256).tolist())), x, like=source)
    graph = build.graph(build.conv2d(t, 4))
    before = constant_channels(graph, x, c0=90, c1=80, c2=70, c3=60, c4=50)
    after = drop_channels(before)
    assert live_channels(after, x) == 8
    assert_same_meaning(before, after)


def test_what_keeps_its_name_keeps_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads channel 2 of t, but t has four channels and keeps them: so a channel that only it reads stays as well."""
    monkeypatch.undo()
    build = Builder(16)
    source = build.input(1, 4, 4, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 9, (1, 1), like=source)
    t = build.conv2d(x, 4, (1, 1), like=source)
    y = build.conv2d(t, 4, (1, 1))
    graph = without_columns(build.graph(y), y, 2)
    weights = graph.tensors[weights_of(graph, t)].values.copy()
    weights[:, ..., 4:] = 0
    weights[2, ..., 8] = 50
    before = with_data(graph, **{weights_of(graph, t): weights})
    after = drop_channels(before)
    assert live_channels(after, x) == 8
    assert t in after.tensors
    assert_same_meaning(before, after)
