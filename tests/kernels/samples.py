"""Random operations of every kind that a row kernel implements: odd shapes, every attribute, values that saturate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from layers import X_SCALE, Layers

from tinyc.ir import DType, Op, Operands, Quantization, Tensor
from tinyc.ir.types import Array, Shape
from tinyc.ops import (
    Activation,
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    InvertedBottleneck,
    Logistic,
    Lut,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Padding,
    Quantize,
    Relu,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
    StridedSlice,
    Sub,
    Transpose,
)

Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One operation and the values of its inputs."""

    op: Op
    operands: Operands
    values: tuple[Array | None, ...]

    @property
    def expected(self) -> Array:
        return self.op.evaluate(self.operands, self.values)[0]


def sample(op: type[Op], rng: Random) -> Sample:
    """A random operation of type `op` whose constraints hold."""
    while True:
        made = MAKERS[op](rng)
        if all(constraint.holds(made.op, made.operands) for constraint in made.op.constraints):
            return made


def tensor(
    rng: Random,
    name: str,
    shape: Shape,
    dtype: DType = DType.INT8,
    *,
    scale: float | None = None,
    zero: int | None = None,
) -> Tensor:
    """A tensor with a random quantization; float32 has none."""
    if dtype is DType.FLOAT32:
        return Tensor(name=name, shape=shape, dtype=dtype)
    low, high = dtype.limits
    zero = zero if zero is not None else int(rng.choice([low, high, rng.integers(low, high + 1)]))
    scale = scale if scale is not None else 2.0 ** rng.uniform(-8, -3)
    return Tensor(
        name=name, shape=shape, dtype=dtype, quantization=Quantization(scales=(f32(scale),), zero_points=(zero,))
    )


def f32(value: float) -> float:
    return float(np.float32(value))


def values(rng: Random, of: Tensor) -> Array:
    """Full-range values; now and then one extreme everywhere."""
    if of.dtype is DType.FLOAT32:
        return (rng.normal(size=of.shape) * rng.choice([0.1, 1.0, 1e4])).astype(np.float32)
    low, high = of.dtype.limits
    if rng.random() < 0.25:
        return np.full(of.shape, rng.choice([low, high]), of.dtype.numpy)
    return rng.integers(low, high + 1, of.shape).astype(of.dtype.numpy)


def image_shape(rng: Random) -> Shape:
    return (
        1,
        int(rng.integers(1, 9)),
        int(rng.integers(1, 12)),
        int(rng.choice([1, 2, 3, 4, 5, 7, 8, 11, 12, 16, 19])),
    )


def any_shape(rng: Random) -> Shape:
    return image_shape(rng)[: int(rng.integers(1, 5))] if rng.random() < 0.3 else image_shape(rng)


def output_like(op: Op, x: tuple[Tensor | None, ...], rng: Random, dtype: DType = DType.INT8, **how: float) -> Tensor:
    return tensor(rng, "y", op.output_shapes(x)[0], dtype, **how)  # type: ignore[arg-type]


def unary(op: Op, x: Tensor, y: Tensor, rng: Random) -> Sample:
    return Sample(op=op, operands=Operands(inputs=(x,), outputs=(y,)), values=(values(rng, x),))


def activation(rng: Random) -> Activation:
    return Activation(list(Activation)[rng.integers(len(Activation))])


def window(rng: Random, extent: tuple[int, int], dilation: tuple[int, int]) -> tuple[tuple[int, int], Padding]:
    """A window size and paddings, asymmetric at times, such that every window meets the image and fits."""
    while True:
        size = (int(rng.integers(1, 8)), int(rng.integers(1, 8))) if rng.random() < 0.5 else (3, 3)
        reach = [d * (s - 1) for s, d in zip(size, dilation, strict=True)]
        before = [int(rng.integers(0, r + 1)) for r in reach]
        after = [int(rng.integers(0, r + 1)) for r in reach]
        if all(b + e + a > r for b, e, a, r in zip(before, extent, after, reach, strict=True)):
            return size, Padding(before[0], after[0], before[1], after[1])


