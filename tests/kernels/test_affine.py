"""Affine forms of sums: found where ties make it hard, and equal on every pair when run."""

from __future__ import annotations

import numpy as np
import pytest
from driver import Case, has_tools, run_cases

from tinyc.ir import DType, Operands, Quantization, Tensor
from tinyc.kernels.affine import affine
from tinyc.kernels.elementwise_dsp import KERNELS
from tinyc.ops import Activation, Add, Sub

SCALES = (
    (0.05, 0.05, 0.05),  # integers
    (0.05, 0.05, 0.1),  # every odd sum is a tie
    (0.05, 0.025, 0.1),
    (0.04, 0.1, 0.05),  # a factor of 2
    (0.04, 0.08, 0.06),
    (0.9, 0.001, 1.7),
)
EVERY = np.arange(-128, 128, dtype=np.int8)


def _tensor(name: str, scale: float, zero: int) -> Tensor:
    quantization = Quantization(scales=(float(np.float32(scale)),), zero_points=(zero,))
    return Tensor(name=name, shape=(1, 1, 256, 256), dtype=DType.INT8, quantization=quantization)


@pytest.mark.parametrize("target", ("host", "an386"))
def test_every_pair_of_inputs_is_equal(target: str) -> None:
    if not has_tools(target):
        pytest.skip(f"no tools for {target}")
    cases, expected = [], []
    for op in (Add(), Sub(), Add(activation=Activation.RELU6)):
        for a, b, y in SCALES[:3] if target == "an386" else SCALES:
            tensors = _tensor("a", a, -128), _tensor("b", b, 4), _tensor("y", y, -3)
            operands = Operands(inputs=tensors[:2], outputs=tensors[2:])
            values = tuple(np.ascontiguousarray(v).reshape(1, 1, 256, 256) for v in np.meshgrid(EVERY, EVERY))
            kernel = next(k for k in KERNELS if k.op is type(op) and k.accepts(op, operands))
            cases.append(Case(kernel=kernel, op=op, operands=operands, values=values, shared=True))
            expected.append(op.evaluate(operands, values)[0])
    for result, want in zip(_batches(cases, target), expected, strict=True):
        np.testing.assert_array_equal(result, want)


def _batches(cases: list[Case], target: str) -> list[np.ndarray]:
    """A few cases a program: their data is written out as C."""
    return [r.output for i in range(0, len(cases), 3) for r in run_cases(cases[i : i + 3], target=target)]


def test_a_form_that_would_overflow_is_not_taken() -> None:
    tensors = _tensor("a", 0.5, 0), _tensor("b", 0.5, 0), _tensor("y", 0.0001, 0)
    assert affine(Add(), Operands(inputs=tensors[:2], outputs=tensors[2:])) is None
