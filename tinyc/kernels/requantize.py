"""Requantization constants of convolutions and dense layers: the general form, and the five-instruction form, ready or compact.

The five-instruction form is exact for right shifts 1..22 and |accumulator + bias| < 2^30 (the bound comes from the actual
weights); for shift 0 too where no tie correction is made, which is so where nothing below the output's zero point survives
the activation.  Its constants take four words a channel as the instructions use them; compact, two words, from which a few
instructions more make the four.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import Array
from tinyc.kernels.contract import CArray
from tinyc.kernels.products import matrix
from tinyc.ops.arithmetic import Integers, multiply_by_quantized_multiplier, wrap_int32
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.fully_connected import FullyConnected
from tinyc.ops.scaling import Multiplier, convolution_multipliers, dense_multipliers

MOST_SHIFT = 22
SHIFT_BITS = 5
"""Of a compact word, below twice the bias."""
COMPACT_BITS = 31 - SHIFT_BITS


class Ties(Enum):
    """Whether the five-instruction form needs its tie correction."""

    CORRECTED = "ties"
    DROPPED = "relu"


def ties_of(activation: Activation, operands: Operands) -> Ties:
    """Dropped where nothing below the output's zero point survives the activation."""
    least, _ = activation_range(activation, operands.output)
    return Ties.DROPPED if least >= operands.output.zero_point else Ties.CORRECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class FastRequantization:
    """Rows {2 * bias, multiplier, offset, shift}, one an output channel, for sums of stored (not centered) inputs.

    Compact rows are {2 * bias << 5 | shift, multiplier}; with `zero`, twice the output's zero point and 1, offset is zero << shift >> 1.
    """

    rows: Integers
    ties: Ties


class Constants(Enum):
    """How a kernel keeps what requantizes a channel."""

    READY = "four words"
    COMPACT = "two words, after one for the whole layer"


def multipliers(op: Op, operands: Operands) -> tuple[Multiplier, ...]:
    """The factor from accumulator to output of each output channel of a convolution or a dense layer."""
    return dense_multipliers(operands) if isinstance(op, FullyConnected) else convolution_multipliers(operands)


def bias_values(operands: Operands, channels: int) -> Integers:
    """The bias (input 2), or zeros."""
    bias = operands.optional(2)
    return np.zeros(channels, np.int64) if bias is None else bias.values.astype(np.int64).reshape(channels)


def general(op: Op, operands: Operands, channels: int) -> CArray:
    """Rows of `tinyc_requantization` {bias, multiplier, shift}, for sums of centered inputs."""
    factors = multipliers(op, operands)
    columns = (bias_values(operands, channels), [f.mantissa for f in factors], [f.shift for f in factors])
    data: Array = np.stack([np.asarray(column, np.int64) for column in columns], axis=1).astype(np.int32)
    return CArray(c_type="tinyc_requantization", data=data)


def accumulator_range(weights: Integers, x: Tensor, bias: Integers) -> tuple[Integers, Integers]:
    """The least and greatest bias + sum(w * (x - zero point)) per output channel (row of `weights`), padding included."""
    least, most = x.dtype.limits
    low, high = weights * (least - x.zero_point), weights * (most - x.zero_point)
    return np.minimum(low, high).sum(axis=1) + bias, np.maximum(low, high).sum(axis=1) + bias


def fast(op: Op, activation: Activation, operands: Operands) -> FastRequantization | None:
    """The five-instruction form, or None where it is not exact for every channel."""
    found = _channels(op, activation, operands)
    if not (found.exact | found.constant).all():
        return None
    zero_point = np.where(found.constant, found.value, operands.output.zero_point)
    right = np.where(found.constant, 1, found.right)
    columns = (
        np.where(found.constant, 0, found.doubled),
        np.where(found.constant, 0, found.mantissa),
        ((np.int64(1) << right) >> 1) + (zero_point << right),
        right,
    )
    return FastRequantization(rows=np.stack(columns, axis=1), ties=found.ties)