def depthwise(rng: Random) -> Sample:
    x = tensor(rng, "x", image_shape(rng))
    multiplier = int(rng.choice([1, 1, 1, 2, 3, 8]))
    dilation = (1, 1) if rng.random() < 0.7 else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    size, padding = window(rng, x.shape[1:3], dilation)
    outputs = x.shape[3] * multiplier
    scales = tuple(f32(2.0 ** rng.uniform(-9, -4)) for _ in range(outputs if rng.random() < 0.8 else 1))
    quantization = Quantization(scales=scales, zero_points=(0,) * len(scales), axis=3 if len(scales) > 1 else None)
    shape = (1, *size, outputs)
    weights = Tensor(name="w", shape=shape, dtype=DType.INT8, quantization=quantization, data=extremes(rng, shape))
    bias = Tensor(
        name="b", shape=(outputs,), dtype=DType.INT32, data=rng.integers(-20000, 20000, outputs).astype(np.int32)
    )
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    op = DepthwiseConv2D(
        stride=stride, dilation=dilation, padding=padding, activation=activation(rng), multiplier=multiplier
    )
    inputs = (x, weights, bias) if rng.random() < 0.8 else (x, weights, None)
    y = output_like(op, inputs, rng, scale=2.0 ** rng.uniform(-7, 0))
    operands = Operands(inputs=inputs, outputs=(y,))
    constants = tuple(None if t is None else t.values for t in inputs[1:])
    return Sample(op=op, operands=operands, values=(values(rng, x), *constants))


def extremes(rng: Random, shape: Shape) -> Array:
    """Weights: random, or as large as they get."""
    if rng.random() < 0.2:
        return rng.choice([-127, 127], shape).astype(np.int8)
    return rng.integers(-127, 128, shape).astype(np.int8)


def pool(kind: type[AveragePool2D] | type[MaxPool2D]) -> Callable[[Random], Sample]:
    def make(rng: Random) -> Sample:
        x = tensor(rng, "x", image_shape(rng))
        size, padding = window(rng, x.shape[1:3], (1, 1))
        stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        op = kind(size=size, stride=stride, padding=padding, activation=activation(rng))
        return unary(op, x, output_like(op, (x,), rng, scale=x.scale, zero=x.zero_point), rng)

    return make


def binary(kind: type[Add] | type[Sub] | type[Mul]) -> Callable[[Random], Sample]:
    def make(rng: Random) -> Sample:
        shape = any_shape(rng)
        mask = rng.random((2, len(shape))) < 0.4
        shapes = [tuple(1 if m else e for e, m in zip(shape, row, strict=True)) for row in mask]
        shapes[0] = shape if rng.random() < 0.6 else shapes[0]
        shapes[1] = shape if rng.random() < 0.4 else shapes[1]
        shapes[1] = shapes[1][int(rng.integers(0, len(shape))) :] if rng.random() < 0.2 else shapes[1]
        a, b = (tensor(rng, name, s) for name, s in zip("ab", shapes, strict=True))
        if rng.random() < 0.3:
            b = tensor(rng, "b", b.shape, scale=a.scale, zero=a.zero_point)
        op = kind(activation=activation(rng))
        scale = 2.0 ** rng.uniform(-8, -2) if kind is not Mul else a.scale * b.scale * 2.0 ** rng.uniform(0, 9)
        y = output_like(op, (a, b), rng, scale=scale)
        operands = Operands(inputs=(a, b), outputs=(y,))
        return Sample(op=op, operands=operands, values=(values(rng, a), values(rng, b)))

    return make


def logistic(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng))
    return unary(Logistic(), x, output_like(Logistic(), (x,), rng, scale=1 / 256, zero=-128), rng)


