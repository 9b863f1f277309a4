"""Requantization constants of convolutions and dense layers: the general form, and the five-instruction form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import Array
from tinyc.kernels.contract import CArray
from tinyc.ops.arithmetic import Integers, quantize_multiplier
from tinyc.ops.fully_connected import FullyConnected


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Per output channel: real factor = mantissa * 2^(shift - 31)."""

    mantissa: Integers
    shift: Integers


def factors(real: Sequence[float]) -> Factors:
    """The fixed-point form of one real factor per output channel."""
    pairs = [quantize_multiplier(value) for value in real]
    return Factors(
        mantissa=np.array([m for m, _ in pairs], np.int64),
        shift=np.array([s for _, s in pairs], np.int64),
    )


def factors_of(op: Op, operands: Operands) -> Factors:
    """The factors of a convolution or a dense layer."""
    x, weights, output = operands.input(0), operands.input(1), operands.output
    assert weights.quantization is not None
    scales = weights.quantization.scales
    if len(scales) > 1:
        return factors([x.scale * scale / output.scale for scale in scales])
    product = x.scale * scales[0]
    if isinstance(op, FullyConnected):
        product = float(np.float32(x.scale) * np.float32(scales[0]))
    return factors([product / output.scale] * weights.shape[0])


def bias_values(operands: Operands, channels: int) -> Integers:
    """The bias (input 2), or zeros."""
    bias = operands.optional(2)
    return np.zeros(channels, np.int64) if bias is None else bias.values.astype(np.int64).reshape(channels)


def general(bias: Integers, by: Factors) -> CArray:
    """Rows of `tinyc_requantization`."""
    return _rows("tinyc_requantization", bias, by.mantissa, by.shift)


def accumulator_bound(weights: Integers, bias: Integers, x: Tensor) -> Integers:
    """The greatest magnitude that bias + sum(w * (x - zero point)) takes per output channel (rows of `weights`)."""
    least, most = x.dtype.limits
    low, high = least - x.zero_point, most - x.zero_point
    greatest = np.maximum(weights * low, weights * high).sum(axis=1) + bias
    smallest = np.minimum(weights * low, weights * high).sum(axis=1) + bias
    return np.asarray(np.maximum(np.abs(greatest), np.abs(smallest)), np.int64)


def _rows(c_type: str, *columns: Integers) -> CArray:
    data: Array = np.stack(columns, axis=1).astype(np.int32)
    return CArray(c_type=c_type, data=data)
