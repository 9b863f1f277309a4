"""Ask every witness at hand: numpy, tflite-runtime's reference kernels and TensorFlow Lite Micro must agree to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tinyc.frontends.tflite import load
from tinyc.ir import DType, Tensor
from tinyc.ir.types import Array
from tinyc.oracle import evaluate
from tinyc.oracle.tflite import open_witness

ARENA = 1 << 22


def seeds(quick: int, thorough: int) -> list[object]:
    """Seeds to parametrize by: the first `quick` always, the others in the slow tier only."""
    later = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(quick, thorough)]
    return [*range(quick), *later]


def samples(inputs: Sequence[Tensor], *, count: int = 3, seed: int = 0) -> list[tuple[Array, ...]]:
    """Full-range random inputs, then all minimum, all maximum and all zero point."""
    random = np.random.default_rng(seed)
    drawn = [tuple(_random(t, random) for t in inputs) for _ in range(count)]
    return drawn + [tuple(_edge(t, edge) for t in inputs) for edge in (0, 1, 2)]


def _random(tensor: Tensor, random: np.random.Generator) -> Array:
    if tensor.dtype is DType.FLOAT32:
        return random.normal(0.0, 3.0, tensor.shape).astype(np.float32)
    low, high = tensor.dtype.limits
    return random.integers(low, high, tensor.shape, endpoint=True).astype(tensor.dtype.numpy)


def _edge(tensor: Tensor, edge: int) -> Array:
    if tensor.dtype is DType.FLOAT32:
        return np.full(tensor.shape, (-1e4, 1e4, 0.0)[edge], np.float32)
    low, high = tensor.dtype.limits
    return np.full(tensor.shape, (low, high, tensor.zero_point)[edge], tensor.dtype.numpy)


def micro(model: bytes, inputs: Sequence[Sequence[Array]]) -> list[tuple[Array, ...]]:
    """What TensorFlow Lite Micro computes."""
    runtime = pytest.importorskip("tflite_micro", reason="the tflite-micro wheel is not installed").runtime
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ARENA)
    results = []
    for sample in inputs:
        for index, value in enumerate(sample):
            interpreter.set_input(value, index)
        interpreter.invoke()
        results.append(tuple(interpreter.get_output(i) for i in range(_outputs(model))))
    return results


def _outputs(model: bytes) -> int:
    import tflite

    return int(tflite.Model.GetRootAs(model, 0).Subgraphs(0).OutputsLength())


def agree(
    model: bytes,
    folder: Path,
    *,
    seed: int = 0,
    lite: bool = True,
    tflm: bool = True,
    extra: Sequence[tuple[Array, ...]] = (),
) -> None:
    """Fail where numpy and a witness differ in one value.  `lite`, `tflm`: which witnesses know the operator."""
    path = folder / "model.tflite"
    path.write_bytes(model)
    graph = load(path).graph
    stored = samples([graph.tensors[name] for name in graph.inputs], seed=seed)
    stored += extra
    meant = []
    for sample in stored:
        values = evaluate(graph, dict(zip(graph.inputs, sample, strict=True)))
        meant.append(tuple(values[name] for name in graph.outputs))
        for name, value in values.items():
            assert value.shape == graph.tensors[name].shape
            assert value.dtype == graph.tensors[name].dtype.numpy
    if lite:
        pytest.importorskip("tflite_runtime", reason="tflite-runtime is not installed")
        witness = open_witness(path, graph)
        assert witness.name, witness.note
        found = [witness.run(sample) for sample in stored]
        assert any(found), "the witness said nothing"
        _same(found, meant, witness.name)
    if tflm:
        _same(micro(model, stored), meant, "TFLM")


def _same(found: Sequence[Sequence[Array] | None], meant: Sequence[Sequence[Array]], who: str) -> None:
    for number, (theirs, ours) in enumerate(zip(found, meant, strict=True)):
        if theirs is None:  # a known fault shows on this sample
            continue
        for a, b in zip(theirs, ours, strict=True):
            a = a.reshape(b.shape)
            assert a.dtype == b.dtype
            wrong = np.argwhere(a != b)
            assert not len(wrong), (
                f"sample {number}, {len(wrong)} of {a.size} values differ from {who}, first at {wrong[0]}: "
                f"{b[tuple(wrong[0])]} should be {a[tuple(wrong[0])]}"
            )
