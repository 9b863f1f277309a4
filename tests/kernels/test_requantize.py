"""The five-instruction requantization and dual packing: exact where they say so, refused where they are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layers import Layers

from tinyc.ir import Operands
from tinyc.kernels.packing import dual_is_exact, group_order, pack_dual, pack_plain, run_order, window_order
from tinyc.kernels.requantize import FastRequantization, Ties, accumulator_range, fast
from tinyc.ops.arithmetic import Integers, multiply_by_quantized_multiplier, wrap_int32
from tinyc.ops.attributes import Activation
from tinyc.ops.fully_connected import FullyConnected


def _five_instructions(sums: Integers, rows: Integers, ties: Ties) -> Integers:
    """ADD, ADD, SMMLAR, ASR, SSAT as the core executes them; `sums` is [samples, channels]."""
    bias2, multiplier, offset, shift = (rows[:, i] for i in range(4))
    doubled = wrap_int32(bias2 + 2 * sums)
    tie = (doubled >> 31) if ties is Ties.CORRECTED else 0
    high = wrap_int32(wrap_int32(offset + tie) + ((doubled * multiplier + 2**31) >> 32))
    return np.clip(high >> shift, -128, 127)


@pytest.mark.parametrize("right", [0, 1, 2, 5, 9, 14, 21, 22])
@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
def test_five_instructions_are_the_two_roundings(right: int, zero_point: int) -> None:
    random = np.random.default_rng(right * 1000 + zero_point + 128)
    ties = Ties.CORRECTED if right else Ties.DROPPED
    for mantissa in (2**30, 2**31 - 1, *random.integers(2**30, 2**31, 20).tolist()):
        steps = np.arange(-40, 41) * 2 ** max(right - 1, 0)
        values = np.concatenate([steps, random.integers(-(2**30) + 1, 2**30, 2000), [-(2**30) + 1, 2**30 - 1]])
        values = values[np.abs(values) < 2**30]
        bias = int(random.integers(-(2**29), 2**29))
        offset = ((1 << right) >> 1) + zero_point * 2**right
        rows = np.array([[wrap_int32(np.int64(2 * bias)), mantissa, offset, right]], np.int64)
        wanted = np.clip(multiply_by_quantized_multiplier(values, mantissa, -right) + zero_point, -128, 127)
        if ties is Ties.DROPPED:
            wanted = np.maximum(wanted, zero_point)
        found = _five_instructions(wrap_int32(values - bias).reshape(-1, 1), rows, ties).reshape(-1)
        if ties is Ties.DROPPED:
            found = np.maximum(found, zero_point)
        np.testing.assert_array_equal(found, wanted)


def _dense(shift: int, activation: Activation = Activation.NONE, weights: str = "random") -> Operands:
    """A dense layer whose real factor is 0.75 * 2^shift."""
    layer = Layers(7).dense((3, 40), 6, depth=40, per_channel=False, activation=activation, weights=weights)
    x, matrix, bias = layer.operands.inputs
    assert x is not None and matrix is not None and matrix.quantization is not None
    scale = 0.75 * 2.0**shift * layer.operands.output.scale / x.scale
    scaled = replace(matrix, quantization=replace(matrix.quantization, scales=(scale,)))
    return replace(layer.operands, inputs=(x, scaled, bias))


def _fast(operands: Operands, activation: Activation = Activation.NONE) -> FastRequantization | None:
    return fast(FullyConnected(activation=activation), activation, operands)


def test_shifts_outside_the_proof_are_refused() -> None:
    assert _fast(_dense(-1)) is not None
    assert _fast(_dense(0)) is None
    assert _fast(_dense(1)) is None
    assert _fast(_dense(0, Activation.RELU), Activation.RELU) is not None


def test_an_output_that_no_input_can_move_is_a_constant() -> None:
    found = _fast(_dense(-40))
    assert found is not None
    assert (found.rows[:, 1] == 0).all()
    output = _five_instructions(np.array([[-(2**20)] * 6, [2**20] * 6]), found.rows, found.ties)
    assert (output == _dense(-40).output.zero_point).all()


def test_accumulator_range_is_reached() -> None:
    operands = _dense(-4)
    weights, x = operands.input(1).values.astype(np.int64), operands.input(0)
    low, high = accumulator_range(weights, x, np.zeros(6, np.int64))
    most = np.where(weights > 0, 127 - x.zero_point, -128 - x.zero_point)
    least = np.where(weights > 0, -128 - x.zero_point, 127 - x.zero_point)
    np.testing.assert_array_equal(high, (weights * most).sum(axis=1))
    np.testing.assert_array_equal(low, (weights * least).sum(axis=1))


def test_dual_words_need_room_for_both_weights_and_for_the_higher_sum() -> None:
    fits = np.array([[-128, 127], [-127, 127]], np.int64)
    assert dual_is_exact(fits, input_limits=(-128, 127))
    assert not dual_is_exact(fits[::-1], input_limits=(-128, 127))
    assert dual_is_exact(np.full((2, 516), 127), input_limits=(-128, 127))
    assert not dual_is_exact(np.full((2, 517), 127), input_limits=(-128, 127))


def test_orders() -> None:
    assert run_order(7).tolist() == [[0, 2], [1, 3], [4, 5], [6, -1]]
    assert window_order(runs=2, length=3).tolist() == [[0, 1], [2, -1], [3, 4], [5, -1]]
    assert group_order(5).tolist() == [[0, 2], [1, 3], [4, -1], [-1, -1]]


def test_packed_words() -> None:
    weights = np.array([[1, 2, 3, 4], [5, 6, 7, -8], [9, 10, 11, 12]], np.int64)
    constants = np.arange(12, dtype=np.int64).reshape(3, 4) + 100
    dual = pack_dual(weights, run_order(4), constants, block=4)
    assert dual[:4].tolist() == [0x0703_0501, 0x000B_0009, (-0x800 + 4) * 2**16 + 0x0602, 0x000C_000A]
    assert dual[4:].tolist() == [*range(100, 112), 0, 0, 0, 0]
    plain = pack_plain(weights, constants, block=4)
    assert plain[:4].tolist() == [0x04030201, -0x07F8F9FB, 0x0C0B0A09, 0]
