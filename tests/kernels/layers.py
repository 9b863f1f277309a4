"""Random layers for kernel tests: tensors, weights and quantizations that fill the int8 range of the output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tinyc.ir import DType, Op, Operands, Quantization, Tensor
from tinyc.ir.types import Array, Shape
from tinyc.kernels.contract import Kernel
from tinyc.ops.attributes import NO_PADDING, Activation, Padding
from tinyc.ops.conv2d import Conv2D
from tinyc.ops.depthwise_conv2d import DepthwiseConv2D
from tinyc.ops.fully_connected import FullyConnected

X_SCALE, Y_SCALE = 2.0**-4, 2.0**-6
WEIGHTS, INPUTS, SPREAD = 40, 73, 60
"""Standard deviations: of random weights and inputs, and, about, of outputs."""


def with_compact(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Catalogue rows, and those that take their place where flash counts most."""
    return [row for kernel in kernels for row in (kernel, kernel.compact) if row is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An operation with typed operands and values for all of its inputs."""

    op: Op
    operands: Operands
    values: tuple[Array | None, ...]

    def expected(self) -> Array:
        """What the operator's meaning in numpy gives."""
        return self.op.evaluate(self.operands, self.values)[0]


def with_factors(layer: Layer, exponents: tuple[int, ...]) -> Layer:
    """The layer with output factors 0.75 * 2^e, one exponent a channel."""
    x, weights, bias = layer.operands.inputs
    assert x is not None and weights is not None and weights.quantization is not None
    scale = 0.75 * layer.operands.output.scale / x.scale
    scales = tuple(float(np.float32(scale * 2.0**e)) for e in exponents)
    turned = replace(weights, quantization=replace(weights.quantization, scales=scales))
    return replace(layer, operands=replace(layer.operands, inputs=(x, turned, bias)))


class Layers:
    """Draws layers from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def convolution(
        self,
        x: Shape,
        kernel: tuple[int, int],
        channels: int,
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
        activation: Activation = Activation.NONE,
        values: str = "random",
        weights: str = "random",
        bias: bool = True,
    ) -> Layer:
        """A CONV_2D with random weights, zero points and per-channel scales."""
        op = Conv2D(stride=stride, dilation=dilation, padding=padding, activation=activation)
        shape = (channels, *kernel, x[3])
        return self._layer(op, x, shape, activation, values=values, weights=weights, bias=bias, axis=0)

    def as_depthwise(self, layer: Layer) -> Layer:
        """The same layer over one channel as a DEPTHWISE_CONV_2D."""
        op, (x, weights, bias) = layer.op, layer.operands.inputs
        assert isinstance(op, Conv2D) and weights is not None
        matrix = np.ascontiguousarray(weights.values.transpose(3, 1, 2, 0))
        by = weights.quantization
        assert by is not None
        turned = replace(
            weights, shape=matrix.shape, data=matrix, quantization=replace(by, axis=None if by.axis is None else 3)
        )
        depthwise = DepthwiseConv2D(
            stride=op.stride,
            dilation=op.dilation,
            padding=op.padding,
            activation=op.activation,
            multiplier=matrix.shape[3],
        )
        operands = replace(layer.operands, inputs=(x, turned, bias))
        return _sound(Layer(op=depthwise, operands=operands, values=(layer.values[0], matrix, layer.values[2])))

    def depthwise(
        self,
        x: Shape,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
        activation: Activation = Activation.NONE,
        values: str = "random",
        weights: str = "random",
        multiplier: int = 1,
    ) -> Layer:
        """A DEPTHWISE_CONV_2D of `multiplier` outputs a channel."""
        one = self.convolution(
            (*x[:3], 1),
            kernel,
            x[3] * multiplier,
            stride=stride,
            padding=padding,
            activation=activation,
            weights=weights,
        )
        layer = self.as_depthwise(one)
        image, *constants = layer.operands.inputs
        assert image is not None and isinstance(layer.op, DepthwiseConv2D)
        operands = replace(layer.operands, inputs=(replace(image, shape=x), *constants))
        drawn = (self._image(x, values), *layer.values[1:])
        return _sound(Layer(op=replace(layer.op, multiplier=multiplier), operands=operands, values=drawn))

    def dense(
        self,
        x: Shape,
        outputs: int,
        *,
        depth: int,
        keep_dims: bool = False,
        activation: Activation = Activation.NONE,
        values: str = "random",
        weights: str = "random",
        bias: bool = True,
        per_channel: bool = True,
    ) -> Layer:
        """A FULLY_CONNECTED with random weights and zero points."""
        op = FullyConnected(activation=activation, keep_dims=keep_dims)
        axis = 0 if per_channel else None
        return self._layer(op, x, (outputs, depth), activation, values=values, weights=weights, bias=bias, axis=axis)

    def _layer(
        self,
        op: Op,
        x: Shape,
        shape: Shape,
        activation: Activation,
        *,
        values: str,
        weights: str,
        bias: bool,
        axis: int | None,
    ) -> Layer:
        depth = int(np.prod(shape[1:]))
        matrix = self._weights(shape, weights)
        zero_point = int(self.random.integers(-128, 128))
        image = self._image(x, values)
        real = self.random.uniform(0.3, 2.0, shape[0]) * SPREAD / (WEIGHTS * INPUTS * np.sqrt(depth))
        biases = self.random.normal(0, WEIGHTS * INPUTS * np.sqrt(depth), shape[0]).astype(np.int32)
        if weights == "powers":
            biases -= biases % 32
        scales = tuple(float(np.float32(r * Y_SCALE / X_SCALE)) for r in (real if axis == 0 else real[:1]))
        if weights == "powers":
            scales = tuple(2.0 ** round(np.log2(scale)) for scale in scales)
        signed = activation is Activation.NONE or (activation is Activation.RELU_N1_TO_1 and self.random.random() < 0.5)
        out_zero = int(self.random.integers(-128, 128)) if signed else -128
        inputs: tuple[Tensor | None, ...] = (
            _tensor("x", x, DType.INT8, X_SCALE, zero_point),
            Tensor(
                name="weights",
                shape=shape,
                dtype=DType.INT8,
                quantization=Quantization(
                    scales=scales, zero_points=(0,) * len(scales), axis=axis if len(scales) > 1 else None
                ),
                data=matrix,
            ),
            Tensor(name="bias", shape=(shape[0],), dtype=DType.INT32, data=biases) if bias else None,
        )
        (out_shape,) = op.output_shapes(inputs)
        output = _tensor("y", out_shape, DType.INT8, Y_SCALE, out_zero)
        operands = Operands(inputs=inputs, outputs=(output,))
        return _sound(Layer(op=op, operands=operands, values=(image, matrix, biases if bias else None)))

    def _weights(self, shape: Shape, kind: str) -> Array:
        """Kinds: random, powers (multiples of 32: ties are frequent), saturating, full (-128 too), dead (half the filters)."""
        if kind == "saturating":
            return self.random.choice(np.array([-127, 127], np.int8), shape)
        if kind == "powers":
            return (self.random.integers(-3, 4, shape) * 32).astype(np.int8)
        if kind == "full":
            return self.random.integers(-128, 128, shape).astype(np.int8)
        if kind == "dead":
            matrix = self.random.integers(-127, 128, shape).astype(np.int8)
            matrix[::2] = 0
            return matrix
        return np.clip(self.random.normal(0, WEIGHTS, shape), -127, 127).astype(np.int8)

    def _image(self, shape: Shape, kind: str) -> Array:
        if kind == "extreme":
            return self.random.choice(np.array([-128, 127], np.int8), shape)
        return self.random.integers(-128, 128, shape).astype(np.int8)


def _sound(layer: Layer) -> Layer:
    """The layer, of which all constraints hold."""
    broken = [each for each in layer.op.constraints if not each.holds(layer.op, layer.operands)]
    assert not broken, f"{broken[0].sentence}: {layer.op}"
    return layer


def _tensor(name: str, shape: Shape, dtype: DType, scale: float, zero_point: int) -> Tensor:
    quantization = Quantization(scales=(float(np.float32(scale)),), zero_points=(zero_point,))
    return Tensor(name=name, shape=shape, dtype=dtype, quantization=quantization)