def compact(op: Op, activation: Activation, operands: Operands) -> FastRequantization | None:
    """The same with compact rows, or None where a channel's constants do not fit."""
    found = _channels(op, activation, operands)
    fits = found.exact & _fits(found.doubled, found.doubled, COMPACT_BITS)
    rows = np.stack([found.doubled << SHIFT_BITS | found.right, found.mantissa], axis=1)
    for channel in np.flatnonzero(~fits):
        constant = _constant(found, int(channel), operands.output.zero_point)
        if constant is None:
            return None
        rows[channel] = constant
    return FastRequantization(rows=rows, ties=found.ties)


def _constant(found: _Channels, channel: int, zero_point: int) -> tuple[int, int] | None:
    """A compact row for a channel that only ever gives one value; None where there is none.

    With the multiplier 2^30 the output is (2 * sum + bias) / 2^(shift + 2) above the zero point: the bias puts the middle of the sums
    where that is whole, and all of them stay within half a unit where the shift is large enough.
    """
    if not found.constant[channel]:
        return None
    above = int(found.value[channel]) - zero_point
    if above == 0:
        return 1, 0
    lowest, highest = int(found.lowest[channel]), int(found.highest[channel])
    for shift in range(1, MOST_SHIFT + 1):
        bias = (above << (shift + 2)) - (lowest + highest - int(found.unwrapped[channel]))
        if highest - lowest <= (2 << shift) - 4 and abs(bias) < 1 << COMPACT_BITS:
            return bias << SHIFT_BITS | shift, 1 << 30
    return None


def requantization(
    op: Op, activation: Activation, operands: Operands, constants: Constants
) -> FastRequantization | None:
    """The five-instruction form with its constants kept one way or the other."""
    return (fast if constants is Constants.READY else compact)(op, activation, operands)


def layer_words(words: Array, operands: Operands, constants: Constants) -> Array:
    """A layer's words: where its constants are compact, `zero` comes first."""
    if constants is Constants.READY:
        return words
    return np.concatenate([np.array([2 * operands.output.zero_point + 1], np.int32), words])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channels:
    """Of every output channel: the constants, whether the five instructions are exact, whether all that comes out is `value`.

    `lowest` and `highest` are the ends of the accumulator, bias included; `unwrapped` is what `doubled` is before it is an int32.
    """

    lowest: Integers
    highest: Integers
    unwrapped: Integers
    doubled: Integers
    mantissa: Integers
    right: Integers
    exact: npt.NDArray[np.bool_]
    constant: npt.NDArray[np.bool_]
    value: Integers
    ties: Ties


def _channels(op: Op, activation: Activation, operands: Operands) -> _Channels:
    x, output = operands.input(0), operands.output
    weights = matrix(operands)
    bias = bias_values(operands, len(weights))
    lowest, highest = accumulator_range(weights, x, bias)
    least, most = activation_range(activation, output)
    ties = ties_of(activation, operands)
    factors = multipliers(op, operands)
    mantissa = np.array([f.mantissa for f in factors], np.int64)
    shift = np.array([f.shift for f in factors], np.int64)
    ends = [
        np.clip(multiply_by_quantized_multiplier(end, mantissa, shift) + output.zero_point, least, most)
        for end in (lowest, highest)
    ]
    least_shift = 0 if ties is Ties.DROPPED else 1
    unwrapped = 2 * (bias - x.zero_point * weights.sum(axis=1))
    return _Channels(
        lowest=lowest,
        highest=highest,
        unwrapped=unwrapped,
        doubled=wrap_int32(unwrapped),
        mantissa=mantissa,
        right=-shift,
        exact=_fits(lowest, highest, 30) & (-shift >= least_shift) & (-shift <= MOST_SHIFT),
        constant=(ends[0] == ends[1]) & _fits(lowest, highest, 31 + np.minimum(-shift, 0)),
        value=ends[0],
        ties=ties,
    )


def _fits(lowest: Integers, highest: Integers, bits: int | Integers) -> npt.NDArray[np.bool_]:
    limit = np.int64(1) << np.asarray(bits, np.int64)
    return np.asarray((lowest > -limit) & (highest < limit))
