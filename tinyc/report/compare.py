"""Compare what the target computed with what the model means: every output value, and every row of every surviving tensor."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyc.ir import DType, Graph, Operands, Tensor
from tinyc.ir.types import Array
from tinyc.lower import Layer, Program
from tinyc.ops import Dequantize
from tinyc.oracle import evaluate
from tinyc.oracle.tflite import Witness
from tinyc.report.report import Check
from tinyc.run import RunResult

ORACLE = "numpy statement of TensorFlow Lite Micro's arithmetic"

Sample = tuple[Array, ...]


def make_samples(inputs: Sequence[Tensor], *, count: int, seed: int) -> tuple[Sample, ...]:
    """`count` full-range random samples, then all-minimum, all-maximum and all-zero-point ones, as stored values."""
    random = np.random.default_rng(seed)
    drawn = [tuple(_random(tensor, random) for tensor in inputs) for _ in range(count)]
    edges = [tuple(_constant(tensor, edge) for tensor in inputs) for edge in ("minimum", "maximum", "zero")]
    return (*drawn, *edges)


def _random(tensor: Tensor, random: np.random.Generator) -> Array:
    if tensor.dtype is DType.FLOAT32:
        return random.uniform(-4.0, 4.0, tensor.shape).astype(np.float32)
    low, high = tensor.dtype.limits
    return random.integers(low, high, tensor.shape, dtype=tensor.dtype.value, endpoint=True)


def _constant(tensor: Tensor, edge: str) -> Array:
    if tensor.dtype is DType.FLOAT32:
        value: float = {"minimum": -1e6, "maximum": 1e6, "zero": 0.0}[edge]
    else:
        low, high = tensor.dtype.limits
        zero = 0 if tensor.quantization is None else tensor.zero_point
        value = {"minimum": low, "maximum": high, "zero": zero}[edge]
    return np.full(tensor.shape, value, tensor.dtype.numpy)


@dataclass(slots=True)
class Tally:
    """The count of a comparison so far; `first` describes the first thing that differed."""

    values: int = 0
    mismatches: int = 0
    largest: float = 0.0
    rows: int = 0
    row_mismatches: int = 0
    first: str = ""
    layers: set[int] = field(default_factory=set)

    def compare(self, what: str, found: Array, expected: Array) -> None:
        self.values += expected.size
        wrong = found.reshape(-1).view(np.uint8) != expected.reshape(-1).view(np.uint8)
        differing = np.flatnonzero(wrong.reshape(expected.size, -1).any(axis=1))
        self.mismatches += differing.size
        if not differing.size:
            return
        gaps = np.abs(found.reshape(-1).astype(np.float64) - expected.reshape(-1).astype(np.float64))
        self.largest = max(self.largest, float(np.nan_to_num(gaps[differing], nan=np.inf).max()))
        index = int(differing[0])
        self.note(f"{what}[{index}] is {found.reshape(-1)[index]}, should be {expected.reshape(-1)[index]}")

    def note(self, first: str) -> None:
        self.first = self.first or first


def check(
    *, original: Graph, program: Program, samples: Sequence[Sample], result: RunResult, witness: Witness
) -> Check:
    """Numpy defines every value; where the witness runs the model it must agree with numpy, and rewriting must change nothing.

    `original` is the graph as imported.  `samples` are stored values of the program's inputs.
    """
    tally = Tally()
    graph = program.plan.graph
    for number, sample in enumerate(samples):
        values = evaluate(graph, dict(zip(graph.inputs, sample, strict=True)))
        rows = None if result.row_crcs is None else result.row_crcs[number]
        compare_run(tally, program, values, result.outputs[number], rows, number)
        _compare_original(tally, original, graph, sample, values, witness, number)
    return Check(
        oracle=ORACLE,
        witness=witness.name,
        witness_note=witness.note,
        values=tally.values,
        mismatches=tally.mismatches,
        max_abs_difference=tally.largest,
        tensors=len(tally.layers),
        tensor_rows=tally.rows,
        row_mismatches=tally.row_mismatches,
        first=tally.first,
    )


def compare_run(
    tally: Tally,
    program: Program,
    values: Mapping[str, Array],
    outputs: Sequence[Array],
    rows: Sequence[tuple[int, int]] | None,
    number: int,
) -> None:
    """What the target computed on sample `number`, every output value and the CRC of every row, against numpy's `values`."""
    for port, found in zip(program.outputs, outputs, strict=True):
        tally.compare(f"sample {number}: output {port.name}", found, values[port.name])
    if rows is not None:
        _compare_rows(tally, program, values, rows, number)


def _compare_rows(
    tally: Tally, program: Program, values: Mapping[str, Array], found: Sequence[tuple[int, int]], number: int
) -> None:
    expected = list(expected_rows(program, values))
    tally.rows += len(expected)
    tally.layers.update(layer for layer, _ in expected)
    if len(found) != len(expected):
        tally.row_mismatches += abs(len(found) - len(expected))
        tally.note(f"sample {number}: the target reported {len(found)} rows, should be {len(expected)}")
        return
    calls = list(program.calls())
    for (layer, row), got, want in zip(calls, found, expected, strict=True):
        if got != want:
            tally.row_mismatches += 1
            where = "the whole output" if row is None else f"row {row}"
            tally.note(f"sample {number}: {where} of layer {layer} ({program.layers[layer].name}) differs")


def expected_rows(program: Program, values: Mapping[str, Array]) -> Iterator[tuple[int, int]]:
    """(layer index, CRC-32 of the bytes written) of every kernel call, in order, as numpy has them."""
    tensors = [_written(program, layer, values) for layer in program.layers]
    for index, row, x0, x1 in program.ranges():
        tensor = tensors[index]
        yield index, zlib.crc32((tensor if row is None else tensor[row, x0:x1]).tobytes())


def _written(program: Program, layer: Layer, values: Mapping[str, Array]) -> Array:
    """The layer's output as (rows, columns, channels); a copy writes what its input holds."""
    name = layer.tensor.name
    if name not in values:
        source = program.plan.steps[layer.index].operands.input(0)
        array = source.values if source.is_constant else values[source.name]
    else:
        array = values[name]
    return np.ascontiguousarray(array).reshape(layer.tensor.hwc)


def _compare_original(
    tally: Tally,
    original: Graph,
    graph: Graph,
    sample: Sample,
    values: Mapping[str, Array],
    witness: Witness,
    number: int,
) -> None:
    """The unrewritten model's outputs, by numpy and by the witness, against the rewritten model's."""
    stored = {
        name: _as_declared(original.tensors[name], graph.tensors[inner], array)
        for name, inner, array in zip(original.inputs, graph.inputs, sample, strict=True)
    }
    meant = evaluate(original, stored)
    for name, inner in zip(original.outputs, graph.outputs, strict=True):
        got = _as_declared(original.tensors[name], graph.tensors[inner], values[inner])
        tally.compare(f"sample {number}: rewritten output {name}", got, meant[name])
    confirmed = witness.run(tuple(stored[name] for name in original.inputs))
    if confirmed is None:
        return
    for name, array in zip(original.outputs, confirmed, strict=True):
        tally.compare(f"sample {number}: {witness.name} has for {name}", meant[name], array)


def _as_declared(declared: Tensor, inner: Tensor, array: Array) -> Array:
    """A stored value as the model file declares it: dequantized where the boundary was dropped."""
    if declared.dtype is inner.dtype:
        return array
    (real,) = Dequantize().evaluate(Operands(inputs=(inner,), outputs=(declared,)), (array,))
    return real
