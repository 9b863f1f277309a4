"""What the Helium kernels of convolutions and dense layers share: requantization constants and blocks of weights.

Two roundings are exact wherever the first is followed by a right shift of 0..31 (1..31 where negative halves show), and a third form
for all other channels, unless a shift to the left might overflow; one that might but has one value only becomes that value by its bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from tinyc.ir import Op, Operands
from tinyc.kernels.contract import CArray, Isa, Kernel
from tinyc.kernels.requantize import Ties, accumulator_range, bias_values, multipliers, ties_of
from tinyc.ops.arithmetic import Integers, multiply_by_quantized_multiplier, wrap_int32
from tinyc.ops.attributes import Activation, activation_range

STEP = 16
"""Bytes of a vector."""
MOST_SHIFT = 31
HALF = 1 << 30
"""The multiplier 1/2."""
BLOCK_ORDER = np.arange(STEP).reshape(4, 4).T.reshape(-1)
"""The channels of sixteen in the order of their constants: 0, 4, 8, 12, 1, 5, ..."""


class Halves(Enum):
    """How halves are rounded; the values are those of mve/requantize_s8.h."""

    RELU = 0
    TIES = 1
    ANY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantization:
    """Per output channel, for sums of stored (not centered) inputs; channels that are `constant` have no weights."""

    biases: Integers
    multipliers: Integers
    shifts: Integers
    """To the right, not negative."""
    constant: npt.NDArray[np.bool_]
    lefts: Integers
    """Shifts to the left, before the multiplication; none but for `Halves.ANY`."""
    halves: Halves


def requantization(op: Op, activation: Activation, operands: Operands, weights: Integers) -> Requantization | None:
    """The constants for `weights` [channels, inputs], or None where they are not exact for every channel."""
    x, output = operands.input(0), operands.output
    biases = bias_values(operands, len(weights))
    least, most = activation_range(activation, output)
    ties = ties_of(activation, operands)
    factors = multipliers(op, operands)
    mantissas = np.array([f.mantissa for f in factors], np.int64)
    shifts = np.array([f.shift for f in factors], np.int64)
    lowest, highest = accumulator_range(weights, x, biases)
    ends = [
        np.clip(multiply_by_quantized_multiplier(end, mantissas, shifts) + output.zero_point, least, most)
        for end in (lowest, highest)
    ]
    limit = np.int64(1) << (31 - np.maximum(shifts, 0))
    fits = (lowest >= -limit) & (highest < limit)
    constant = (ends[0] == ends[1]) & fits
    simple = (-shifts >= (0 if ties is Ties.DROPPED else 1)) & (-shifts <= MOST_SHIFT)
    if not (simple | constant | (fits & (-shifts <= MOST_SHIFT))).all():
        return None
    plain = Halves.RELU if ties is Ties.DROPPED else Halves.TIES
    folded = wrap_int32(biases - x.zero_point * weights.sum(axis=1))
    return Requantization(
        biases=np.where(constant, 4 * (ends[0] - output.zero_point), folded),
        multipliers=np.where(constant, HALF, mantissas),
        shifts=np.where(constant, 1, np.maximum(-shifts, 0)),
        constant=constant,
        lefts=np.where(constant, 0, np.maximum(shifts, 0)),
        halves=plain if (simple | constant).all() else Halves.ANY,
    )


def channel_constants(by: Requantization) -> Integers:
    """What a channel needs after its sum, in the order of use: multiplier and negated shift, or left shift before them."""
    lefts = [by.lefts] if by.halves is Halves.ANY else []
    return np.stack([*lefts, by.multipliers, -by.shifts])


def constants(by: Requantization, *, copies: int = 1) -> CArray:
    """The rows by blocks of sixteen channels (mve/requantize_s8.h); `copies` of them side by side."""
    data = np.tile(channel_constants(by), (1, copies))
    data = np.pad(data, ((0, 0), (0, -data.shape[1] % STEP)))
    blocks = data.reshape(len(data), -1, STEP)[:, :, BLOCK_ORDER].transpose(1, 0, 2)
    return CArray(c_type="int32_t", data=blocks.reshape(-1).astype(np.int32))


def threes_and_twos(channels: int) -> tuple[int, int]:
    """How many blocks of three channels and then of two hold them all; a single channel is padded to two."""
    twos = -channels % 3
    return max(channels - 2 * twos, 0) // 3, min(twos, -(-channels // 2))


def blocks(by: Requantization, weights: Integers) -> CArray:
    """Blocks of channels: their biases, then for each sixteen inputs sixteen bytes of each channel (mve/matmul_s8.h)."""
    channels, inputs = weights.shape
    threes, twos = threes_and_twos(channels)
    padding = 3 * threes + 2 * twos - channels
    live = np.where(by.constant[:, None], 0, weights)
    steps = np.pad(live, ((0, padding), (0, -inputs % STEP))).astype(np.int8)
    biases = np.pad(by.biases, (0, padding)).astype(np.int32)
    parts: list[npt.NDArray[np.int32]] = []
    first = 0
    for size in [3] * threes + [2] * twos:
        chosen = slice(first, first + size)
        first += size
        by_step = steps[chosen].reshape(size, -1, STEP).transpose(1, 0, 2)
        parts += [biases[chosen], np.ascontiguousarray(by_step).reshape(-1).view("<i4")]
    return CArray(c_type="int32_t", data=np.concatenate(parts).astype(np.int32))


def on_helium(
    kernel: Kernel,
    *,
    cost: Callable[[Op, Operands], int],
    accepts: Callable[[Op, Operands], bool] | None = None,
    header: str | None = None,
    outlined: bool = True,
) -> Kernel:
    """A scalar row's binding under a Helium name and header; without its compact form, which would run ten times as many instructions."""
    return replace(
        kernel,
        name=kernel.name.replace("__scalar", "__mve"),
        isa=Isa.MVE,
        header=header or kernel.header.replace("scalar/", "mve/"),
        accepts=accepts or kernel.accepts,
        cost=cost,
        compact=None,
        outlined=outlined,
    )
