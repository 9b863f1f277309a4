"""Attribute types that several operators share: fused activations and explicit padding."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from tinyc.ir import Tensor
from tinyc.ops.arithmetic import round_half_away


class Activation(Enum):
    """A clamp fused into an operator, in real numbers; its value is the real interval (None: unbounded)."""

    NONE = (None, None)
    RELU = (0.0, None)
    RELU6 = (0.0, 6.0)
    RELU_N1_TO_1 = (-1.0, 1.0)


class Padding(NamedTuple):
    """Rows and columns of zero point around an image."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


NO_PADDING = Padding()


def activation_range(activation: Activation, output: Tensor) -> tuple[int, int]:
    """The least and greatest stored value that `activation` lets through, with the output's quantization and type."""
    least, most = output.dtype.limits
    low, high = activation.value
    if low is not None:
        least = max(least, _stored(low, output))
    if high is not None:
        most = min(most, _stored(high, output))
    return least, most


def _stored(real: float, output: Tensor) -> int:
    return output.zero_point + round_half_away(float(np.float32(real) / np.float32(output.scale)))
