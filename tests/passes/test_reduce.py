"""What cannot matter goes, whatever the graph: the numpy meaning before and after on random and extreme inputs."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import graphs
from graphs import samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import planted

from tinyc.ir import Graph
from tinyc.oracle import evaluate
from tinyc.passes import channels
from tinyc.passes.reduce import reduce

THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def assert_same_meaning(before: Graph, after: Graph, *, count: int = 2) -> None:
    """Every output, and every tensor that kept its name, on random and on extreme inputs."""
    assert before.inputs == after.inputs
    assert before.outputs == after.outputs
    for sample in samples(before, count=count):
        expected, found = evaluate(before, sample), evaluate(after, sample)
        for name in expected.keys() & found.keys():
            assert np.array_equal(expected[name], found[name]), name


@THOROUGH
@given(graph=graphs(), seed=st.integers(0, 2**16), alignment=st.sampled_from([1, 2, 4]))
@pytest.mark.slow
def test_any_graph_means_the_same_afterwards(graph: Graph, seed: int, alignment: int) -> None:
    before = planted(graph, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "ALIGNMENT", alignment)
        after = reduce(before)
        assert reduce(after) == after
    assert after.macs() <= before.macs()
    for operation in after.operations:
        operands = after.operands(operation)
        assert all(constraint.holds(operation.op, operands) for constraint in operation.op.constraints)
    assert_same_meaning(before, after)
