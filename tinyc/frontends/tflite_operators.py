"""The operators that are imported from TFLite, one row and one function each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import tflite

from tinyc.frontends import tflite_schema as schema
from tinyc.frontends.flatbuffer import Layout
from tinyc.frontends.tflite_node import Node
from tinyc.frontends.tflite_tensors import Refused
from tinyc.ir import DType, Op, Quantization, Tensor
from tinyc.ops import (
    Activation,
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    Logistic,
    MaxPool2D,
    Mean,
    Mul,
    Pack,
    Pad,
    Padding,
    Quantize,
    Relu,
    Reshape,
    ResizeNearestNeighbor,
    ShapeOf,
    Softmax,
    StridedSlice,
    Sub,
    Transpose,
)

LARGEST_STEP = 4096
"""Strides, dilations and pooling windows beyond this are damage, not models."""

ACTIVATIONS = {
    tflite.ActivationFunctionType.NONE: Activation.NONE,
    tflite.ActivationFunctionType.RELU: Activation.RELU,
    tflite.ActivationFunctionType.RELU6: Activation.RELU6,
    tflite.ActivationFunctionType.RELU_N1_TO_1: Activation.RELU_N1_TO_1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """How one builtin operator becomes an `op`.

    `version` is the newest operator version that is understood, `inputs` the least and greatest number of them, of
    which the first `operands` (None: all) are tensors of the graph and the others attributes.
    """

    op: type[Op]
    build: Callable[[Node], Op]
    options: Layout | None = None
    version: int = 1
    inputs: tuple[int, int] = (1, 1)
    operands: int | None = None
    has_bias: bool = False
    """The third input is a bias, or absent."""
    moves_only: bool = False
    """Elements keep their values, so they may be float32 too."""


def same_padding(extent: int, *, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """(before, after) so that ceil(extent / stride) windows fit; an odd element goes after."""
    outputs = -(-extent // stride)
    total = max((outputs - 1) * stride + dilation * (size - 1) + 1 - extent, 0)
    return total // 2, total - total // 2


def _padding(node: Node, size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    mode = node.options.integer("Padding")
    if mode == tflite.Padding.VALID:
        return Padding(0, 0, 0, 0)
    if mode != tflite.Padding.SAME:
        raise Refused(f"has padding mode {mode}, which does not exist")
    _, height, width, _ = _image(node.input(0), "input")
    top, bottom = same_padding(height, size=size[0], stride=stride[0], dilation=dilation[0])
    left, right = same_padding(width, size=size[1], stride=stride[1], dilation=dilation[1])
    return Padding(top, bottom, left, right)


def _image(tensor: Tensor, meaning: str) -> tuple[int, int, int, int]:
    if len(tensor.shape) != 4:
        raise Refused(f"has {meaning} of shape {list(tensor.shape)}, not four dimensions")
    n, height, width, channels = tensor.shape
    return n, height, width, channels


def _activation(node: Node) -> Activation:
    code = node.options.integer("FusedActivationFunction")
    if code not in ACTIVATIONS:
        names = {value: name for name, value in vars(tflite.ActivationFunctionType).items()}
        raise Refused(f"has fused activation {names.get(code, code)}, which is not supported")
    return ACTIVATIONS[code]


def _pair(node: Node, rows: str, columns: str) -> tuple[int, int]:
    """Two options that are at least 1: a stride, a dilation or a window."""
    values = node.options.integer(rows), node.options.integer(columns)
    for name, value in zip((rows, columns), values, strict=True):
        if not 1 <= value <= LARGEST_STEP:
            raise Refused(f"has {name} {value}, not between 1 and {LARGEST_STEP}")
    return values


def _stride(node: Node) -> tuple[int, int]:
    return _pair(node, "StrideH", "StrideW")


def _conv_2d(node: Node) -> Op:
    _, rows, columns, _ = _image(node.input(1), "weights")
    stride, dilation = _stride(node), _pair(node, "DilationHFactor", "DilationWFactor")
    node.options.without_influence("QuantizedBiasType")  # the bias tensor has a type of its own
    return Conv2D(
        stride=stride,
        dilation=dilation,
        padding=_padding(node, (rows, columns), stride, dilation),
        activation=_activation(node),
    )


def _depthwise_conv_2d(node: Node) -> Op:
    first, rows, columns, _ = _image(node.input(1), "weights")
    if first != 1:
        raise Refused(f"has weights of shape {list(node.input(1).shape)}, whose first dimension is not 1")
    stride, dilation = _stride(node), _pair(node, "DilationHFactor", "DilationWFactor")
    return DepthwiseConv2D(
        stride=stride,
        dilation=dilation,
        padding=_padding(node, (rows, columns), stride, dilation),
        activation=_activation(node),
        multiplier=node.options.integer("DepthMultiplier"),
    )


def _fully_connected(node: Node) -> Op:
    if node.options.integer("WeightsFormat") != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Refused("has shuffled weights, which are not supported")
    node.options.without_influence("AsymmetricQuantizeInputs")  # concerns float inputs
    node.options.without_influence("QuantizedBiasType")
    return FullyConnected(activation=_activation(node), keep_dims=node.options.flag("KeepNumDims"))


def _add(node: Node) -> Op:
    node.options.without_influence("PotScaleInt16")  # concerns int16
    return Add(activation=_activation(node))


def _sub(node: Node) -> Op:
    node.options.without_influence("PotScaleInt16")
    return Sub(activation=_activation(node))


def _mul(node: Node) -> Op:
    return Mul(activation=_activation(node))


def _average_pool_2d(node: Node) -> Op:
    size, stride = _pair(node, "FilterHeight", "FilterWidth"), _stride(node)
    padding = _padding(node, size, stride, (1, 1))
    return AveragePool2D(size=size, stride=stride, padding=padding, activation=_activation(node))


def _max_pool_2d(node: Node) -> Op:
    size, stride = _pair(node, "FilterHeight", "FilterWidth"), _stride(node)
    padding = _padding(node, size, stride, (1, 1))
    return MaxPool2D(size=size, stride=stride, padding=padding, activation=_activation(node))


def _mean(node: Node) -> Op:
    rank = len(node.input(0).shape)
    axes = sorted({node.axis(axis, rank) for axis in node.integers(1, "axes")})
    return Mean(axes=tuple(axes), keep_dims=node.options.flag("KeepDims"))


def _paddings(node: Node) -> tuple[tuple[int, int], ...]:
    flat, rank = node.integers(1, "paddings"), len(node.input(0).shape)
    if node.input(1).shape != (rank, 2):
        raise Refused(f"has paddings of shape {list(node.input(1).shape)} for an input of {rank} dimensions")
    if min(flat, default=0) < 0:
        raise Refused(f"has a negative padding in {list(flat)}")
    return tuple(zip(flat[0::2], flat[1::2], strict=True))


def _pad(node: Node) -> Op:
    return Pad(paddings=_paddings(node))


def _padv2(node: Node) -> Op:
    value, x = node.input(2), node.input(0)
    if value.data is None or value.elements != 1:
        raise Refused("has a padding value that is not one constant")
    if value.dtype is not x.dtype or value.dtype is DType.FLOAT32 or value.quantization != x.quantization:
        raise Refused("has a padding value of another type or quantization than its input")
    return Pad(paddings=_paddings(node), value=int(value.data.reshape(-1)[0]))


def _concatenation(node: Node) -> Op:
    rank = len(node.input(0).shape)
    return Concatenation(axis=node.axis(node.options.integer("Axis"), rank), activation=_activation(node))


def _pack(node: Node) -> Op:
    count = node.options.integer("ValuesCount")
    if count != len(node.inputs):
        raise Refused(f"says that it packs {count} tensors but has {len(node.inputs)} inputs")
    return Pack(axis=node.axis(node.options.integer("Axis"), len(node.input(0).shape) + 1))


def _reshape(node: Node) -> Op:
    wanted = node.options.integers("NewShape")
    if node.optional(1) is not None:  # the input decides where both are given
        wanted = node.integers(1, "dimensions")
    elements, fixed = node.input(0).elements, math.prod(extent for extent in wanted if extent != -1)
    if wanted.count(-1) > 1 or min(wanted, default=1) < -1 or 0 in wanted:
        raise Refused(f"asks for shape {list(wanted)}, which has no meaning")
    if elements % fixed:
        raise Refused(f"asks for shape {list(wanted)}, which {elements} elements do not fill")
    return Reshape(shape=tuple(elements // fixed if extent == -1 else extent for extent in wanted))


def _softmax(node: Node) -> Op:
    beta = node.options.number("Beta")
    if not (math.isfinite(beta) and beta > 0):
        raise Refused(f"has beta {beta:g}, not a number above zero")
    return Softmax(beta=beta)


def _transpose(node: Node) -> Op:
    rank = len(node.input(0).shape)
    permutation = tuple(node.axis(axis, rank) for axis in node.integers(1, "axes"))
    return Transpose(permutation=permutation)


def _resize_nearest_neighbor(node: Node) -> Op:
    size = node.integers(1, "sizes")
    if len(size) != 2 or min(size) < 1:
        raise Refused(f"has output size {list(size)}, not two numbers above zero")
    return ResizeNearestNeighbor(
        size=(size[0], size[1]),
        align_corners=node.options.flag("AlignCorners"),
        half_pixel_centers=node.options.flag("HalfPixelCenters"),
    )


def _shape(node: Node) -> Op:
    named = {tflite.TensorType.INT32: DType.INT32, tflite.TensorType.INT64: DType.INT64}
    # Without a type (0, float32) older files mean int32.
    expected = named.get(node.options.integer("OutType") or tflite.TensorType.INT32)
    if node.output.dtype is not expected:
        raise Refused(f"gives a shape as {node.output.dtype.value}, which its options contradict")
    return ShapeOf()


def _strided_slice(node: Node) -> Op:
    options, shape = node.options, node.input(0).shape
    if options.integer("EllipsisMask") or options.integer("NewAxisMask"):
        raise Refused("has an ellipsis or a new axis, which are not supported")
    if options.flag("Offset"):
        raise Refused("counts its ends from its begins, which is not supported")
    begin, end, strides = (node.integers(i, name) for i, name in ((1, "begins"), (2, "ends"), (3, "strides")))
    if not len(begin) == len(end) == len(strides) <= len(shape):
        raise Refused(f"has {len(begin)} begins, {len(end)} ends and {len(strides)} strides for shape {list(shape)}")
    if 0 in strides:
        raise Refused("has stride 0")
    masks = options.integer("BeginMask"), options.integer("EndMask"), options.integer("ShrinkAxisMask")
    bounds = [
        _range(extent, (begin[axis], end[axis], strides[axis]), [bool(mask >> axis & 1) for mask in masks])
        for axis, extent in enumerate(shape[: len(begin)])
    ]
    bounds += [(0, extent, 1) for extent in shape[len(begin) :]]
    return StridedSlice(
        begin=tuple(bound[0] for bound in bounds),
        end=tuple(bound[1] for bound in bounds),
        strides=tuple(bound[2] for bound in bounds),
        shrink_axes=tuple(axis for axis in range(len(begin)) if masks[2] >> axis & 1),
    )


def _range(extent: int, bounds: tuple[int, int, int], masks: list[bool]) -> tuple[int, int, int]:
    """Begin, end and stride as range() takes them, of one axis; `masks` say: from the first, to the last, one index only."""
    begin, end, stride = bounds
    from_first, to_last, index_only = masks
    if index_only:
        index = begin + extent if begin < 0 else begin
        if from_first or stride < 1 or not 0 <= index < extent:
            raise Refused(f"takes index {begin} of {extent} with stride {stride}")
        return index, index + 1, 1
    least, most = (0, extent) if stride > 0 else (-1, extent - 1)
    first, last = (least, most) if stride > 0 else (most, least)
    begin = first if from_first else min(max(begin + extent if begin < 0 else begin, least), most)
    end = last if to_last else min(max(end + extent if end < 0 else end, least), most)
    return begin, end, stride


def _relu(activation: Activation) -> Callable[[Node], Op]:
    return lambda node: Relu(activation=activation)


IMPORTERS: dict[str, Importer] = {
    "ADD": Importer(op=Add, build=_add, options=schema.ADD, version=5, inputs=(2, 2)),
    "AVERAGE_POOL_2D": Importer(op=AveragePool2D, build=_average_pool_2d, options=schema.POOL_2D, version=3),
    "CONCATENATION": Importer(
        op=Concatenation,
        build=_concatenation,
        options=schema.CONCATENATION,
        version=4,
        inputs=(1, 1024),
        moves_only=True,
    ),
    "CONV_2D": Importer(op=Conv2D, build=_conv_2d, options=schema.CONV_2D, version=8, inputs=(2, 3), has_bias=True),
    "DEPTHWISE_CONV_2D": Importer(
        op=DepthwiseConv2D,
        build=_depthwise_conv_2d,
        options=schema.DEPTHWISE_CONV_2D,
        version=7,
        inputs=(2, 3),
        has_bias=True,
    ),
    "DEQUANTIZE": Importer(op=Dequantize, build=lambda node: Dequantize(), options=schema.DEQUANTIZE, version=6),
    "FULLY_CONNECTED": Importer(
        op=FullyConnected,
        build=_fully_connected,
        options=schema.FULLY_CONNECTED,
        version=12,
        inputs=(2, 3),
        has_bias=True,
    ),
    "LOGISTIC": Importer(op=Logistic, build=lambda node: Logistic(), version=3),
    "MAX_POOL_2D": Importer(op=MaxPool2D, build=_max_pool_2d, options=schema.POOL_2D, version=3),
    "MEAN": Importer(op=Mean, build=_mean, options=schema.REDUCER, version=3, inputs=(2, 2), operands=1),
    "MUL": Importer(op=Mul, build=_mul, options=schema.MUL, version=7, inputs=(2, 2)),
    "PACK": Importer(op=Pack, build=_pack, options=schema.PACK, version=4, inputs=(1, 1024), moves_only=True),
    "PAD": Importer(op=Pad, build=_pad, options=schema.PAD, version=4, inputs=(2, 2), operands=1, moves_only=True),
    "PADV2": Importer(
        op=Pad, build=_padv2, options=schema.PADV2, version=4, inputs=(3, 3), operands=1, moves_only=True
    ),
    "QUANTIZE": Importer(op=Quantize, build=lambda node: Quantize(), options=schema.QUANTIZE, version=3),
    "RELU": Importer(op=Relu, build=_relu(Activation.RELU), version=3),
    "RELU6": Importer(op=Relu, build=_relu(Activation.RELU6), version=3),
    "RELU_N1_TO_1": Importer(op=Relu, build=_relu(Activation.RELU_N1_TO_1)),
    "RESHAPE": Importer(op=Reshape, build=_reshape, options=schema.RESHAPE, inputs=(1, 2), operands=1, moves_only=True),
    "RESIZE_NEAREST_NEIGHBOR": Importer(
        op=ResizeNearestNeighbor,
        build=_resize_nearest_neighbor,
        options=schema.RESIZE_NEAREST_NEIGHBOR,
        version=4,
        inputs=(2, 2),
        operands=1,
        moves_only=True,
    ),
    "SHAPE": Importer(op=ShapeOf, build=_shape, options=schema.SHAPE, moves_only=True),
    "SOFTMAX": Importer(op=Softmax, build=_softmax, options=schema.SOFTMAX, version=3),
    "STRIDED_SLICE": Importer(
        op=StridedSlice,
        build=_strided_slice,
        options=schema.STRIDED_SLICE,
        version=8,
        inputs=(4, 4),
        operands=1,
        moves_only=True,
    ),
    "SUB": Importer(op=Sub, build=_sub, options=schema.SUB, version=5, inputs=(2, 2)),
    "TRANSPOSE": Importer(
        op=Transpose, build=_transpose, options=schema.TRANSPOSE, version=6, inputs=(2, 2), operands=1, moves_only=True
    ),
}
"""By the schema's name of the operator."""


