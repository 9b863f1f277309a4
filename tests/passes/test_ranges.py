"""No value ever leaves its range, ends are reached where they should be, and accumulators that may overflow are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import graphs
from graphs import Builder, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import planted, with_data

from tinyc.ir import Graph, Quantization
from tinyc.ops import Activation, Add, Lut, MaxPool2D, Mul, Padding, Sub
from tinyc.oracle import evaluate
from tinyc.passes.ranges import overflowing, value_ranges

THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@THOROUGH
@given(graph=graphs(), seed=st.integers(0, 2**16))
def test_no_value_leaves_its_range(graph: Graph, seed: int) -> None:
    graph = planted(graph, seed)
    ranges = value_ranges(graph)
    for sample in samples(graph, count=2, seed=seed):
        values = evaluate(graph, sample)
        for name, (low, high) in ranges.items():
            value = values[name].astype(np.int64)
            assert (value >= low).all() and (value <= high).all(), name


def ends(graph: Graph, name: str) -> tuple[list[int], list[int]]:
    low, high = value_ranges(graph)[name]
    return low.tolist(), high.tolist()


def test_the_ends_of_a_layer_are_reached() -> None:
    """By the inputs that are greatest where a weight is positive and least where it is negative, and the other way round."""
    build = Builder(1)
    source = build.input(1, 6, scale=0.02, zero=-5)
    graph = build.graph(build.dense(source, 3, activation=Activation.RELU))
    weights = graph.operands(graph.operations[0]).input(1).values
    low, high = ends(graph, "t0")
    for channel in range(3):
        rising = np.where(weights[channel] > 0, 127, -128).astype(np.int8).reshape(1, 6)
        falling = (-1 - rising).astype(np.int8)
        found = [int(evaluate(graph, {source: x})["t0"][0, channel]) for x in (falling, rising)]
        assert found == [low[channel], high[channel]]


def test_padding_brings_in_the_zero_point() -> None:
    build = Builder(2)
    source = build.input(1, 3, 3, 1, scale=0.05, zero=0)
    constant = build.apply(Lut(table=(100,) * 256), source, like=source)
    bare = build.conv2d(constant, 1, like=source)
    padded = build.conv2d(constant, 1, padding=Padding(1, 0, 0, 0), like=source)
    graph = build.graph(bare, padded)
    graph = with_data(graph, **{str(o.inputs[1]): np.full((1, 3, 3, 1), 2, np.int8) for o in graph.operations[1:]})
    graph = with_data(graph, **{str(o.inputs[2]): np.zeros(1, np.int32) for o in graph.operations[1:]})
    (low,), (high,) = ends(graph, bare)
    assert low == high > 0
    (low,), (high,) = ends(graph, padded)
    assert low == 0 < high


def test_tables_and_clamps_bound_what_follows() -> None:
    build = Builder(3)
    source = build.input(1, 2, 2, 2, scale=0.05, zero=0)
    table = [7] * 128 + [-3] * 128
    t = build.apply(Lut(table=tuple(table)), source, like=source)
    pooled = build.apply(MaxPool2D(size=(2, 2), activation=Activation.RELU), t, like=source)
    total = build.apply(Add(), pooled, t, like=source)
    apart = build.apply(Sub(), pooled, t, like=source)
    product = build.apply(Mul(), t, t, scale=0.05 * 0.05, zero=0)
    graph = build.graph(total, apart, product)
    assert ends(graph, t) == ([-3, -3], [7, 7])
    assert ends(graph, pooled) == ([0, 0], [7, 7])
    assert ends(graph, total) == ([-3, -3], [14, 14])
    assert ends(graph, apart) == ([-7, -7], [10, 10])
    assert ends(graph, product) == ([-21, -21], [49, 49])


@pytest.mark.parametrize(("bias", "named"), [(2**31 - 1 - 255 * 508, False), (2**31 - 255 * 508, True)])
def test_an_accumulator_that_may_overflow_is_named(bias: int, named: bool) -> None:
    build = Builder(4)
    source = build.input(1, 4, scale=0.05, zero=-128)
    graph = build.graph(build.dense(source, 2))
    _, weights, biases = graph.operations[0].inputs
    graph = with_data(graph, **{str(weights): np.array([[127] * 4, [0] * 4], np.int8)})
    graph = with_data(graph, **{str(biases): np.array([bias, 0], np.int32)})
    assert overflowing(graph) == (("fully_connected_0",) if named else ())


def test_products_that_cancel_may_overflow_on_the_way() -> None:
    build = Builder(5)
    source = build.input(1, 2, scale=0.05, zero=0)
    hundred = build.apply(Lut(table=(100,) * 256), source, like=source)
    graph = build.graph(build.dense(hundred, 1))
    _, weights, bias = graph.operations[1].inputs
    graph = with_data(graph, **{str(weights): np.array([[127, -127]], np.int8)})
    near, beyond = (np.array([2**31 - 1 - 12_700 + more], np.int32) for more in (0, 1))
    assert overflowing(with_data(graph, **{str(bias): near})) == ()
    assert overflowing(with_data(graph, **{str(bias): beyond})) == ("fully_connected_1",)


def test_sums_that_wrap_when_they_are_shifted_may_be_anything() -> None:
    """Both ends, 100 and 65890, wrap to a positive number when they are shifted by 16 bits; what lies between does not."""
    build = Builder(6)
    source = build.input(1, 3, scale=1.0, zero=-128)
    graph = build.graph(build.dense(source, 1, like=source))
    _, weights, bias = graph.operations[0].inputs
    coarse = replace(graph.tensors[str(weights)], quantization=Quantization(scales=(40_000.0,), zero_points=(0,)))
    graph = replace(graph, tensors={**graph.tensors, str(weights): coarse})
    graph = with_data(graph, **{str(weights): np.array([[127, 127, 4]], np.int8)})
    graph = with_data(graph, **{str(bias): np.array([100], np.int32)})
    wrapped = evaluate(graph, {source: np.array([[127, 127, -128]], np.int8)})["t0"]
    assert wrapped.tolist() == [[-128]]
    assert ends(graph, "t0") == ([-128], [127])


def test_products_that_wrap_when_they_are_shifted_may_be_anything() -> None:
    build = Builder(7)
    source = build.input(1, 2, scale=1.0, zero=-128)
    graph = build.graph(build.apply(Mul(activation=Activation.RELU), source, source, scale=2**-15.5, zero=-128))
    wrapped = evaluate(graph, {source: np.full((1, 2), 127, np.int8)})["t0"]
    assert wrapped.tolist() == [[-128, -128]]
    assert ends(graph, "t0") == ([-128] * 2, [127] * 2)
