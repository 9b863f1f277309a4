"""The integer multipliers that operators derive from the scales of their tensors, as TensorFlow Lite Micro does.

Each is a (mantissa, shift) pair, real = mantissa * 2^(shift - 31).  Where TFLM computes in float32, so does this.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinyc.ir import Operands, Tensor
from tinyc.ir.types import Array
from tinyc.ops.arithmetic import Integers, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32

SUM_FRACTION_BITS = 20


class Multiplier(NamedTuple):
    """A positive real factor as integers."""

    mantissa: int
    shift: int

    def scale(self, x: Integers | int) -> Integers:
        """x times this factor, in TFLite's double rounding."""
        return multiply_by_quantized_multiplier(x, self.mantissa, self.shift)


class SumMultipliers(NamedTuple):
    """ADD and SUB: each input, shifted left by 20 bits, to the common scale; their sum to the output."""

    a: Multiplier
    b: Multiplier
    output: Multiplier


def rescaling(source: Tensor, target: Tensor) -> Multiplier:
    """From the scale of `source` to that of `target`."""
    return Multiplier(*quantize_multiplier(source.scale / target.scale))


def convolution_multipliers(operands: Operands) -> tuple[Multiplier, ...]:
    """CONV_2D and DEPTHWISE_CONV_2D: accumulator to output, one an output channel even where weights have one scale."""
    return _per_channel(operands.input(0), operands.input(1), operands.output)


def dense_multipliers(operands: Operands) -> tuple[Multiplier, ...]:
    """FULLY_CONNECTED: accumulator to output, one an output channel; with one scale the product is a float32."""
    x, weights, output = operands.input(0), operands.input(1), operands.output
    assert weights.quantization is not None
    if len(weights.quantization.scales) > 1:
        return _per_channel(x, weights, output)
    product = float(np.float32(x.scale) * np.float32(weights.scale))
    return (Multiplier(*quantize_multiplier(product / output.scale)),) * output.shape[-1]


def _per_channel(x: Tensor, weights: Tensor, output: Tensor) -> tuple[Multiplier, ...]:
    assert weights.quantization is not None
    multipliers = _products(x.scale, weights.quantization.scales, output.scale)
    return multipliers if len(multipliers) > 1 else multipliers * output.shape[-1]


@lru_cache(maxsize=512)
def _products(source: float, scales: tuple[float, ...], target: float) -> tuple[Multiplier, ...]:
    """Remembered: planning asks for the same ones again and again."""
    return tuple(Multiplier(*quantize_multiplier(source * scale / target)) for scale in scales)


def sum_multipliers(operands: Operands) -> SumMultipliers:
    """ADD and SUB, over twice the larger of the inputs' scales."""
    a, b, output = operands.input(0), operands.input(1), operands.output
    common = 2.0 * max(a.scale, b.scale)
    reals = (a.scale / common, b.scale / common, common / (2**SUM_FRACTION_BITS * output.scale))
    return SumMultipliers(*(Multiplier(*quantize_multiplier(real)) for real in reals))


def product_multiplier(operands: Operands) -> Multiplier:
    """MUL: the product of the inputs to the output."""
    a, b, output = operands.input(0), operands.input(1), operands.output
    return Multiplier(*quantize_multiplier(a.scale * b.scale / output.scale))


def mean_multiplier(operands: Operands, count: int) -> Multiplier:
    """MEAN: the sum of `count` elements to the output; the division is folded into the mantissa, truncated."""
    mantissa, shift = rescaling(operands.input(0), operands.output)
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return Multiplier((mantissa << bits) // count, shift - bits)


def requantize(
    accumulator: Integers, multipliers: tuple[Multiplier, ...], output: Tensor, limits: tuple[int, int]
) -> Array:
    """Accumulators (channels last) to stored values of `output`, clamped to `limits`."""
    mantissas = np.array([m.mantissa for m in multipliers], np.int64)
    shifts = np.array([m.shift for m in multipliers], np.int64)
    scaled = multiply_by_quantized_multiplier(wrap_int32(accumulator), mantissas, shifts)
    return store(scaled + output.zero_point, output, limits)


def store(values: Integers, output: Tensor, limits: tuple[int, int] | None = None) -> Array:
    """Values clamped to `limits` (the type's by default), as `output` holds them."""
    least, most = limits if limits is not None else output.dtype.limits
    return np.minimum(np.maximum(values, least), most).astype(output.dtype.numpy)


def centered(value: Array | None, tensor: Tensor) -> Integers:
    """Stored values minus the zero point."""
    assert value is not None
    return value.astype(np.int64) - tensor.zero_point
