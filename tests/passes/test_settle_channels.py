"""Channels that cannot vary are said to be constant, those that can are not touched."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import Builder, samples
from planted import with_data

from tinyc.ir import Graph
from tinyc.ops import Activation
from tinyc.oracle import evaluate
from tinyc.passes.ranges import accumulators, value_ranges
from tinyc.passes.settle_channels import settle_channels


def layer(kind: str) -> Graph:
    """One layer of four output channels with a relu."""
    build = Builder(1)
    source = build.input(1, 4, 4, 4, scale=0.05, zero=-5)
    if kind == "conv2d":
        y = build.conv2d(source, 4, activation=Activation.RELU)
    elif kind == "depthwise_conv2d":
        y = build.depthwise(source, activation=Activation.RELU)
    else:
        y = build.dense(source, 4, activation=Activation.RELU)
    return build.graph(y)


def with_bias(graph: Graph, channel: int, value: int) -> Graph:
    name = str(graph.operations[0].inputs[2])
    biases = graph.tensors[name].values.copy()
    biases[channel] = value
    return with_data(graph, **{name: biases})


def dead_bias(graph: Graph) -> int:
    """The greatest bias of channel 2 for which its sums never leave the relu's zero."""
    (operation,) = graph.operations
    operands = graph.operands(operation)
    sums = accumulators(operation.op, operands, value_ranges(graph)["input0"])  # type: ignore[arg-type]
    return int(operands.input(2).values[2] - sums.high[2])


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_a_bias_that_saturates_the_clamp(kind: str) -> None:
    graph = layer(kind)
    before = with_bias(graph, 2, dead_bias(graph))
    after = settle_channels(before)
    weights, bias = (after.operands(after.operations[0]).input(index).values for index in (1, 2))
    weights = np.moveaxis(weights, 3 if kind == "depthwise_conv2d" else 0, 0)
    assert not weights[2].any() and weights[[0, 1, 3]].any()
    assert bias[2] < 0
    assert settle_channels(after) == after
    for sample in samples(before, count=3):
        (name,) = before.outputs
        assert np.array_equal(evaluate(before, sample)[name], evaluate(after, sample)[name])


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_a_sum_that_can_leave_it_stays(kind: str) -> None:
    graph = layer(kind)
    (operation,) = graph.operations
    scale = graph.tensors[operation.outputs[0]].scale
    weights = graph.operands(operation).input(1).quantization
    assert weights is not None
    step = round(scale / (0.05 * weights.scales[2]))
    before = with_bias(graph, 2, dead_bias(graph) + step)
    assert settle_channels(before) == before


def test_sums_that_could_wrap_are_not_known() -> None:
    graph = layer("conv2d")
    before = with_bias(graph, 2, -(2**31))
    assert settle_channels(before) == before
