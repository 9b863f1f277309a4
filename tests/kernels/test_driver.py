"""The driver of kernel tests itself: it fails where a kernel leaves its scratch or its output."""

from __future__ import annotations

from dataclasses import replace

import pytest
from driver import Case, has_tools, run_cases
from layers import Layers

from tinyc.kernels import conv2d
from tinyc.kernels.contract import Kernel

FOUND = {"host": "heap-buffer-overflow", "an386": "a kernel wrote outside of its output and its scratch"}


def _case() -> Case:
    layer = Layers(1).convolution((1, 5, 5, 8), (3, 3), 8, bias=False)
    kernel = next(row for row in conv2d.KERNELS if row.name == "conv2d_s8__dsp")
    return Case(kernel=kernel, op=layer.op, operands=layer.operands, values=layer.values)


def _needing_less(kernel: Kernel, bytes: int) -> Kernel:
    return replace(kernel, scratch=lambda op, operands: kernel.scratch(op, operands) - bytes)


@pytest.mark.parametrize("target", FOUND)
def test_a_byte_beyond_scratch_is_found(target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    case = _case()
    run_cases([case], target=target)
    with pytest.raises(AssertionError, match=FOUND[target]):
        run_cases([replace(case, kernel=_needing_less(case.kernel, 1))], target=target)


@pytest.mark.parametrize("target", FOUND)
@pytest.mark.parametrize("ranges", [((-1, 3),), ((1, 4),)], ids=["before", "after"])
def test_a_byte_around_the_output_is_found(ranges: tuple[tuple[int, int], ...], target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    with pytest.raises(AssertionError, match=FOUND[target]):
        run_cases([replace(_case(), ranges=ranges)], target=target)
