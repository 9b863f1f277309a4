"""Channels that always equal others are merged where all that read them have room for it, and nothing tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs import Builder, samples
from planted import planted, with_data

from tinyc.ir import Graph, Quantization
from tinyc.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lut,
    MaxPool2D,
    Mean,
    Mul,
    Padding,
    Reshape,
    Softmax,
)
from tinyc.oracle import evaluate
from tinyc.passes import channels, removed_channels, rewrite
from tinyc.passes.merge_channels import merge_channels
from tinyc.passes.reduce import reduce

AROUND = Padding(1, 1, 1, 1)


@pytest.fixture(autouse=True)
def unaligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every channel that may go goes; alignment has its own test."""
    monkeypatch.setattr(channels, "ALIGNMENT", 1)


def weights_of(graph: Graph, name: str) -> str:
    return str(graph.producers()[name].inputs[1])


def twins(graph: Graph, name: str, **twin_of: int) -> Graph:
    """`graph` where channel 3 of a layer's output is as channel 1: `c3=1`; same weights, scale and bias."""
    operation = graph.producers()[name]
    axis = 3 if isinstance(operation.op, DepthwiseConv2D) else 0
    tensors = dict(graph.tensors)
    for source in operation.inputs[1:]:
        if source is None:
            continue
        tensor = tensors[source]
        assert tensor.quantization is not None
        own_axis = axis if source == operation.inputs[1] else 0
        scales, data = list(tensor.quantization.scales), np.moveaxis(tensor.values.copy(), own_axis, 0)
        for channel, other in twin_of.items():
            data[int(channel[1:])], scales[int(channel[1:])] = data[other], scales[other]
        quantization = Quantization(scales=tuple(scales), zero_points=(0,) * len(scales), axis=own_axis)
        data = np.ascontiguousarray(np.moveaxis(data, 0, own_axis))
        tensors[source] = replace(tensor, quantization=quantization, data=data)
    return replace(graph, tensors=tensors).verify()