def convert(importer: Importer, node: Node) -> tuple[Op, tuple[Tensor | None, ...]]:
    """The operator and its inputs in the graph, or Refused."""
    op = importer.build(node)
    assert type(op) is importer.op
    node.options.refuse_the_rest()
    if not importer.has_bias:
        return op, node.inputs[: importer.operands]
    return op, (node.input(0), node.input(1), _bias(node))


def _bias(node: Node) -> Tensor | None:
    """The bias as a vector: some converters give it as many dimensions as the output."""
    bias = node.optional(2)
    if bias is None or bias.data is None:
        return bias
    if bias.quantization is not None and any(bias.quantization.zero_points):
        raise Refused("has a bias with a zero point that is not zero")
    if node.kind == "FULLY_CONNECTED":
        _check_bias_scale(node, bias)
    return replace(bias, shape=(bias.elements,), data=bias.data.reshape(-1), quantization=_along(bias.quantization, 0))


def _along(quantization: Quantization | None, axis: int) -> Quantization | None:
    if quantization is None or quantization.axis is None:
        return quantization
    return replace(quantization, axis=axis)


def _check_bias_scale(node: Node, bias: Tensor) -> None:
    """What TFLite demands of dense layers with one scale: a unit of the bias is input scale times weight scale."""
    scales = [
        t.quantization.scales if t.quantization else () for t in (node.input(0), node.input(1), bias, node.output)
    ]
    if any(len(entry) != 1 for entry in scales):
        return
    (x,), (weights,), (found,), (output,) = scales
    if abs(x * weights - found) > 0.02 * output:
        raise Refused(f"has bias scale {found:g}, not input scale times weight scale, {x * weights:g}")
