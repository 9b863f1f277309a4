"""What kernels of convolutions and dense layers ask of a layer: predicates of its types and windows, and its weights as a matrix."""

from __future__ import annotations

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.ops import Conv2D
from tinyc.ops.arithmetic import Integers


def is_int8(op: Op, operands: Operands) -> bool:
    """Whether input, weights and output are int8, the weights constant."""
    x, weights, output = operands.input(0), operands.input(1), operands.output
    return x.dtype is weights.dtype is output.dtype is DType.INT8 and weights.is_constant


def is_pointwise(op: Op, operands: Operands) -> bool:
    """Whether every output pixel of a convolution is that of one input pixel, in the same order."""
    assert isinstance(op, Conv2D)
    return is_strided_pointwise(op, operands) and op.stride == (1, 1)


def is_strided_pointwise(op: Op, operands: Operands) -> bool:
    """Whether every output pixel of a convolution is that of one input pixel."""
    assert isinstance(op, Conv2D)
    return operands.input(1).shape[1:3] == (1, 1) and not any(op.padding)


def is_pixelwise(op: Op, operands: Operands) -> bool:
    """Whether a dense layer multiplies pixels, not the whole input as one vector."""
    return op.row_rule(operands, 0) is not ALL_ROWS


def matrix(operands: Operands) -> Integers:
    """The weights as [output channels, inputs]."""
    weights = operands.input(1)
    return weights.values.astype(np.int64).reshape(weights.shape[0], -1)
