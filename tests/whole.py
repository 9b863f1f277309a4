"""Whole .tflite files, layer by layer, in the styles of the converters: a builder that keeps shapes and picks quantizations.

Output scales are such that values spread over the whole range, so that a wrong one shows; tests may choose others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite
from models import Operator, constant, tensor, write

from tinyc.ir import DType, Tensor

ACTIVATIONS = vars(tflite.ActivationFunctionType)
PADDINGS = {"SAME": tflite.Padding.SAME, "VALID": tflite.Padding.VALID}
SPREAD = 74.0
"""The standard deviation of a full-range int8."""

Pair = int | tuple[int, int]


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


class Net:
    """A model under construction; layers take and return tensors."""

    def __init__(self, seed: int = 0, *, prefix: str = "") -> None:
        self.random = np.random.default_rng(seed)
        self.prefix = prefix
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[str] = []
        self.dynamic = False
        """Whether the batch dimension is open in the signatures of tensors of rank 2 or more that are not constant."""

    def name(self, what: str) -> str:
        return f"{self.prefix}{what}_{len(self.tensors)}"

    def add(self, t: Tensor) -> Tensor:
        self.tensors.append(t)
        return t

    def scale(self) -> float:
        return float(self.random.uniform(0.01, 0.1))

    def zero(self) -> int:
        return int(self.random.integers(-128, 128))

    def input(
        self, *shape: int, scale: float | None = None, zero: int | None = None, dtype: DType = DType.INT8
    ) -> Tensor:
        if dtype is DType.FLOAT32:
            x = self.add(tensor(self.name("input"), *shape, dtype=dtype))
        else:
            zero = self.zero() + (128 if dtype is DType.UINT8 else 0) if zero is None else zero
            x = self.add(tensor(self.name("input"), *shape, dtype=dtype, scale=scale or self.scale(), zero=zero))
        self.inputs.append(x.name)
        return x

    def activation(self, *shape: int, like: Tensor | None = None, dtype: DType | None = None, **kw: Any) -> Tensor:
        """A tensor that an operator writes; quantized as `like` where given."""
        if like is not None:
            dtype, quantization = dtype or like.dtype, like.quantization
            if quantization is not None:
                kw = {"scale": quantization.scales, "zero": quantization.zero_points[0]} | kw
        return self.add(tensor(self.name("t"), *shape, dtype=dtype or DType.INT8, **kw))

    def op(self, kind: str, inputs: Sequence[Tensor | None], output: Tensor, table: str = "", **options: Any) -> Tensor:
        version = options.pop("version", None)
        names = [None if t is None else t.name for t in inputs]
        self.operators.append(
            Operator(kind=kind, inputs=names, outputs=[output.name], table=table, options=options, version=version)
        )
        return output

    def integers(self, values: Any) -> Tensor:
        return self.add(constant(self.name("const"), values))

    def weights(self, shape: tuple[int, ...], axis: int, *, per_channel: bool = True, zero: bool = False) -> Tensor:
        data = np.zeros(shape, np.int8) if zero else self.random.integers(-127, 128, shape).astype(np.int8)
        count = shape[axis] if per_channel else 1
        scale = self.random.uniform(0.004, 0.012, count)
        return self.add(tensor(self.name("w"), *shape, scale=scale, axis=axis if count > 1 else None, data=data))

    def bias(self, x: Tensor, weights: Tensor, channels: int, taps: int) -> Tensor:
        assert weights.quantization is not None
        scale = x.scale * np.array(weights.quantization.scales)
        spread = int(math.sqrt(taps) * SPREAD * SPREAD)
        data = self.random.integers(-spread, spread + 1, channels).astype(np.int32)
        return self.add(
            tensor(
                self.name("b"), channels, dtype=DType.INT32, scale=scale, data=data, axis=0 if len(scale) > 1 else None
            )
        )

    def _spread(self, x: Tensor, weights: Tensor, taps: int) -> float:
        assert weights.quantization is not None
        return x.scale * float(np.mean(weights.quantization.scales)) * math.sqrt(taps) * SPREAD * 1.4

    def conv(
        self, x: Tensor, channels: int, size: Pair = 1, *, stride: Pair = 1, dilation: Pair = 1, padding: str = "SAME",
        act: str = "NONE", per_channel: bool = True, bias: bool = True, scale: float | None = None,
        zero: int | None = None, no_weights: bool = False,
    ) -> Tensor:  # fmt: skip
        (kh, kw), (sh, sw), (dh, dw) = _pair(size), _pair(stride), _pair(dilation)
        n, h, w, c = x.shape
        weights = self.weights((channels, kh, kw, c), 0, per_channel=per_channel, zero=no_weights)
        taps = kh * kw * c
        y = self.activation(
            n, *_window((h, w), (kh, kw), (sh, sw), (dh, dw), padding), channels,
            scale=scale or self._spread(x, weights, taps), zero=self.zero() if zero is None else zero,
        )  # fmt: skip
        inputs = [x, weights, *([self.bias(x, weights, channels, taps)] if bias else [])]
        return self.op(
            "CONV_2D", inputs, y, "Conv2DOptions", Padding=PADDINGS[padding], StrideH=sh, StrideW=sw,
            DilationHFactor=dh, DilationWFactor=dw, FusedActivationFunction=ACTIVATIONS[act],
        )  # fmt: skip

    def depthwise(
        self, x: Tensor, size: Pair = 3, *, multiplier: int = 1, stride: Pair = 1, dilation: Pair = 1,
        padding: str = "SAME", act: str = "NONE", per_channel: bool = True, scale: float | None = None,
        zero: int | None = None, bias: bool = True,
    ) -> Tensor:  # fmt: skip
        (kh, kw), (sh, sw), (dh, dw) = _pair(size), _pair(stride), _pair(dilation)
        n, h, w, c = x.shape
        weights = self.weights((1, kh, kw, c * multiplier), 3, per_channel=per_channel)
        y = self.activation(
            n, *_window((h, w), (kh, kw), (sh, sw), (dh, dw), padding), c * multiplier,
            scale=scale or self._spread(x, weights, kh * kw), zero=self.zero() if zero is None else zero,
        )  # fmt: skip
        inputs = [x, weights, *([self.bias(x, weights, c * multiplier, kh * kw)] if bias else [])]
        return self.op(
            "DEPTHWISE_CONV_2D", inputs, y, "DepthwiseConv2DOptions", Padding=PADDINGS[padding], StrideH=sh,
            StrideW=sw, DilationHFactor=dh, DilationWFactor=dw, DepthMultiplier=multiplier,
            FusedActivationFunction=ACTIVATIONS[act],
        )  # fmt: skip

    def dense(
        self, x: Tensor, outputs: int, *, depth: int | None = None, keep: bool = False, per_channel: bool = False,
        bias: bool = True, absent: bool = False, act: str = "NONE", scale: float | None = None,
    ) -> Tensor:  # fmt: skip
        depth = depth or x.shape[-1]
        weights = self.weights((outputs, depth), 0, per_channel=per_channel)
        shape = (*x.shape[:-1], outputs) if keep else (x.elements // depth, outputs)
        y = self.activation(*shape, scale=scale or self._spread(x, weights, depth), zero=self.zero())
        third: list[Tensor | None] = [self.bias(x, weights, outputs, depth)] if bias else [None] if absent else []
        return self.op(
            "FULLY_CONNECTED", [x, weights, *third], y, "FullyConnectedOptions", KeepNumDims=keep,
            FusedActivationFunction=ACTIVATIONS[act],
        )  # fmt: skip

    def pool(
        self, kind: str, x: Tensor, size: Pair = 2, stride: Pair | None = None, padding: str = "SAME", act: str = "NONE"
    ) -> Tensor:
        (kh, kw), (sh, sw) = _pair(size), _pair(size if stride is None else stride)
        n, h, w, c = x.shape
        y = self.activation(n, *_window((h, w), (kh, kw), (sh, sw), (1, 1), padding), c, like=x)
        return self.op(
            f"{kind}_POOL_2D", [x], y, "Pool2DOptions", Padding=PADDINGS[padding], StrideH=sh, StrideW=sw,
            FilterHeight=kh, FilterWidth=kw, FusedActivationFunction=ACTIVATIONS[act],
        )  # fmt: skip

    def binary(
        self, kind: str, a: Tensor, b: Tensor, *, act: str = "NONE", scale: float | None = None, zero: int | None = None
    ) -> Tensor:
        natural = a.scale * b.scale * SPREAD if kind == "MUL" else math.hypot(a.scale, b.scale)
        y = self.activation(
            *np.broadcast_shapes(a.shape, b.shape), scale=scale or natural, zero=self.zero() if zero is None else zero
        )
        return self.op(kind, [a, b], y, f"{kind.capitalize()}Options", FusedActivationFunction=ACTIVATIONS[act])

    def values(
        self, *shape: int, scale: float | None = None, zero: int | None = None, like: Tensor | None = None
    ) -> Tensor:
        """A constant int8 tensor."""
        data = self.random.integers(-128, 128, shape).astype(np.int8)
        if like is not None:
            scale, zero = like.scale, like.zero_point
        return self.add(
            tensor(
                self.name("values"),
                *shape,
                scale=scale or self.scale(),
                zero=self.zero() if zero is None else zero,
                data=data,
            )
        )

    def concat(self, parts: Sequence[Tensor], axis: int = -1) -> Tensor:
        shape = list(parts[0].shape)
        shape[axis] = sum(p.shape[axis] for p in parts)
        y = self.activation(*shape, like=parts[0])
        return self.op("CONCATENATION", parts, y, "ConcatenationOptions", Axis=axis)

    def reshape(self, x: Tensor, *shape: int, how: str = "both") -> Tensor:
        known = math.prod(s for s in shape if s != -1)
        y = self.activation(*(x.elements // known if s == -1 else s for s in shape), like=x)
        inputs = [x] if how == "option" else [x, self.integers(list(shape))]
        if how == "input":
            return self.op("RESHAPE", inputs, y)
        return self.op("RESHAPE", inputs, y, "ReshapeOptions", NewShape=list(shape))

    def mean(self, x: Tensor, axes: Sequence[int], *, keep: bool = False, same: bool = False) -> Tensor:
        positive = [a % len(x.shape) for a in axes]
        shape = [1 if a in positive else s for a, s in enumerate(x.shape) if keep or a not in positive]
        count = math.prod(x.shape[a] for a in positive)
        y = (
            self.activation(*shape, like=x)
            if same
            else self.activation(*shape, scale=x.scale / math.sqrt(count), zero=self.zero())
        )
        return self.op("MEAN", [x, self.integers(list(axes))], y, "ReducerOptions", KeepDims=keep)

    def pad(self, x: Tensor, pads: Sequence[tuple[int, int]], value: int | None = None) -> Tensor:
        y = self.activation(*(s + a + b for s, (a, b) in zip(x.shape, pads, strict=True)), like=x)
        if value is None:
            return self.op("PAD", [x, self.integers(np.array(pads))], y, "PadOptions")
        fill = self.add(
            tensor(
                self.name("fill"), dtype=x.dtype, scale=x.scale, zero=x.zero_point, data=np.array(value, x.dtype.numpy)
            )
        )
        return self.op("PADV2", [x, self.integers(np.array(pads)), fill], y, "PadV2Options")

    def requantize(
        self, x: Tensor, *, scale: float | None = None, zero: int | None = None, dtype: DType = DType.INT8
    ) -> Tensor:
        default = self.zero() + (128 if dtype is DType.UINT8 else 0)
        y = self.activation(*x.shape, dtype=dtype, scale=scale or self.scale(), zero=default if zero is None else zero)
        return self.op("QUANTIZE", [x], y, "QuantizeOptions")

    def dequantize(self, x: Tensor) -> Tensor:
        return self.op("DEQUANTIZE", [x], self.activation(*x.shape, dtype=DType.FLOAT32), "DequantizeOptions")

    def softmax(self, x: Tensor, beta: float = 1.0) -> Tensor:
        return self.op("SOFTMAX", [x], self.activation(*x.shape, scale=1 / 256, zero=-128), "SoftmaxOptions", Beta=beta)

    def logistic(self, x: Tensor) -> Tensor:
        return self.op("LOGISTIC", [x], self.activation(*x.shape, scale=1 / 256, zero=-128))

    def relu(self, x: Tensor, kind: str = "RELU", *, scale: float | None = None, zero: int | None = None) -> Tensor:
        if scale is None:
            y = self.activation(*x.shape, like=x)
        else:
            y = self.activation(*x.shape, scale=scale, zero=self.zero() if zero is None else zero)
        return self.op(kind, [x], y)

    def transpose(self, x: Tensor, *permutation: int) -> Tensor:
        y = self.activation(*(x.shape[a] for a in permutation), like=x)
        return self.op("TRANSPOSE", [x, self.integers(list(permutation))], y, "TransposeOptions")

    def resize(self, x: Tensor, height: int, width: int, **options: bool) -> Tensor:
        n, _, _, c = x.shape
        y = self.activation(n, height, width, c, like=x)
        return self.op(
            "RESIZE_NEAREST_NEIGHBOR", [x, self.integers([height, width])], y, "ResizeNearestNeighborOptions", **options
        )

    def slice(
        self, x: Tensor, begin: Sequence[int], end: Sequence[int], strides: Sequence[int] | None = None, **masks: int
    ) -> Tensor:
        """STRIDED_SLICE without shrunken axes, but with masks."""
        strides = strides or [1] * len(begin)
        shape = []
        for axis, extent in enumerate(x.shape):
            if axis >= len(begin):
                shape.append(extent)
                continue
            b = None if masks.get("BeginMask", 0) >> axis & 1 else begin[axis]
            e = None if masks.get("EndMask", 0) >> axis & 1 else end[axis]
            if masks.get("ShrinkAxisMask", 0) >> axis & 1:
                continue
            shape.append(len(range(extent)[b : e : strides[axis]]))
        y = self.activation(*shape, like=x)
        bounds = [self.integers(list(v)) for v in (begin, end, strides)]
        return self.op("STRIDED_SLICE", [x, *bounds], y, "StridedSliceOptions", **masks)

    def dynamic_reshape(self, x: Tensor, *rest: int) -> Tensor:
        """What TF makes of tf.reshape(x, [tf.shape(x)[0], ...]): SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
        shape = self.op(
            "SHAPE",
            [x],
            self.activation(len(x.shape), dtype=DType.INT32),
            "ShapeOptions",
            OutType=tflite.TensorType.INT32,
        )
        bounds = [self.integers([v]) for v in (0, 1, 1)]
        batch = self.op(
            "STRIDED_SLICE",
            [shape, *bounds],
            self.activation(dtype=DType.INT32),
            "StridedSliceOptions",
            ShrinkAxisMask=1,
        )
        parts = [batch, *(self.add(constant(self.name("extent"), v)) for v in rest)]
        packed = self.op(
            "PACK", parts, self.activation(len(parts), dtype=DType.INT32), "PackOptions", ValuesCount=len(parts), Axis=0
        )
        known = math.prod(r for r in rest if r != -1) * x.shape[0]
        y = self.activation(x.shape[0], *(x.elements // known if r == -1 else r for r in rest), like=x)
        return self.op("RESHAPE", [x, packed], y)

    def pack(self, parts: Sequence[Tensor], axis: int = 0) -> Tensor:
        shape = list(parts[0].shape)
        shape.insert(axis if axis >= 0 else axis + len(shape) + 1, len(parts))
        y = self.activation(*shape, like=parts[0])
        return self.op("PACK", parts, y, "PackOptions", ValuesCount=len(parts), Axis=axis)

    def file(self, *outputs: Tensor) -> bytes:
        open_batch = [t.name for t in self.tensors if self.dynamic and t.data is None and len(t.shape) > 1]
        return write(self.tensors, self.operators, self.inputs, [t.name for t in outputs], open_batch=open_batch)


def _window(
    image: tuple[int, int], size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], padding: str
) -> tuple[int, int]:
    rows, columns = (
        -(-n // s) if padding == "SAME" else (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(image, size, stride, dilation, strict=True)
    )
    return rows, columns
