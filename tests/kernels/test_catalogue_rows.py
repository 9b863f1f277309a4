"""Every catalogue row against its operator's meaning, bit for bit: random shapes, strides, column ranges, alignments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from driver import Case, has_tools, run_cases
from samples import MAKERS, Sample, sample

from tinyc.ir.types import Array
from tinyc.kernels.catalogue import ALL
from tinyc.kernels.contract import Extent, Isa, Kernel, Strides, contiguous
from tinyc.ops import InvertedBottleneck
from tinyc.plan.overlap import distance

CASES, CLANG_CASES = 32, 8
SPECIALIZED = 5
"""The first cases are compiled with their constants known; the others share one copy of the kernel."""
TARGETS = {Isa.SCALAR: ("host",), Isa.DSP: ("host", "an386", "an386-clang"), Isa.MVE: ("host", "an547")}
ROWS = [
    pytest.param(kernel, target, id=f"{kernel.name}-{kernel.op.kind}-{kernel.extent.name.lower()}-{target}")
    for kernel in ALL
    if kernel.op in MAKERS
    for target in TARGETS[kernel.isa]
]


@pytest.mark.parametrize(("kernel", "target"), ROWS)
def test_row_computes_what_its_operator_means(kernel: Kernel, target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    rng = np.random.default_rng(2026)
    samples = [_accepted(kernel, rng) for _ in range(CLANG_CASES if target == "an386-clang" else CASES)]
    cases = [replace(_case(kernel, s, rng), shared=index >= SPECIALIZED) for index, s in enumerate(samples)]
    for drawn, result in zip(samples, run_cases(cases, target=target), strict=True):
        np.testing.assert_array_equal(result.output, drawn.expected, err_msg=f"{drawn.op}\n{drawn.operands}")


OVERLAPPING = [
    pytest.param(kernel, id=f"{kernel.name}-{kernel.op.kind}-{kernel.extent.name.lower()}")
    for kernel in ALL
    if kernel.op in MAKERS and kernel.extent is not Extent.WHOLE
]


@pytest.mark.parametrize("kernel", OVERLAPPING)
def test_output_may_lie_over_its_dying_input(kernel: Kernel) -> None:
    """At the distance that the planner computes nothing is damaged; one byte nearer something is."""
    if not has_tools("host"):
        pytest.skip("no tools for the host")
    rng = np.random.default_rng(77)
    samples = [s for s in (_accepted(kernel, rng) for _ in range(CASES)) if _can_overlap(kernel, s)]
    sound = [case for s in samples for case in _overlapping(kernel, s, 0)]
    damaged = [case for s in samples for case in _overlapping(kernel, s, _too_near(s))]
    for case, result in zip(sound, run_cases(sound), strict=True):
        np.testing.assert_array_equal(result.output, _expected(case), err_msg=f"{case.op}\n{case.operands}")
    assert any(
        not np.array_equal(result.output, _expected(case))
        for case, result in zip(damaged, run_cases(damaged, flags=("-fno-sanitize=all",)), strict=True)
    )


def _too_near(drawn: Sample) -> int:
    """A byte; of what is stored only when all of its inputs have been read, so many rows more that the next row's inputs are met."""
    if not isinstance(drawn.op, InvertedBottleneck):
        return 1
    x = drawn.operands.input(0)
    return 2 * x.bytes // x.hwc[0] + 1


def _can_overlap(kernel: Kernel, drawn: Sample) -> bool:
    """Input 0 is not broadcast, and its rows follow a rule."""
    hwc = drawn.operands.input(0).hwc, drawn.operands.output.hwc
    if len(drawn.op.activations(drawn.operands)) > 1 and hwc[0] != hwc[1]:
        return False
    return distance(kernel, drawn.op, drawn.operands, 0) is not None


def _overlapping(kernel: Kernel, drawn: Sample, nearer: int) -> Iterator[Case]:
    """One case a direction, `nearer` bytes below the least distance."""
    apart = distance(kernel, drawn.op, drawn.operands, 0)
    assert apart is not None
    case = Case(kernel=kernel, op=drawn.op, operands=drawn.operands, values=drawn.values, shared=True)
    yield replace(case, reach=nearer - apart.ascending)
    if apart.descending is not None:
        ends = drawn.operands.input(0).bytes - drawn.operands.output.bytes
        yield replace(case, reach=ends + apart.descending - nearer, descending=True)


def _expected(case: Case) -> Array:
    return case.op.evaluate(case.operands, case.values)[0]


def _accepted(kernel: Kernel, rng: np.random.Generator) -> Sample:
    for _ in range(2000):
        drawn = sample(kernel.op, rng)
        if kernel.accepts(drawn.op, drawn.operands):
            return drawn
    raise AssertionError(f"{kernel.name} accepts none of the samples")


def _case(kernel: Kernel, drawn: Sample, rng: np.random.Generator) -> Case:
    op, operands = drawn.op, drawn.operands
    close = contiguous(operands, op.activations(operands))
    if kernel.extent is Extent.WHOLE:
        return Case(kernel=kernel, op=op, operands=operands, values=drawn.values, misalignment=int(rng.integers(4)))
    aligned = [operands.input(i).dtype.bytes for i in op.activations(operands)]
    gap_in = kernel.strided_input and rng.random() < 0.5
    gap_out = kernel.strided_output and rng.random() < 0.5
    strides = Strides(
        inputs=tuple(s + gap_in * size * int(rng.integers(8)) for s, size in zip(close.inputs, aligned, strict=True)),
        output=close.output + gap_out * operands.output.dtype.bytes * int(rng.integers(8)),
    )
    long_row = kernel.extent is Extent.LONG_ROW and rng.random() < 0.5
    rows, columns, _ = operands.output.hwc
    return Case(
        kernel=kernel,
        op=op,
        operands=operands,
        values=drawn.values,
        strides=strides,
        ranges=_ranges(rng, rows * columns if long_row else columns),
        misalignment=int(rng.integers(4)),
        long_row=long_row,
    )


def _ranges(rng: np.random.Generator, columns: int) -> tuple[tuple[int, int], ...]:
    """The columns cut at up to two random places."""
    cuts = sorted({0, columns, *(int(c) for c in rng.integers(0, columns + 1, 2))})
    return tuple(pairwise(cuts)) if rng.random() < 0.6 else ((0, columns),)
