"""The operators, one file each: attributes, constraints, shape rule, row and column rules, and the meaning in numpy.

Decision: the meaning is whole-tensor numpy, in int64 or in float64 products that are exact.  Because: it defines what
is right, so it must be plain, and still run 170 MMAC in seconds.  Rejected: loops that mimic kernels and their faults.
"""

from __future__ import annotations

from tinyc.ir import Op
from tinyc.ops.add import Add
from tinyc.ops.attributes import Activation, Padding, activation_range
from tinyc.ops.average_pool2d import AveragePool2D
from tinyc.ops.concatenation import Concatenation
from tinyc.ops.conv2d import Conv2D
from tinyc.ops.depthwise_conv2d import DepthwiseConv2D
from tinyc.ops.dequantize import Dequantize
from tinyc.ops.fully_connected import FullyConnected
from tinyc.ops.input_rows import InputRows
from tinyc.ops.inverted_bottleneck import InvertedBottleneck
from tinyc.ops.logistic import Logistic
from tinyc.ops.lut import Lut
from tinyc.ops.max_pool2d import MaxPool2D
from tinyc.ops.mean import Mean
from tinyc.ops.mul import Mul
from tinyc.ops.pack import Pack
from tinyc.ops.pad import Pad
from tinyc.ops.quantize import Quantize
from tinyc.ops.relu import Relu
from tinyc.ops.reshape import Reshape
from tinyc.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tinyc.ops.running_sum import AverageOfSum, MeanOfSum, RunningSum
from tinyc.ops.shape import ShapeOf
from tinyc.ops.softmax import Softmax
from tinyc.ops.strided_slice import StridedSlice
from tinyc.ops.sub import Sub
from tinyc.ops.transpose import Transpose

ALL: tuple[type[Op], ...] = (
    Add,
    AverageOfSum,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    InputRows,
    InvertedBottleneck,
    Logistic,
    Lut,
    MaxPool2D,
    Mean,
    MeanOfSum,
    Mul,
    Pack,
    Pad,
    Quantize,
    Relu,
    Reshape,
    ResizeNearestNeighbor,
    RunningSum,
    ShapeOf,
    Softmax,
    StridedSlice,
    Sub,
    Transpose,
)
"""Every operator, sorted by class name."""

__all__ = [
    "ALL",
    "Activation",
    "Add",
    "AverageOfSum",
    "AveragePool2D",
    "Concatenation",
    "Conv2D",
    "DepthwiseConv2D",
    "Dequantize",
    "FullyConnected",
    "InputRows",
    "InvertedBottleneck",
    "Logistic",
    "Lut",
    "MaxPool2D",
    "Mean",
    "MeanOfSum",
    "Mul",
    "Pack",
    "Pad",
    "Padding",
    "Quantize",
    "Relu",
    "Reshape",
    "ResizeNearestNeighbor",
    "RunningSum",
    "ShapeOf",
    "Softmax",
    "StridedSlice",
    "Sub",
    "Transpose",
    "activation_range",
]
