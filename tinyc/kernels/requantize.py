"""Requantization constants of convolutions and dense layers: the general form, and the five-instruction form.

The five-instruction form is exact for right shifts 1..22 and |accumulator + bias| < 2^30 (the bound comes from the actual
weights); for shift 0 too where no tie correction is made, which is so where nothing below the output's zero point survives
the activation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import Array
from tinyc.kernels.contract import CArray
from tinyc.ops.arithmetic import Integers, multiply_by_quantized_multiplier, wrap_int32
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.fully_connected import FullyConnected
from tinyc.ops.scaling import Multiplier, convolution_multipliers, dense_multipliers

MOST_SHIFT = 22


class Ties(Enum):
    """Whether the five-instruction form needs its tie correction."""

    CORRECTED = "ties"
    DROPPED = "relu"


@dataclass(frozen=True, slots=True, kw_only=True)
class FastRequantization:
    """Rows {2 * bias, multiplier, offset, shift}, one an output channel, for sums of stored (not centered) inputs."""

    rows: Integers
    ties: Ties


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
    x, output = operands.input(0), operands.output
    channels = operands.input(1).shape[0]
    weights = operands.input(1).values.astype(np.int64).reshape(channels, -1)
    bias = bias_values(operands, channels)
    lowest, highest = accumulator_range(weights, x, bias)
    least, most = activation_range(activation, output)
    ties = Ties.DROPPED if least >= output.zero_point else Ties.CORRECTED
    factors = multipliers(op, operands)
    mantissa = np.array([f.mantissa for f in factors], np.int64)
    shift = np.array([f.shift for f in factors], np.int64)
    ends = [
        np.clip(multiply_by_quantized_multiplier(end, mantissa, shift) + output.zero_point, least, most)
        for end in (lowest, highest)
    ]
    constant = (ends[0] == ends[1]) & _fits(lowest, highest, 31 + np.minimum(-shift, 0))
    least_shift = 0 if ties is Ties.DROPPED else 1
    exact = _fits(lowest, highest, 30) & (-shift >= least_shift) & (-shift <= MOST_SHIFT)
    if not (exact | constant).all():
        return None
    zero_point = np.where(constant, ends[0], output.zero_point)
    right = np.where(constant, 1, -shift)
    rows = np.stack(
        [
            np.where(constant, 0, wrap_int32(2 * (bias - x.zero_point * weights.sum(axis=1)))),
            np.where(constant, 0, mantissa),
            ((np.int64(1) << right) >> 1) + (zero_point << right),
            right,
        ],
        axis=1,
    )
    return FastRequantization(rows=rows, ties=ties)


def _fits(lowest: Integers, highest: Integers, bits: int | Integers) -> Integers:
    limit = np.int64(1) << np.asarray(bits, np.int64)
    return np.asarray((lowest > -limit) & (highest < limit))
