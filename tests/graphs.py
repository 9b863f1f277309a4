"""Small graphs made on the spot: a builder that draws weights, scales and values from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyc.ir import DType, Graph, Op, Operation, Quantization, Tensor
from tinyc.ir.types import Array
from tinyc.ops import Activation, Conv2D, DepthwiseConv2D, FullyConnected, Padding

SPREAD = 80.0
"""The standard deviation, about, of a convolution's output before it is clamped to int8."""


@dataclass(slots=True)
class Builder:
    """Adds operations one after the other; every method returns the new tensor's name."""

    seed: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def input(self, *shape: int, dtype: DType = DType.INT8, scale: float | None = None, zero: int | None = None) -> str:
        name = self.tensor(f"input{len(self.inputs)}", shape, dtype=dtype, scale=scale, zero=zero)
        self.inputs.append(name)
        return name

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        *,
        dtype: DType = DType.INT8,
        scale: float | None = None,
        zero: int | None = None,
        data: Array | None = None,
    ) -> str:
        quantization = None
        if dtype in (DType.INT8, DType.UINT8):
            low, high = dtype.limits
            quantization = Quantization(
                scales=(float(np.float32(scale or self.random.uniform(0.01, 0.1))),),
                zero_points=(int(self.random.integers(low, high + 1)) if zero is None else zero,),
            )
        self.tensors[name] = Tensor(name=name, shape=tuple(shape), dtype=dtype, quantization=quantization, data=data)
        return name

    def constant(self, *shape: int, low: int = -128, scale: float | None = None, zero: int | None = None) -> str:
        data = self.random.integers(low, 128, shape).astype(np.int8)
        return self.tensor(f"constant{len(self.tensors)}", shape, data=data, scale=scale, zero=zero)

    def apply(
        self, op: Op, *inputs: str | None, scale: float | None = None, zero: int | None = None, like: str | None = None
    ) -> str:
        """Append an operation; its output is quantized like `like`, or by `scale` and `zero`, or at random."""
        operands = tuple(None if name is None else self.tensors[name] for name in inputs)
        (shape,) = op.output_shapes(operands)
        number = len(self.operations)
        if like is not None:
            scale, zero = self.tensors[like].scale, self.tensors[like].zero_point
        output = self.tensor(f"t{number}", shape, scale=scale, zero=zero)
        name = f"{op.kind}_{number}"
        self.operations.append(Operation(name=name, op=op, inputs=inputs, outputs=(output,), source_index=number))
        return output

    def conv2d(
        self,
        source: str,
        channels: int,
        size: tuple[int, int] = (3, 3),
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Padding | None = None,
        activation: Activation = Activation.NONE,
        like: str | None = None,
        bias: bool = True,
    ) -> str:
        """Like `like` its output is quantized, else at random; weights are scaled so that outputs spread over int8."""
        depth = self.tensors[source].shape[-1]
        scale, zero = self._quantized(like)
        weights = self._filter((channels, *size, depth), channels, 0, source, scale, size[0] * size[1] * depth)
        op = Conv2D(stride=stride, dilation=dilation, padding=padding or Padding(), activation=activation)
        return self.apply(op, source, weights, self._bias(weights, source) if bias else None, scale=scale, zero=zero)

    def depthwise(
        self,
        source: str,
        size: tuple[int, int] = (3, 3),
        *,
        multiplier: int = 1,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Padding | None = None,
        activation: Activation = Activation.NONE,
        like: str | None = None,
        bias: bool = True,
    ) -> str:
        channels = self.tensors[source].shape[-1] * multiplier
        scale, zero = self._quantized(like)
        weights = self._filter((1, *size, channels), channels, 3, source, scale, size[0] * size[1])
        op = DepthwiseConv2D(
            stride=stride, dilation=dilation, padding=padding or Padding(), activation=activation, multiplier=multiplier
        )
        return self.apply(op, source, weights, self._bias(weights, source) if bias else None, scale=scale, zero=zero)

    def dense(
        self,
        source: str,
        features: int,
        *,
        depth: int | None = None,
        activation: Activation = Activation.NONE,
        keep_dims: bool = False,
        like: str | None = None,
        bias: bool = True,
    ) -> str:
        """`depth` input elements make one output vector, by default all of a batch's."""
        depth = depth or int(np.prod(self.tensors[source].shape[1:]))
        scale, zero = self._quantized(like)
        weights = self._filter((features, depth), features, 0, source, scale, depth)
        op = FullyConnected(activation=activation, keep_dims=keep_dims)
        return self.apply(op, source, weights, self._bias(weights, source) if bias else None, scale=scale, zero=zero)

    def _quantized(self, like: str | None) -> tuple[float, int]:
        if like is not None:
            return self.tensors[like].scale, self.tensors[like].zero_point
        return float(np.float32(self.random.uniform(0.01, 0.1))), int(self.random.integers(-128, 128))

    def _filter(
        self, shape: tuple[int, ...], channels: int, axis: int, source: str, output_scale: float, terms: int
    ) -> str:
        """Random weights, quantized per channel, some channels ten times finer than others."""
        name = f"w{len(self.tensors)}"
        spread = SPREAD * output_scale / (self.tensors[source].scale * 74 * 74 * max(terms, 1) ** 0.5)
        scales = spread * 10.0 ** self.random.uniform(-1.0, 0.2, channels)
        quantization = Quantization(
            scales=tuple(float(np.float32(s)) for s in scales), zero_points=(0,) * channels, axis=axis
        )
        data = self.random.integers(-127, 128, shape).astype(np.int8)
        self.tensors[name] = Tensor(name=name, shape=shape, dtype=DType.INT8, quantization=quantization, data=data)
        return name

    def _bias(self, weights: str, source: str) -> str:
        """A random bias on the scales that the specification prescribes."""
        name = f"b{len(self.tensors)}"
        quantization = self.tensors[weights].quantization
        assert quantization is not None
        channels = len(quantization.scales)
        products = tuple(float(np.float32(self.tensors[source].scale * scale)) for scale in quantization.scales)
        self.tensors[name] = Tensor(
            name=name,
            shape=(channels,),
            dtype=DType.INT32,
            quantization=Quantization(scales=products, zero_points=(0,) * channels, axis=0),
            data=self.random.integers(-20000, 20000, channels).astype(np.int32),
        )
        return name

    def graph(self, *outputs: str) -> Graph:
        return Graph(
            name="built",
            tensors=self.tensors,
            operations=tuple(self.operations),
            inputs=tuple(self.inputs),
            outputs=outputs,
        ).verify()


def samples(graph: Graph, *, count: int, seed: int = 0) -> list[dict[str, Array]]:
    """`count` full-range random values for every input, then all-minimum and all-maximum ones."""
    random = np.random.default_rng(seed)
    drawn: list[dict[str, Array]] = [{} for _ in range(count + 2)]
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = tensor.dtype.limits
        for number in range(count):
            drawn[number][name] = random.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)
        drawn[count][name] = np.full(tensor.shape, low, tensor.dtype.numpy)
        drawn[count + 1][name] = np.full(tensor.shape, high, tensor.dtype.numpy)
    return drawn
