"""A depthwise convolution of one channel becomes a convolution, others stay."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import graphs
from graphs import Builder, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import planted

from tinyc.ir import Graph, to_text
from tinyc.ops import Activation, DepthwiseConv2D, Padding
from tinyc.oracle import evaluate
from tinyc.passes import rewrite
from tinyc.passes.depthwise_to_conv2d import depthwise_to_conv2d


def test_one_channel() -> None:
    build = Builder(1)
    source = build.input(1, 5, 5, 1, scale=0.05, zero=-5)
    y = build.depthwise(
        source, (3, 2), multiplier=4, stride=(2, 1), padding=Padding(1, 0, 1, 1), activation=Activation.RELU
    )
    before = build.graph(y)
    after = depthwise_to_conv2d(before)
    assert to_text(after) == (
        to_text(before)
        .replace("  const w1:int8[1x3x2x4] per-axis 3\n", "")
        .replace("per-axis 0\n", "per-axis 0\n  const w1:conv2d:int8[4x3x2x1] per-axis 0\n", 1)
        .replace("depthwise_conv2d(input0, w1,", "conv2d(input0, w1:conv2d,")
        .replace(", multiplier=4", "")
    )
    for sample in samples(before, count=3):
        assert np.array_equal(evaluate(before, sample)[y], evaluate(after, sample)[y])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(graph=graphs(), seed=st.integers(0, 2**16))
@pytest.mark.slow
def test_later_passes_leave_no_other_of_one_channel(graph: Graph, seed: int) -> None:
    """Tensors that lose channels keep four: no kernel need take such a layer."""
    after = rewrite(planted(graph, seed))
    windows = [after.operands(o) for o in after.operations if isinstance(o.op, DepthwiseConv2D)]
    assert all(operands.input(0).hwc[2] > 1 for operands in windows)


@pytest.mark.parametrize("channels", [2, 3])
def test_several_channels(channels: int) -> None:
    build = Builder(2)
    before = build.graph(build.depthwise(build.input(1, 5, 5, channels), multiplier=2))
    assert depthwise_to_conv2d(before) == before