def lut(rng: Random) -> Sample:
    op = Lut(table=tuple(int(v) for v in rng.integers(-128, 128, 256)))
    x = tensor(rng, "x", any_shape(rng), rng.choice([DType.INT8, DType.UINT8]))
    return unary(op, x, output_like(op, (x,), rng), rng)


def relu(rng: Random) -> Sample:
    op = Relu(activation=Activation(list(Activation)[rng.integers(1, len(Activation))]))
    x = tensor(rng, "x", any_shape(rng))
    return unary(op, x, output_like(op, (x,), rng), rng)


def quantize(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng), rng.choice([DType.FLOAT32, DType.FLOAT32, DType.INT8, DType.UINT8]))
    return unary(Quantize(), x, output_like(Quantize(), (x,), rng, rng.choice([DType.INT8, DType.UINT8])), rng)


def dequantize(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng), rng.choice([DType.INT8, DType.UINT8]))
    return unary(Dequantize(), x, output_like(Dequantize(), (x,), rng, DType.FLOAT32), rng)


def softmax(rng: Random) -> Sample:
    shape = (*any_shape(rng)[:-1], int(rng.choice([1, 2, 10, 12, 100, 300])))
    x = tensor(rng, "x", shape, scale=2.0 ** rng.uniform(-9, 0))
    op = Softmax(beta=float(rng.choice([1.0, 0.5, 2.0])))
    return unary(op, x, output_like(op, (x,), rng, scale=1 / 256, zero=-128), rng)


def mean(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng))
    rank = len(x.shape)
    axes = tuple(axis for axis in range(rank) if rng.random() < 0.5) or (rank - 1,)
    axes = (1, 2) if rank == 4 and rng.random() < 0.5 else axes
    op = Mean(axes=axes, keep_dims=bool(rng.random() < 0.5))
    scale = x.scale if rng.random() < 0.3 else None
    return unary(op, x, output_like(op, (x,), rng, scale=scale), rng)  # type: ignore[arg-type]


def pad(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng))
    rank = len(x.shape)
    paddings = [(int(rng.integers(0, 4)), int(rng.integers(0, 4))) for _ in range(rank)]
    paddings[0] = (0, 0) if rank == 4 and rng.random() < 0.8 else paddings[0]
    paddings[-1] = (0, 0) if rng.random() < 0.6 else paddings[-1]
    op = Pad(paddings=tuple(paddings), value=None if rng.random() < 0.6 else int(rng.integers(-128, 128)))
    return unary(op, x, output_like(op, (x,), rng, scale=x.scale, zero=x.zero_point), rng)


def reshape(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng))
    op = Reshape(shape=(1, x.elements) if rng.random() < 0.5 else x.shape)
    return unary(op, x, output_like(op, (x,), rng, scale=x.scale, zero=x.zero_point), rng)


def transpose(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng))
    op = Transpose(permutation=tuple(int(axis) for axis in rng.permutation(len(x.shape))))
    return unary(op, x, output_like(op, (x,), rng, scale=x.scale, zero=x.zero_point), rng)


def strided_slice(rng: Random) -> Sample:
    x = tensor(rng, "x", any_shape(rng))
    bounds = [_bounds(rng, extent) for extent in x.shape]
    begin, end, strides = (tuple(column) for column in zip(*bounds, strict=True))
    op = StridedSlice(begin=begin, end=end, strides=strides)
    return unary(op, x, output_like(op, (x,), rng, scale=x.scale, zero=x.zero_point), rng)


def _bounds(rng: Random, extent: int) -> tuple[int, int, int]:
    first, last = sorted(int(i) for i in rng.integers(0, extent, 2))
    stride = int(rng.integers(1, 4))
    return (first, last + 1, stride) if rng.random() < 0.8 else (last, first - 1, -stride)


