"""Operations vanish that change no value, and only if what follows reads the same real numbers."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import Builder, samples

from tinyc.ir import Graph
from tinyc.ops import Lut
from tinyc.oracle import evaluate
from tinyc.passes.drop_identity import drop_identity

IDENTITY = (*range(128), *range(-128, 0))
RELU = (*range(128), *([0] * 128))


def tables(first: tuple[int, ...], second: tuple[int, ...], *, scale: float = 0.05) -> Graph:
    """A table, then another one whose output has `scale`, then a layer."""
    build = Builder(1)
    source = build.input(1, 4, scale=0.05, zero=0)
    t = build.apply(Lut(table=first), source, like=source)
    return build.graph(build.dense(build.apply(Lut(table=second), t, scale=scale, zero=0), 3))


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (tables(RELU, IDENTITY), ["lut", "fully_connected"]),
        (tables(RELU, RELU), ["lut", "fully_connected"]),  # nothing is left to clamp
        (tables(IDENTITY, RELU), ["lut", "fully_connected"]),
        (tables(RELU, (1, *IDENTITY[1:])), ["lut", "lut", "fully_connected"]),
        (tables(RELU, (*IDENTITY[:127], 0, *IDENTITY[128:])), ["lut", "lut", "fully_connected"]),
        (tables(RELU, IDENTITY, scale=0.06), ["lut", "lut", "fully_connected"]),  # the layer's multiplier would differ
    ],
)
def test_tables(before: Graph, kept: list[str]) -> None:
    after = drop_identity(before)
    assert [operation.op.kind for operation in after.operations] == kept
    (name,) = before.outputs
    for sample in samples(before, count=3):
        assert np.array_equal(evaluate(before, sample)[name], evaluate(after, sample)[name])