def small(graph: Graph, *names: str) -> Graph:
    """Layers whose weights leave room for a dozen of them in one."""
    data = {weights_of(graph, name): graph.tensors[weights_of(graph, name)].values for name in names}
    return with_data(graph, **{name: (values // 13).astype(np.int8) for name, values in data.items()})


def assert_same_meaning(before: Graph, after: Graph) -> None:
    assert before.outputs == after.outputs
    for sample in samples(before, count=3):
        expected, found = evaluate(before, sample), evaluate(after, sample)
        for name in expected.keys() & found.keys():
            assert np.array_equal(expected[name], found[name]), name


def left(graph: Graph, name: str) -> int:
    """How many channels are left of a tensor."""
    return graph.tensors[f"{name}:live" if f"{name}:live" in graph.tensors else name].shape[-1]


def chain(padding: Padding = AROUND) -> tuple[Graph, str, str]:
    """input -> 3x3 convolution to 6 channels, x -> 3x3 convolution, y, of small weights."""
    build = Builder(1)
    x = build.conv2d(build.input(1, 5, 4, 3), 6)
    y = build.conv2d(x, 4, padding=padding)
    return small(build.graph(y), y), x, y


def test_weights_are_added() -> None:
    graph, x, y = chain()
    before = twins(graph, x, c3=1, c5=0)
    after = merge_channels(before)
    old, new = (g.tensors[weights_of(g, y)].values.astype(int) for g in (before, after))
    assert np.array_equal(new[..., 1], old[..., 1] + old[..., 3])
    assert np.array_equal(new[..., 0], old[..., 0] + old[..., 5])
    assert not new[..., [3, 5]].any()
    assert np.array_equal(new[..., [2, 4]], old[..., [2, 4]])
    assert left(reduce(before), x) == 4
    assert removed_channels(before, reduce(before)) == 2
    assert_same_meaning(before, after)
    assert_same_meaning(before, reduce(before))


def test_what_has_no_channels_loses_none() -> None:
    build = Builder(7)
    x = build.dense(build.input(1, 4), 4)
    graph = build.graph(build.apply(Mean(axes=(0, 1), keep_dims=False), x))
    assert graph.tensors[graph.outputs[0]].shape == ()
    assert removed_channels(graph, rewrite(graph)) == 0


@pytest.mark.parametrize("what", ["weight", "bias", "scale"])
def test_almost_equal_is_not_equal(what: str) -> None:
    graph, x, _ = chain()
    graph = twins(graph, x, c3=1)
    operation = graph.producers()[x]
    name = str(operation.inputs[2 if what == "bias" else 1])
    tensor = graph.tensors[name]
    assert tensor.quantization is not None
    if what == "scale":
        scales = list(tensor.quantization.scales)
        scales[3] = float(np.nextafter(np.float32(scales[3]), np.float32(1)))
        quantization = replace(tensor.quantization, scales=tuple(scales))
        graph = replace(graph, tensors={**graph.tensors, name: replace(tensor, quantization=quantization)})
    else:
        data = tensor.values.copy()
        data[3, ...] += (np.arange(data[3].size) == 0).reshape(data[3].shape).astype(data.dtype)
        graph = with_data(graph, **{name: data})
    assert merge_channels(graph) == graph


@pytest.mark.parametrize(("first", "second", "count"), [(64, 63, 1), (64, 64, 0), (-64, -63, 1), (-64, -64, 0)])
def test_a_sum_beyond_eight_bits_stays(first: int, second: int, count: int) -> None:
    graph, x, y = chain()
    weights = graph.tensors[weights_of(graph, y)].values.copy()
    weights[2, 1, 1, 1], weights[2, 1, 1, 3] = first, second
    before = with_data(twins(graph, x, c3=1), **{weights_of(graph, y): weights})
    after, reduced = merge_channels(before), reduce(before)
    assert (removed_channels(before, reduced), after == before) == (count, count == 0)
    assert_same_meaning(before, after)


def test_another_of_the_same_takes_what_the_first_has_no_room_for() -> None:
    graph, x, y = chain()
    weights = graph.tensors[weights_of(graph, y)].values.copy()
    weights[0, 0, 0, [0, 2, 4]] = 100, 50, 60
    before = with_data(twins(graph, x, c2=0, c4=0), **{weights_of(graph, y): weights})
    after = merge_channels(before)
    assert removed_channels(before, reduce(before)) == 1
    assert after.tensors[weights_of(after, y)].values[0, 0, 0, [0, 2, 4]].tolist() == [100, 110, 0]
    assert_same_meaning(before, after)


@pytest.mark.parametrize("same", ["input", "filter", "both"])
def test_depthwise_channels_are_equal_where_input_and_filter_are(same: str) -> None:
    build = Builder(6)
    x = build.conv2d(build.input(1, 5, 5, 3), 6, (1, 1))
    filtered = build.depthwise(x, padding=AROUND)
    graph = build.graph(y := build.conv2d(filtered, 4))
    graph = twins(small(graph, y), filtered if same == "filter" else x, c4=2)
    before = twins(graph, filtered, c4=2) if same == "both" else graph
    after = reduce(before)
    count = removed_channels(before, after)
    assert (count, left(after, x), left(after, filtered)) == ((1, 5, 5) if same == "both" else (0, 6, 6))
    assert_same_meaning(before, after)


@pytest.mark.parametrize("reader", ["convolution", "dense", "add", "softmax", "output", "full"])
def test_all_that_read_a_channel_must_have_room(reader: str) -> None:
    build = Builder(2)
    x = build.conv2d(build.input(1, 4, 4, 3), 6, (1, 1))
    y = build.conv2d(x, 4)
    other = {
        "convolution": lambda: build.conv2d(x, 3, (1, 1)),
        "dense": lambda: build.dense(x, 3),
        "add": lambda: build.apply(Add(), x, build.constant(6)),
        "softmax": lambda: build.apply(Softmax(), x, scale=1 / 256, zero=-128),
        "output": lambda: x,
        "full": lambda: build.conv2d(x, 3, (1, 1)),
    }[reader]()
    graph = small(build.graph(y, other), y, *([other] if reader in ("convolution", "dense") else []))
    if reader == "full":
        weights = graph.tensors[weights_of(graph, other)].values.copy()
        weights[1, 0, 0, [1, 3]] = 100
        graph = with_data(graph, **{weights_of(graph, other): weights})
    before = twins(graph, x, c3=1)
    after = merge_channels(before)
    assert removed_channels(before, reduce(before)) == (reader in ("convolution", "dense"))
    assert (after == before) == (reader not in ("convolution", "dense"))
    assert_same_meaning(before, reduce(before))


def test_everything_on_the_way_gets_narrower() -> None:
    """Depthwise convolutions that treat both alike, pools, tables, arithmetic, concatenation, a mean, flattening."""
    build = Builder(3)
    source = build.input(1, 8, 8, 3, scale=0.05, zero=-5)
    x = build.conv2d(source, 6, (1, 1), like=source)
    filtered = build.depthwise(x, padding=AROUND, like=source)
    pooled = build.apply(MaxPool2D(size=(2, 2), stride=(2, 2)), filtered, like=source)
    table = tuple(build.random.integers(-128, 128, 256).tolist())
    averaged = build.apply(
        AveragePool2D(size=(3, 3), padding=AROUND), build.apply(Lut(table=table), pooled, like=source)
    )
    scaled = build.apply(Mul(), build.constant(6), averaged, like=source)
    squared = build.apply(Add(), scaled, scaled, like=source)
    joined = build.apply(Concatenation(axis=3), scaled, squared, like=source)
    flat = build.apply(Reshape(shape=(1, 4 * 4 * 12)), joined, like=source)
    mean = build.apply(Mean(axes=(1, 2)), joined, like=source)
    y, z = build.dense(flat, 3), build.dense(mean, 4)
    graph = twins(twins(small(build.graph(y, z), y, z), x, c4=2), filtered, c4=2)
    factors = str(graph.producers()[scaled].inputs[0])
    data = graph.tensors[factors].values.copy()
    assert merge_channels(graph) == graph  # the factors differ
    data[4] = data[2]
    before = with_data(graph, **{factors: data})
    after = reduce(before)
    count = removed_channels(before, after)
    assert count == 1
    assert {left(after, name) for name in (x, filtered, pooled, averaged, scaled)} == {5}
    assert {left(after, name) for name in (joined, mean)} == {10}
    assert_same_meaning(before, after)


def test_equal_layers_upstream_make_equal_layers_downstream() -> None:
    """Channels 1 and 3 of t read equal channels of x, with other weights but the same sums."""
    build = Builder(4)
    x = build.conv2d(build.input(1, 5, 5, 3), 4, (1, 1))
    t = build.conv2d(x, 4, (1, 1))
    y = build.conv2d(t, 4)
    graph = twins(twins(small(build.graph(y), t, y), x, c2=0), t, c3=1)
    weights = graph.tensors[weights_of(graph, t)].values.copy()
    weights[1, 0, 0, [0, 2]], weights[3, 0, 0, [0, 2]] = (40, -10), (25, 5)
    before = with_data(graph, **{weights_of(graph, t): weights})
    after = reduce(before)
    count = removed_channels(before, after)
    assert (count, left(after, x), left(after, t)) == (2, 3, 3)
    assert_same_meaning(before, after)


def test_constants_of_one_value_are_equal_where_padding_keeps_them_from_the_bias() -> None:
    graph, x, _ = chain()
    weights, bias = graph.tensors[weights_of(graph, x)].values.copy(), str(graph.producers()[x].inputs[2])
    weights[[0, 2]] = 0
    biases = graph.tensors[bias].values.copy()
    biases[[0, 2]] = 2**26
    before = with_data(graph, **{weights_of(graph, x): weights, bias: biases})
    after = reduce(before)
    count = removed_channels(before, after)
    assert (count, left(after, x)) == (1, 5)
    assert_same_meaning(before, after)


@pytest.mark.parametrize(("twin_count", "kept"), [(1, 12), (3, 12), (4, 8), (5, 8), (6, 8), (7, 8), (8, 4), (11, 4)])
def test_nothing_is_merged_that_would_stay_to_fill_the_last_four(
    twin_count: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    build = Builder(5)
    x = build.conv2d(build.input(1, 4, 4, 3), 12, (1, 1))
    y = build.conv2d(x, 4, padding=AROUND)
    before = twins(small(build.graph(y), y), x, **{f"c{channel}": 0 for channel in range(1, 1 + twin_count)})
    after = reduce(before)
    count = removed_channels(before, after)
    assert (left(after, x), count) == (kept, 12 - kept)
    assert reduce(after) == after
    assert (after == before) == (kept == 12)
    assert_same_meaning(before, after)


def drawn(seed: int) -> Graph:
    """A layer, up to four operators that keep its channels apart, a layer, and so on; branches join now and then."""
    build = Builder(seed)
    x = source = build.input(1, 6, 6, 3, scale=0.05, zero=-5)
    for _ in range(build.random.integers(2, 4)):
        x = build.conv2d(x, int(build.random.integers(3, 10)), (1, 1), like=source)
        for kind in build.random.integers(0, 6, build.random.integers(0, 5)).tolist():
            x = _keeping_apart(build, x, source, kind)
    y = build.conv2d(x, 4) if build.random.random() < 0.5 else build.dense(x, 3)
    return build.graph(y, *([x] if build.random.random() < 0.1 else []))


def _keeping_apart(build: Builder, x: str, source: str, kind: int) -> str:
    count = build[x].shape[-1]
    if kind == 0:
        return build.depthwise(x, padding=AROUND, like=source)
    if kind == 1:
        return build.apply(MaxPool2D(size=(3, 3), padding=AROUND), x, like=source)
    if kind == 2:
        return build.apply(Lut(table=tuple(build.random.integers(-128, 128, 256).tolist())), x, like=source)
    if kind == 3:
        return build.apply(Add(), x, build.conv2d(x, count, (1, 1), like=source), like=source)
    if kind == 4:
        return build.apply(Mul(), x, build.constant(1, 1, 1, 1), like=source)
    return build.apply(Concatenation(axis=3), x, build.conv2d(x, 2, padding=AROUND, like=source), like=source)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
def test_any_graph_means_the_same_afterwards(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    monkeypatch.setattr(channels, "ALIGNMENT", int(random.choice([1, 2, 4])))
    graph = with_twins(drawn(seed), random)
    before = planted(graph, seed) if random.random() < 0.3 else graph
    after = reduce(before)
    count = removed_channels(before, after)
    assert reduce(after) == after
    assert after.macs() < before.macs() or count == 0
    for operation in after.operations:
        operands = after.operands(operation)
        assert all(constraint.holds(operation.op, operands) for constraint in operation.op.constraints)
    assert_same_meaning(before, after)


def with_twins(graph: Graph, random: np.random.Generator) -> Graph:
    """Every layer gets channels as others of it, mostly as the first, and mostly weights that leave room."""
    for operation in graph.operations:
        if isinstance(operation.op, Conv2D | DepthwiseConv2D | FullyConnected):
            (name,), count = operation.outputs, graph.tensors[operation.outputs[0]].shape[-1]
            chosen = {f"c{c}": int(random.integers(0, min(c, 2))) for c in range(1, count) if random.random() < 0.8}
            graph = twins(graph, name, **chosen)
            graph = small(graph, name) if random.random() < 0.8 else graph
    return graph