def resize(rng: Random) -> Sample:
    x = tensor(rng, "x", image_shape(rng))
    size = (int(rng.integers(1, 14)), int(rng.integers(1, 14)))
    size = (2 * x.shape[1], 2 * x.shape[2]) if rng.random() < 0.5 else size
    align, half = rng.choice([(False, False), (True, False), (False, True)])
    op = ResizeNearestNeighbor(size=size, align_corners=bool(align), half_pixel_centers=bool(half))
    return unary(op, x, output_like(op, (x,), rng, scale=x.scale, zero=x.zero_point), rng)


def bottleneck(rng: Random) -> Sample:
    """Three convolutions in a row, of which the middle one's window may meet every border, or nothing else."""
    layers = Layers(int(rng.integers(1 << 30)))
    depth, channels, outputs = (int(rng.choice(some)) for some in ([1, 3, 4, 8, 11], [7, 8, 12, 20, 24], [3, 4, 8, 12]))
    rows, columns = int(rng.integers(1, 9)), int(rng.integers(2, 20))
    size = ((3, 3), (3, 3), (5, 5), (7, 7), (2, 3), (4, 2), (3, 1))[int(rng.integers(7))]
    before = [int(rng.integers(0, each)) for each in size]
    after = [int(rng.integers(max(each - have, 0), each + 1)) for each, have in zip(size, (rows, columns), strict=True)]
    beyond = size[1] * (rng.random() < 0.2)
    padding = Padding(before[0], after[0], before[1] + beyond, after[1] + beyond)
    how = {
        "values": str(rng.choice(["random", "extreme"])),
        "weights": str(rng.choice(["random", "powers", "dead", "saturating"])),
    }
    relu = Activation.RELU6 if rng.random() < 0.7 else Activation.NONE
    expand = layers.convolution((1, rows, columns, depth), (1, 1), channels, activation=relu, **how)
    shape = expand.operands.output.shape
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    depthwise = layers.depthwise(shape, size, stride=stride, padding=padding, activation=relu, **how)
    project = layers.convolution(depthwise.operands.output.shape, (1, 1), outputs, activation=activation(rng), **how)
    expanded, filtered = (
        replace(layer.operands.output, name=name) for layer, name in ((expand, "e"), (depthwise, "f"))
    )
    constants = [tensor for layer in (expand, depthwise, project) for tensor in layer.operands.inputs[1:]]
    for at, stage in ((2, expanded), (4, filtered)):  # as wide as they were drawn for, whatever the scale before
        weights = constants[at]
        assert weights is not None and weights.quantization is not None
        scales = tuple(scale * X_SCALE / stage.scale for scale in weights.quantization.scales)
        constants[at] = replace(weights, quantization=replace(weights.quantization, scales=scales))
    assert isinstance(expand.op, Conv2D) and isinstance(depthwise.op, DepthwiseConv2D)
    assert isinstance(project.op, Conv2D)
    op = InvertedBottleneck(
        expand=expand.op,
        depthwise=depthwise.op,
        project=project.op,
        expanded=expanded,
        filtered=filtered,
        block=int(rng.choice([4, 8, 16, 5])),
    )
    operands = Operands(inputs=(expand.operands.inputs[0], *constants), outputs=project.operands.outputs)
    given = tuple(None if constant is None else constant.values for constant in constants)
    return Sample(op=op, operands=operands, values=(expand.values[0], *given))


MAKERS: dict[type[Op], Callable[[Random], Sample]] = {
    Add: binary(Add),
    AveragePool2D: pool(AveragePool2D),
    DepthwiseConv2D: depthwise,
    Dequantize: dequantize,
    InvertedBottleneck: bottleneck,
    Logistic: logistic,
    Lut: lut,
    MaxPool2D: pool(MaxPool2D),
    Mean: mean,
    Mul: binary(Mul),
    Pad: pad,
    Quantize: quantize,
    Relu: relu,
    Reshape: reshape,
    ResizeNearestNeighbor: resize,
    Softmax: softmax,
    StridedSlice: strided_slice,
    Sub: binary(Sub),
    Transpose: transpose,
}
