"""Small graphs made on the spot: a builder that draws weights and scales from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyc.ir import DType, Graph, Op, Operation, Quantization, Tensor
from tinyc.ir.types import Array
from tinyc.ops import Activation, Conv2D, DepthwiseConv2D, FullyConnected, Padding


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

    def constant(self, shape: Sequence[int], *, low: int = -128, scale: float | None = None) -> str:
        data = self.random.integers(low, 128, tuple(shape)).astype(np.int8)
        return self.tensor(f"constant{len(self.tensors)}", shape, data=data, scale=scale)

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
    ) -> str:
        depth = self.tensors[source].shape[-1]
        weights, bias = self._filter((channels, *size, depth), channels, 0, self.tensors[source].scale)
        op = Conv2D(stride=stride, dilation=dilation, padding=padding or Padding(), activation=activation)
        return self.apply(
            op, source, weights, bias, scale=self._output_scale(source, weights, size[0] * size[1] * depth)
        )

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
    ) -> str:
        channels = self.tensors[source].shape[-1] * multiplier
        weights, bias = self._filter((1, *size, channels), channels, 3, self.tensors[source].scale)
        op = DepthwiseConv2D(
            stride=stride, dilation=dilation, padding=padding or Padding(), activation=activation, multiplier=multiplier
        )
        return self.apply(op, source, weights, bias, scale=self._output_scale(source, weights, size[0] * size[1]))

    def dense(self, source: str, features: int, *, activation: Activation = Activation.NONE) -> str:
        depth = int(np.prod(self.tensors[source].shape[1:]))
        weights, bias = self._filter((features, depth), features, 0, self.tensors[source].scale)
        scale = self._output_scale(source, weights, depth)
        return self.apply(FullyConnected(activation=activation), source, weights, bias, scale=scale)

    def _filter(self, shape: tuple[int, ...], channels: int, axis: int, input_scale: float) -> tuple[str, str]:
        """Per-channel weights and their bias, on the scales that the specification prescribes."""
        number = len(self.tensors)
        scales = tuple(float(np.float32(s)) for s in self.random.uniform(0.001, 0.02, channels))
        weights = self.random.integers(-127, 128, shape).astype(np.int8)
        bias = self.random.integers(-2000, 2000, channels).astype(np.int32)
        zeros = (0,) * channels
        per_axis = Quantization(scales=scales, zero_points=zeros, axis=axis)
        self.tensors[f"w{number}"] = Tensor(
            name=f"w{number}", shape=shape, dtype=DType.INT8, quantization=per_axis, data=weights
        )
        products = tuple(float(np.float32(input_scale * scale)) for scale in scales)
        self.tensors[f"b{number}"] = Tensor(
            name=f"b{number}",
            shape=(channels,),
            dtype=DType.INT32,
            quantization=Quantization(scales=products, zero_points=zeros, axis=0),
            data=bias,
        )
        return f"w{number}", f"b{number}"

    def _output_scale(self, source: str, weights: str, terms: int) -> float:
        """A scale that spreads random accumulators over the int8 range."""
        quantization = self.tensors[weights].quantization
        assert quantization is not None
        return float(np.mean(quantization.scales)) * self.tensors[source].scale * 70 * 70 * max(terms, 1) ** 0.5 / 60

    def graph(self, *outputs: str) -> Graph:
        return Graph(
            name="built",
            tensors=self.tensors,
            operations=tuple(self.operations),
            inputs=tuple(self.inputs),
            outputs=outputs,
        ).verify()

    def sample(self, graph: Graph) -> dict[str, Array]:
        """Full-range random values for every input."""
        values: dict[str, Array] = {}
        for name in graph.inputs:
            tensor = graph.tensors[name]
            low, high = tensor.dtype.limits
            values[name] = self.random.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)
        return values
