"""One small model for every operator that is imported, with every option off its default where that is supported."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from frontends.writer import ModelFile

WEIGHTS_SCALES = (0.01, 0.02, 0.015)


def convolution(*, size: int = 5, padding: int = 0, stride: int = 1, dilation: int = 1, kernel: int = 3) -> ModelFile:
    """A CONV_2D from 2 to 3 channels; the output has the size that TFLite documents for the padding mode."""
    random = np.random.default_rng(size + kernel)
    model = ModelFile()
    taps = dilation * (kernel - 1) + 1
    extent = -(-size // stride) if padding == 0 else (size - taps) // stride + 1
    x = model.tensor("x", (1, size, size, 2), scale=0.05, zero=3)
    weights = random.integers(-127, 128, (3, kernel, kernel, 2))
    w = model.tensor("w", weights.shape, scale=WEIGHTS_SCALES, zero=(0, 0, 0), data=weights)
    scales = [np.float32(0.05) * np.float32(scale) for scale in WEIGHTS_SCALES]
    b = model.tensor("b", (3,), "INT32", scale=scales, zero=(0, 0, 0), data=random.integers(-999, 999, 3))
    y = model.tensor("y", (1, extent, extent, 3), scale=0.1, zero=-7)
    model.operator(
        "CONV_2D",
        (x, w, b),
        (y,),
        Padding=padding,
        StrideW=stride,
        StrideH=stride,
        DilationWFactor=dilation,
        DilationHFactor=dilation,
        FusedActivationFunction=1,
    )
    model.inputs, model.outputs = [x], [y]
    return model


def depthwise() -> ModelFile:
    model = ModelFile()
    weights = np.arange(24).reshape(1, 3, 2, 4) - 12
    x = model.tensor("x", (1, 6, 6, 2), scale=0.05, zero=3)
    w = model.tensor("w", weights.shape, scale=(0.1, 0.2, 0.3, 0.4), zero=(0, 0, 0, 0), axis=3, data=weights)
    y = model.tensor("y", (1, 3, 6, 4), scale=0.7)
    model.operator(
        "DEPTHWISE_CONV_2D",
        (x, w),
        (y,),
        Padding=0,
        StrideW=1,
        StrideH=2,
        DepthMultiplier=2,
        DilationWFactor=1,
        DilationHFactor=1,
        FusedActivationFunction=3,
    )
    model.inputs, model.outputs = [x], [y]
    return model


def dense() -> ModelFile:
    model = ModelFile()
    x = model.tensor("x", (1, 2, 4), scale=0.5, zero=1)
    w = model.tensor("w", (3, 4), scale=0.25, data=np.arange(12) - 6)
    b = model.tensor("b", (1, 3), "INT32", scale=0.125, data=(5, -5, 50))
    y = model.tensor("y", (1, 2, 3), scale=0.75, zero=-1)
    model.operator("FULLY_CONNECTED", (x, w, b), (y,), KeepNumDims=True, FusedActivationFunction=2)
    model.inputs, model.outputs = [x], [y]
    return model


def one_input(
    kind: str, shape: tuple[int, ...], result: tuple[int, ...], *, like: bool = True, **options: object
) -> ModelFile:
    """An operator from x to y, y quantized as x unless `like` is false."""
    model = ModelFile()
    x = model.tensor("x", shape, scale=0.5, zero=2)
    y = model.tensor("y", result, scale=0.5 if like else 1 / 256, zero=2 if like else -128)
    model.operator(kind, (x,), (y,), **options)
    model.inputs, model.outputs = [x], [y]
    return model


def with_integers(
    kind: str, shape: tuple[int, ...], result: tuple[int, ...], *vectors: tuple[int, ...], **options: object
) -> ModelFile:
    """`one_input` with vectors of constant integers behind the input."""
    model = one_input(kind, shape, result, **options)
    constants = [model.ints(f"c{i}", *values) for i, values in enumerate(vectors)]
    model.operators[0]["Inputs"] = [0, *constants]
    return model


def pair(kind: str, **options: object) -> ModelFile:
    """An operator from a and b, which broadcasts, to y."""
    model = ModelFile()
    a = model.tensor("a", (1, 3, 4, 2), scale=0.5, zero=2)
    b = model.tensor("b", (1, 1, 1, 2), scale=0.25, data=(7, -9))
    y = model.tensor("y", (1, 3, 4, 2), scale=0.5, zero=2)
    model.operator(kind, (a, b), (y,), FusedActivationFunction=1, **options)
    model.inputs, model.outputs = [a], [y]
    return model


def concatenation() -> ModelFile:
    model = ModelFile()
    a, b = model.tensor("a", (1, 3, 4, 2)), model.tensor("b", (1, 3, 4, 1))
    y = model.tensor("y", (1, 3, 4, 3))
    model.operator("CONCATENATION", (a, b), (y,), Axis=-1)
    model.inputs, model.outputs = [a, b], [y]
    return model


def pack() -> ModelFile:
    model = ModelFile()
    a, b = model.tensor("a", (2, 3)), model.tensor("b", (2, 3))
    y = model.tensor("y", (2, 3, 2))
    model.operator("PACK", (a, b), (y,), Axis=-1, ValuesCount=2)
    model.inputs, model.outputs = [a, b], [y]
    return model


def paddings(kind: str) -> ModelFile:
    model = one_input(kind, (1, 4, 5, 2), (1, 5, 7, 2))
    constants = [model.ints("paddings", 0, 0, 1, 0, 0, 2, 0, 0, shape=(4, 2))]
    if kind == "PADV2":
        constants.append(model.tensor("value", (1,), scale=0.5, zero=2, data=(-128,)))
    model.operators[0]["Inputs"] = [0, *constants]
    return model


def quantize() -> ModelFile:
    model = ModelFile()
    x, y = model.tensor("x", (1, 4), "FLOAT32"), model.tensor("y", (1, 4), scale=0.1, zero=-3)
    model.operator("QUANTIZE", (x,), (y,))
    model.inputs, model.outputs = [x], [y]
    return model


def dequantize() -> ModelFile:
    model = ModelFile()
    x, y = model.tensor("x", (1, 4), scale=0.1, zero=-3), model.tensor("y", (1, 4), "FLOAT32")
    model.operator("DEQUANTIZE", (x,), (y,))
    model.inputs, model.outputs = [x], [y]
    return model


def shape_chain() -> ModelFile:
    """y = reshape(x, pack(shape(x)[0], -1)): what converters write for Flatten with an open batch."""
    model = ModelFile()
    x = model.tensor("x", (1, 2, 3, 4), ShapeSignature=[-1, 2, 3, 4])
    dimensions = model.tensor("dimensions", (4,), "INT32", scale=None)
    batch = model.tensor("batch", (), "INT32", scale=None)
    rest = model.ints("rest", -1, shape=())
    target = model.tensor("target", (2,), "INT32", scale=None)
    y = model.tensor("y", (1, 24))
    begin, end, stride = (model.ints(name, value) for name, value in (("begin", 0), ("end", 1), ("stride", 1)))
    model.operator("SHAPE", (x,), (dimensions,), OutType=2)
    model.operator("STRIDED_SLICE", (dimensions, begin, end, stride), (batch,), ShrinkAxisMask=1)
    model.operator("PACK", (batch, rest), (target,), ValuesCount=2)
    model.operator("RESHAPE", (x, target), (y,))
    model.inputs, model.outputs = [x], [y]
    return model


def shape() -> ModelFile:
    model = ModelFile()
    x, y = model.tensor("x", (1, 2, 3)), model.tensor("y", (3,), "INT64", scale=None)
    model.operator("SHAPE", (x,), (y,), OutType=4)
    model.inputs, model.outputs = [x], [y]
    return model


POOL = {"Padding": 0, "StrideW": 2, "StrideH": 1, "FilterWidth": 3, "FilterHeight": 2, "FusedActivationFunction": 1}

SAMPLES: dict[str, Callable[[], ModelFile]] = {
    "ADD": lambda: pair("ADD"),
    "AVERAGE_POOL_2D": lambda: one_input("AVERAGE_POOL_2D", (1, 4, 5, 2), (1, 4, 3, 2), **POOL),
    "CONCATENATION": concatenation,
    "CONV_2D": lambda: convolution(dilation=2),
    "DEPTHWISE_CONV_2D": depthwise,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": dense,
    "LOGISTIC": lambda: one_input("LOGISTIC", (1, 5), (1, 5), like=False),
    "MAX_POOL_2D": lambda: one_input("MAX_POOL_2D", (1, 4, 5, 2), (1, 4, 3, 2), **POOL),
    "MEAN": lambda: with_integers("MEAN", (1, 4, 5, 2), (1, 1, 1, 2), (1, -2), KeepDims=True),
    "MUL": lambda: pair("MUL"),
    "PACK": pack,
    "PAD": lambda: paddings("PAD"),
    "PADV2": lambda: paddings("PADV2"),
    "QUANTIZE": quantize,
    "RELU": lambda: one_input("RELU", (1, 5), (1, 5)),
    "RELU6": lambda: one_input("RELU6", (1, 5), (1, 5)),
    "RELU_N1_TO_1": lambda: one_input("RELU_N1_TO_1", (1, 5), (1, 5)),
    "RESHAPE": lambda: one_input("RESHAPE", (1, 4, 5), (4, 5), NewShape=[-1, 5]),
    "RESIZE_NEAREST_NEIGHBOR": lambda: with_integers(
        "RESIZE_NEAREST_NEIGHBOR", (1, 4, 5, 2), (1, 8, 7, 2), (8, 7), HalfPixelCenters=True
    ),
    "SHAPE": shape,
    "SOFTMAX": lambda: one_input("SOFTMAX", (1, 5), (1, 5), like=False, Beta=2.0),
    "STRIDED_SLICE": lambda: with_integers(
        "STRIDED_SLICE", (1, 6, 5), (6, 2), (0, 4, -9), (1, 2, 9), (1, 1, 3), ShrinkAxisMask=1, BeginMask=2, EndMask=2
    ),
    "SUB": lambda: pair("SUB"),
    "TRANSPOSE": lambda: with_integers("TRANSPOSE", (1, 4, 5), (4, 1, 5), (1, 0, -1)),
}
"""By the operator's name in the schema: the same keys as the table of importers, which a test demands."""
