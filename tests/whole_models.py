"""Whole models in the styles of the converters, each built with `whole.Net`; a function returns the model's outputs."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

from whole import Net

from tinyc.ir import DType, Tensor

Outputs = Tensor | tuple[Tensor, ...]
Maker = Callable[[Net], Outputs]


def mobilenet_v1(n: Net) -> Outputs:
    """PAD before every strided convolution, as Keras has it."""
    x = n.pad(n.input(1, 33, 29, 3, zero=-128), [(0, 0), (0, 1), (0, 1), (0, 0)])
    x = n.conv(x, 7, 3, stride=2, padding="VALID", act="RELU6", zero=-128)
    for channels, stride in ((13, 1), (18, 2), (18, 1), (34, 2)):
        if stride == 2:
            x = n.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)])
        x = n.depthwise(x, 3, stride=stride, padding="VALID" if stride == 2 else "SAME", act="RELU6", zero=-128)
        x = n.conv(x, channels, act="RELU6", zero=-128)
    x = n.pool("AVERAGE", x, x.shape[1:3], padding="VALID")
    x = n.conv(x, 11)
    return n.softmax(n.reshape(x, -1, 11))


def mobilenet_v2(n: Net) -> Outputs:
    x = n.conv(n.input(1, 24, 24, 3), 9, 3, stride=2, act="RELU6", zero=-128)
    for channels, stride, expand in ((5, 1, 1), (7, 2, 6), (7, 1, 6), (11, 1, 5), (11, 1, 3)):
        y = n.conv(x, x.shape[3] * expand, act="RELU6", zero=-128) if expand > 1 else x
        y = n.depthwise(y, 3, stride=stride, act="RELU6", zero=-128)
        y = n.conv(y, channels)
        x = n.binary("ADD", x, y) if stride == 1 and x.shape[3] == channels else y
    x = n.mean(n.conv(x, 31, act="RELU6", zero=-128), [1, 2])
    return n.softmax(n.dense(x, 5))


def densenet(n: Net) -> Outputs:
    """Concatenations of concatenations, of the input, of constants, and one tensor twice."""
    x = n.input(1, 14, 10, 6, scale=0.05, zero=3)
    k = {"scale": 0.05, "zero": 3}
    a = n.conv(x, 5, 3, **k)
    one = n.concat([x, a])
    b = n.conv(one, 3, 3, act="RELU", **k)
    two = n.concat([one, b, n.values(1, 14, 10, 2, like=x)])
    c = n.conv(two, 4, 1, **k)
    three = n.concat([two, c, c, x])
    d = n.conv(three, 9, 3, stride=2)
    return n.dense(n.reshape(d, 1, -1), 4), three


def concat_axes(n: Net) -> Outputs:
    """Along rows, columns and channels, three deep, with a constant and the model's input inside."""
    x = n.input(1, 4, 6, 3, scale=0.05, zero=-7)
    k = {"scale": 0.05, "zero": -7}
    a, b = n.conv(x, 3, 3, **k), n.depthwise(x, 3, **k)
    rows = n.concat([a, x, b], 1)
    columns = n.concat([rows, rows], 2)
    channels = n.concat([columns, n.values(1, 12, 12, 1, like=x)], 3)
    return n.pool("MAX", channels, 3, 2), n.conv(rows, 4, 2)


def concat_only(n: Net) -> Outputs:
    """No computation: two inputs and a constant side by side."""
    x = n.input(1, 5, 3, 2, scale=0.1, zero=1)
    y = n.input(1, 5, 3, 4, scale=0.1, zero=1)
    return n.concat([x, n.values(1, 5, 3, 1, like=x), y, x])


def inception(n: Net) -> Outputs:
    x = n.conv(n.input(1, 17, 19, 3), 10, 3, stride=2, act="RELU", scale=0.07, zero=-5)
    k = {"scale": 0.07, "zero": -5}
    one = n.conv(x, 4, act="RELU", **k)
    three = n.conv(n.conv(x, 3, act="RELU"), 5, 3, act="RELU", **k)
    five = n.conv(n.conv(n.conv(x, 2), 3, (1, 5)), 4, (5, 1), act="RELU", **k)
    pooled = n.pool("MAX", x, 3, 1)
    averaged = n.conv(n.pool("AVERAGE", x, 3, 1), 3, **k)
    x = n.concat([one, three, five, pooled, averaged])
    reduced = n.concat([n.pool("MAX", x, 3, 2), n.conv(x, 6, 3, stride=2, **k)])
    return n.softmax(n.dense(n.mean(reduced, [1, 2], same=True), 6))


def squeeze_excite_conv(n: Net) -> Outputs:
    x = n.conv(n.input(1, 12, 12, 4), 18, 3, act="RELU6", zero=-128)
    s = n.mean(x, [1, 2], keep=True, same=True)
    s = n.logistic(n.conv(n.conv(s, 5, act="RELU", zero=-128), 18))
    return n.mean(n.conv(n.binary("MUL", x, s), 8), [1, 2])


def squeeze_excite_dense(n: Net) -> Outputs:
    """Keras: MEAN, RESHAPE, FULLY_CONNECTED, and MUL with the gate on the left."""
    x = n.depthwise(n.input(1, 9, 11, 7), 5, act="RELU", zero=-128)
    s = n.reshape(n.mean(x, [1, 2]), 1, 1, 1, 7)
    s = n.logistic(n.dense(n.dense(s, 3, act="RELU"), 7))
    return n.conv(n.binary("MUL", n.reshape(s, 1, 1, 1, 7), x), 5)


def hard_swish(n: Net) -> Outputs:
    """x * relu6(x + 3) / 6 as MobileNetV3 exports it without HARD_SWISH."""
    x = n.conv(n.input(1, 10, 10, 3), 8, 3, stride=2)
    three, sixth = n.values(scale=3 / 127, zero=0), n.values(scale=1 / 762, zero=0)
    y = n.binary("ADD", x, three, act="RELU6", scale=6 / 255, zero=-128)
    return n.conv(n.binary("MUL", sixth, n.binary("MUL", x, y)), 6)


def unet(n: Net) -> Outputs:
    x = n.input(1, 16, 24, 2)
    k = {"scale": 0.04, "zero": 11}
    one = n.conv(x, 6, 3, act="RELU", **k)
    two = n.conv(n.pool("MAX", one, 2), 9, 3, act="RELU", **k)
    low = n.conv(n.pool("MAX", two, 2), 12, 3, act="RELU", **k)
    up = n.concat([n.resize(low, 8, 12), two])
    up = n.conv(up, 8, 3, act="RELU", **k)
    up = n.concat([one, n.resize(up, 16, 24, HalfPixelCenters=True)])
    return n.logistic(n.conv(n.conv(up, 5, 3, act="RELU"), 1))


def upsample_odd(n: Net) -> Outputs:
    x = n.conv(n.input(1, 5, 3, 3), 4, 2)
    return (
        n.conv(n.resize(x, 13, 7), 3, 3),
        n.resize(x, 13, 8, AlignCorners=True),
        n.pool("AVERAGE", n.resize(x, 2, 2, HalfPixelCenters=True), 2),
    )


def one_dimensional(n: Net) -> Outputs:
    """Edge Impulse: RESHAPE to H x 1, convolutions with kernels of one column, pools, RESHAPE, dense."""
    x = n.reshape(n.input(1, 126), -1, 42, 1, 3)
    for channels, size in ((8, 7), (17, 5), (33, 3)):
        x = n.conv(x, channels, (size, 1), act="RELU", zero=-128)
        x = n.pool("MAX", x, (2, 1))
    return n.softmax(n.dense(n.reshape(x, -1, 33 * x.shape[1]), 3))


def keras_conv1d(n: Net) -> Outputs:
    """Conv1D as Keras has it: 1 x W with reshapes around it, dilated, VALID."""
    x = n.reshape(n.input(1, 31, 5), 1, 1, 31, 5)
    x = n.conv(x, 6, (1, 3), dilation=(1, 2), padding="VALID", act="RELU")
    x = n.reshape(n.reshape(x, 1, 27, 6), 1, 1, 27, 6)
    x = n.conv(x, 4, (1, 5), stride=(1, 3), padding="SAME")
    x = n.reshape(x, 1, 9, 4)
    return n.softmax(n.mean(x, [1]))


def two_inputs(n: Net) -> Outputs:
    """An image and a vector; three outputs, one of them inside."""
    image, vector = n.input(1, 11, 7, 3), n.input(1, 13)
    x = n.conv(image, 8, 3, stride=2, act="RELU")
    y = n.dense(vector, 8)
    gated = n.binary("ADD", x, n.reshape(y, 1, 1, 1, 8))
    return n.dense(n.reshape(gated, 1, -1), 4), x, y


def input_is_used_often(n: Net) -> Outputs:
    x = n.input(1, 8, 8, 4)
    a, b, c = n.conv(x, 4, 3), n.depthwise(x, 5), n.pool("MAX", x, 3, 1)
    d = n.binary("ADD", n.binary("MUL", a, x), n.binary("SUB", x, b))
    return n.binary("ADD", d, c), n.mean(x, [1, 2]), a


def inner_outputs(n: Net) -> Outputs:
    """Every tensor is an output, an aliasing reshape included."""
    x = n.conv(n.input(1, 6, 6, 2), 4, 3, act="RELU")
    y = n.reshape(x, 1, 36, 4)
    z = n.dense(y, 3, keep=True)
    return x, y, z, n.reshape(z, 108)


def reshape_chain(n: Net) -> Outputs:
    x = n.input(1, 48)
    for shape in ((1, 4, 4, 3), (2, 24), (48,), (1, 1, 48, 1), (1, 8, 6, 1), (1, 4, 2, 6)):
        x = n.reshape(x, *shape, how="input" if len(shape) % 2 else "option")
    x = n.conv(x, 3, 3)
    return n.reshape(n.reshape(x, 24), 3, -1)


def reshape_only(n: Net) -> Outputs:
    return n.reshape(n.reshape(n.input(1, 4, 6), 24), 2, 12)


def torch(n: Net) -> Outputs:
    """onnx2tf: NCHW input, TRANSPOSE, network, TRANSPOSE back to NCHW before flattening."""
    x = n.transpose(n.input(1, 3, 12, 10), 0, 2, 3, 1)
    x = n.conv(n.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]), 8, 3, padding="VALID", act="RELU")
    x = n.pool("MAX", x, 2)
    x = n.conv(n.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]), 7, 3, stride=2, padding="VALID")
    x = n.reshape(n.transpose(x, 0, 3, 1, 2), 1, -1)
    return n.dense(x, 10)


def transposes(n: Net) -> Outputs:
    x = n.input(1, 5, 4, 3)
    a = n.transpose(x, 0, 2, 1, 3)
    b = n.transpose(n.conv(a, 6), 0, 3, 2, 1)
    c = n.transpose(n.reshape(b, 6, 20), 1, 0)
    d = n.transpose(n.reshape(c, 4, 5, 6), 2, 0, 1)
    return n.transpose(a, 3, 1, 0, 2), d, n.transpose(n.reshape(x, 60), 0)


def dynamic_batch(n: Net) -> Outputs:
    n.dynamic = True
    x = n.conv(n.input(1, 9, 9, 2), 5, 3, stride=2, act="RELU")
    x = n.dynamic_reshape(x, 125)
    x = n.dynamic_reshape(n.dense(x, 24), 2, 3, 4)
    return n.dense(n.dynamic_reshape(n.conv(x, 3), -1), 2)


def slices(n: Net) -> Outputs:
    x = n.conv(n.input(1, 12, 12, 4), 6, 3)
    a = n.slice(x, [0, 1, 0, 0], [0, 11, 0, 0], [1, 2, 3, 1], BeginMask=13, EndMask=13)
    b = n.slice(x, [0, 0, 0, 1], [1, 12, 12, 4], [1, 1, 1, 2])
    c = n.slice(x, [0, -1, -3, 0], [1, 1000, -1, 6])
    d = n.slice(x, [0, 5, 0, 0], [1, 6, 12, 6], ShrinkAxisMask=3)
    e = n.slice(x, [0, 11, 0, 0], [1, 0, 12, 6], [1, -4, 1, 1])
    return n.conv(a, 3), n.conv(b, 2, 3), c, n.mean(d, [0]), n.conv(e, 2)


def packs(n: Net) -> Outputs:
    x = n.input(1, 12)
    y = n.requantize(n.dense(x, 12), scale=x.scale, zero=x.zero_point)
    return n.pack([x, y, x], 1), n.pack([x, n.values(1, 12, like=x)], -1), n.dense(n.pack([x, y], 0), 3, depth=24)


def dense_ranks(n: Net) -> Outputs:
    """Ranks 2 to 4, per tensor and per channel, with and without kept dimensions and bias."""
    x = n.input(1, 4, 3, 10)
    a = n.dense(x, 7, keep=True, bias=False)
    b = n.dense(a, 5, keep=True, act="RELU6", absent=True, bias=False)
    c = n.dense(n.reshape(b, 4, 15), 6, act="RELU_N1_TO_1")
    d = n.dense(n.reshape(c, 1, 4, 6), 9, keep=True)
    return n.dense(d, 3), n.dense(x, 2), n.dense(n.reshape(x, 1, 120), 31, per_channel=True, act="RELU")


def dense_per_channel(n: Net) -> Outputs:
    x = n.input(2, 3, 8)
    a = n.dense(x, 5, keep=True, per_channel=True)
    return n.dense(n.reshape(a, 1, 2, 3, 5), 4, keep=True, per_channel=True, bias=False), n.dense(
        a, 3, per_channel=True
    )


def dense_wide(n: Net) -> Outputs:
    x = n.input(1, 1023)
    x = n.dense(x, 129, act="RELU")
    return n.softmax(n.dense(n.dense(x, 1, per_channel=True), 1024))


def depthwise_kinds(n: Net) -> Outputs:
    x = n.input(1, 13, 11, 3)
    a = n.depthwise(x, 3, multiplier=2, dilation=2)
    b = n.depthwise(a, 3, multiplier=3, stride=2, per_channel=False)
    c = n.depthwise(b, (1, 7), bias=False)
    d = n.depthwise(c, 5, stride=3, act="RELU_N1_TO_1")
    e = n.depthwise(x, 3, multiplier=5, stride=2, padding="VALID")
    f = n.depthwise(x, (4, 2), stride=(1, 2), dilation=(3, 1), padding="VALID", multiplier=8)
    return d, n.conv(e, 4), n.conv(f, 4)


def depthwise_of_one(n: Net) -> Outputs:
    """One input channel with a multiplier: what DSCNN's first layer may be."""
    x = n.depthwise(n.input(1, 20, 10, 1), (10, 4), multiplier=9, stride=2, act="RELU")
    return n.conv(n.depthwise(x, 3, multiplier=1), 5)


def dilated(n: Net) -> Outputs:
    x = n.input(1, 15, 12, 4)
    a = n.conv(x, 6, 3, dilation=2)
    b = n.conv(a, 5, 3, dilation=(4, 3))
    c = n.conv(b, 3, (2, 3), dilation=(1, 5), stride=(2, 1))
    return n.conv(c, 2, 3, dilation=7), n.depthwise(a, 3, dilation=(9, 2))


def kernel_larger_than_image(n: Net) -> Outputs:
    x = n.input(1, 3, 2, 5)
    a = n.conv(x, 4, 7)
    b = n.depthwise(a, (9, 5))
    c = n.pool("AVERAGE", b, 5, 1)
    d = n.pool("MAX", c, (7, 9), 1)
    return n.conv(d, 3, (5, 4), stride=2), n.depthwise(x, 5, dilation=2, multiplier=2)


def stride_larger_than_kernel(n: Net) -> Outputs:
    x = n.input(1, 23, 17, 3)
    a = n.conv(x, 6, 1, stride=2)
    b = n.depthwise(a, 1, stride=3)
    c = n.pool("MAX", x, 1, 2)
    d = n.pool("AVERAGE", x, 2, 5)
    return n.conv(b, 3, 2, stride=3), n.conv(c, 4, (1, 2), stride=4), n.conv(d, 3, 1, stride=3, padding="VALID")


def one_pixel(n: Net) -> Outputs:
    x = n.conv(n.input(1, 1, 1, 37), 19, act="RELU")
    x = n.conv(n.depthwise(x, 3), 21, 3)
    x = n.binary("ADD", x, x)
    x = n.pool("AVERAGE", x, 1)
    return n.softmax(n.resize(x, 3, 2)), n.mean(x, [1, 2])


def wide_channels(n: Net) -> Outputs:
    x = n.conv(n.input(1, 3, 3, 8), 1024, act="RELU6", zero=-128)
    x = n.depthwise(x, 3, stride=2, act="RELU6", zero=-128)
    x = n.conv(x, 65)
    return n.mean(x, [1, 2]), n.conv(x, 257)


def deep_sum(n: Net) -> Outputs:
    """Accumulators as large as they get: 1024 channels, 3x3, all extremes."""
    x = n.conv(n.input(1, 4, 4, 3, zero=127), 512, zero=-128)
    return n.conv(x, 3, 3, zero=127), n.dense(n.reshape(x, 1, -1), 2)


def zero_weights(n: Net) -> Outputs:
    x = n.input(1, 7, 7, 3)
    a = n.conv(x, 5, 3, no_weights=True, scale=40.0)
    b = n.conv(a, 5, 1, no_weights=True, bias=False)
    return n.conv(b, 4, 3), n.binary("ADD", a, n.depthwise(b, 3))


def extreme_scales(n: Net) -> Outputs:
    """Shifts to the left and far to the right, scales of 2^-40 and 2^20."""
    x = n.input(1, 6, 5, 4, scale=1e-6, zero=-128)
    a = n.conv(x, 5, 3, scale=1e-12, zero=127)
    b = n.conv(a, 4, 1, scale=1e6, zero=-128)
    c = n.depthwise(b, 3, scale=2.0, zero=0)
    d = n.depthwise(x, 3, scale=1e3, zero=127, multiplier=2)
    return c, d, n.relu(a, scale=1e-9, zero=-128), n.relu(a, "RELU6", scale=1.0, zero=127), n.conv(x, 3, scale=3e-7)


def extreme_sums(n: Net) -> Outputs:
    x, y = n.input(1, 5, 5, 3, scale=1e-4, zero=-128), n.input(1, 5, 5, 3, scale=10.0, zero=127)
    return (
        n.binary("ADD", x, y, scale=5.0, zero=127),
        n.binary("SUB", x, y, scale=1e-3, zero=-128),
        n.binary("SUB", y, x, act="RELU6", scale=0.05, zero=-128),
        n.binary("MUL", x, y, scale=1e-2, zero=127),
        n.binary("MUL", x, x, scale=1e3, zero=0),
        n.binary("ADD", x, x, scale=1e-4, act="RELU_N1_TO_1"),
    )


def broadcasts(n: Net) -> Outputs:
    x = n.conv(n.input(1, 6, 7, 5), 5)
    scalar, row, vector, column = n.values(), n.values(1), n.values(5), n.values(7, 1)
    outputs = [n.binary("ADD", x, scalar), n.binary("SUB", scalar, x), n.binary("MUL", x, row)]
    outputs += [n.binary("ADD", vector, x), n.binary("SUB", x, vector), n.binary("MUL", column, x)]
    outputs += [n.binary("ADD", x, n.values(6, 1, 5)), n.binary("MUL", n.values(1, 6, 7, 1), x)]
    return tuple(outputs)


def broadcast_activations(n: Net) -> Outputs:
    x, y = n.input(1, 6, 1, 5), n.input(1, 1, 7, 5)
    z, v = n.input(3, 1), n.input(4)
    both = n.binary("ADD", x, y)
    return both, n.binary("SUB", y, x, act="RELU"), n.binary("MUL", z, v), n.binary("SUB", v, z), n.conv(both, 2, 3)


def broadcast_ranks(n: Net) -> Outputs:
    a = n.input(12)
    b = n.input(4, 12)
    c = n.binary("ADD", a, b)
    d = n.binary("MUL", n.reshape(c, 1, 4, 12), n.values(4, 1))
    return n.binary("SUB", n.values(1, 1, 1, 12), n.binary("ADD", d, d)), n.binary("MUL", a, a)


def itself(n: Net) -> Outputs:
    x = n.input(1, 9, 9, 4)
    y = n.conv(x, 4, 3)
    return n.binary("ADD", x, x), n.binary("SUB", y, y), n.conv(n.binary("MUL", y, y, act="RELU"), 3)


def relus(n: Net) -> Outputs:
    x = n.input(1, 5, 6, 3, scale=0.06, zero=-10)
    same = [n.relu(x, kind) for kind in ("RELU", "RELU6", "RELU_N1_TO_1")]
    other = [n.relu(x, kind, scale=0.02) for kind in ("RELU", "RELU6", "RELU_N1_TO_1")]
    inner = n.relu(n.conv(x, 4), "RELU6", scale=0.03, zero=-128)
    outer = n.relu(n.binary("ADD", x, x), "RELU")
    return (*same, *other, inner, outer, n.relu(n.relu(n.conv(x, 2), "RELU_N1_TO_1"), "RELU", scale=0.5))


def requantizations(n: Net) -> Outputs:
    x = n.input(1, 5, 5, 3)
    y = n.requantize(n.requantize(n.requantize(x), scale=0.5, zero=-128), scale=0.001, zero=127)
    z = n.requantize(n.conv(x, 4, 3), scale=0.3)
    return y, z, n.requantize(n.requantize(x), scale=x.scale, zero=x.zero_point), n.conv(n.requantize(x, scale=20.0), 2)


def uint8_ends(n: Net) -> Outputs:
    x = n.input(1, 9, 9, 3, dtype=DType.UINT8, scale=1 / 255, zero=0)
    x = n.conv(n.requantize(x, scale=1 / 255, zero=-128), 6, 3, stride=2, act="RELU")
    y = n.softmax(n.dense(n.mean(x, [1, 2]), 4))
    return n.requantize(y, scale=1 / 256, zero=0, dtype=DType.UINT8), n.requantize(x, scale=0.7, dtype=DType.UINT8)


def float_ends(n: Net) -> Outputs:
    x = n.requantize(n.input(1, 9, 9, 3, dtype=DType.FLOAT32), scale=0.03, zero=4)
    x = n.conv(x, 6, 3, stride=2, act="RELU")
    return n.dequantize(n.softmax(n.dense(n.mean(x, [1, 2]), 4))), n.dequantize(x)


def float_input_used_twice(n: Net) -> Outputs:
    raw = n.reshape(n.input(1, 64, dtype=DType.FLOAT32), 1, 8, 8, 1)
    a, b = n.requantize(raw, scale=0.03, zero=4), n.requantize(raw, scale=0.1, zero=-3)
    return n.dequantize(n.conv(a, 3, 3)), n.dequantize(n.depthwise(b, 3, multiplier=3)), n.conv(b, 2)


def softmax_ranks(n: Net) -> Outputs:
    a, b, c = n.input(10), n.input(3, 9, scale=0.4), n.input(2, 3, 7)
    d = n.conv(n.input(1, 4, 5, 3), 6)
    return n.softmax(a), n.softmax(b, 2.0), n.softmax(c, 0.25), n.softmax(d), n.softmax(n.reshape(a, 10, 1))


def means(n: Net) -> Outputs:
    x = n.conv(n.input(1, 6, 5, 4), 7, 3)
    outputs = [n.mean(x, axes, keep=keep) for axes, keep in (
        ([1], False), ([2], True), ([3], False), ([1, 2], True), ([-1], True), ([1, 3], False), ([2, 3], False),
        ([0], False), ([0, 1, 2, 3], True), ([1, 2, 3], False), ([2, 1, -2], False),
    )]  # fmt: skip
    return (*outputs, n.mean(n.reshape(x, 30, 7), [0]), n.mean(n.reshape(x, 5, 6, 7), [1], same=True))


def pads(n: Net) -> Outputs:
    x = n.conv(n.input(1, 5, 4, 3), 3)
    a = n.pad(x, [(0, 0), (3, 0), (1, 2), (0, 0)])
    b = n.pad(x, [(0, 0), (0, 0), (0, 0), (1, 4)])
    c = n.pad(x, [(0, 0), (2, 2), (0, 5), (0, 0)], value=77)
    d = n.pad(n.reshape(x, 20, 3), [(1, 0), (0, 2)])
    e = n.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return (
        n.conv(a, 4, 3, padding="VALID"),
        n.conv(b, 2),
        n.conv(c, 2, 3, padding="VALID"),
        d,
        n.pool("MAX", e, 3, 2, "VALID"),
        n.pool("AVERAGE", e, 3, 1),
        n.conv(e, 2, 3),
        n.depthwise(e, 3, padding="VALID"),
        n.pad(n.pad(e, [(0, 0), (0, 1), (2, 0), (0, 0)]), [(0, 0)] * 4),
    )


def pad_batch(n: Net) -> Outputs:
    x = n.input(2, 3, 4)
    return (
        n.pad(x, [(1, 1), (0, 1), (2, 0)]),
        n.pad(n.reshape(x, 24), [(3, 2)], value=-128),
        n.pad(n.reshape(x, 1, 2, 3, 4), [(1, 0), (0, 0), (0, 0), (0, 0)]),
    )


def pools(n: Net) -> Outputs:
    x = n.input(1, 11, 13, 5)
    return (
        n.pool("AVERAGE", x, 3, 2), n.pool("MAX", x, 3, 2), n.pool("AVERAGE", x, (2, 5), (3, 1), "VALID"),
        n.pool("AVERAGE", x, 4, 1, act="RELU"), n.pool("MAX", x, 2, 2, act="RELU6"), n.pool("MAX", x, (5, 1), (1, 2)),
        n.pool("AVERAGE", x, (11, 13), 1, "VALID"), n.pool("AVERAGE", x, (11, 13), 1), n.pool("MAX", x, 2, 3, "VALID"),
        n.conv(n.pool("MAX", n.pool("MAX", x, 3, 2), 3, 2), 3), n.pool("AVERAGE", n.conv(x, 2), 5, 2, act="RELU_N1_TO_1"),
    )  # fmt: skip


def autoencoder(n: Net) -> Outputs:
    x = n.input(1, 96)
    for outputs in (64, 33, 5, 33, 64, 96):
        x = n.dense(x, outputs, act="RELU" if outputs != 96 else "NONE", per_channel=outputs == 33)
    return x


def resnet(n: Net) -> Outputs:
    x = n.conv(n.input(1, 20, 20, 3), 8, 3, act="RELU", zero=-128)
    for channels, stride in ((8, 1), (12, 2), (12, 1), (20, 2)):
        y = n.conv(n.conv(x, channels, 3, stride=stride, act="RELU", zero=-128), channels, 3)
        x = n.conv(x, channels, 1, stride=stride) if stride > 1 else x
        x = n.binary("ADD", x, y, act="RELU", zero=-128)
    x = n.pool("AVERAGE", x, x.shape[1:3])
    return n.softmax(n.dense(n.reshape(x, -1, 20), 10))


def shufflenet(n: Net) -> Outputs:
    """Channel shuffle: RESHAPE to rank 5, TRANSPOSE, RESHAPE; and halves of the channels."""
    x = n.conv(n.input(1, 6, 6, 3), 8, 3, scale=0.05, zero=0)
    left, right = n.slice(x, [0, 0, 0, 0], [1, 6, 6, 4]), n.slice(x, [0, 0, 0, 4], [1, 6, 6, 8])
    right = n.conv(n.depthwise(n.conv(right, 4), 3), 4, scale=0.05, zero=0)
    x = n.reshape(n.concat([left, right]), 1, 6, 6, 2, 4)
    return n.conv(n.reshape(n.transpose(x, 0, 1, 2, 4, 3), 1, 6, 6, 8), 4)


def ssd_heads(n: Net) -> Outputs:
    """Detection heads of two sizes, reshaped and joined along the anchors."""
    one = n.conv(n.input(1, 16, 16, 3), 8, 3, stride=2, act="RELU")
    two = n.conv(one, 12, 3, stride=2, act="RELU")
    k = {"scale": 0.3, "zero": 20}
    boxes = n.concat([n.reshape(n.conv(x, 8, 3, **k), 1, -1, 4) for x in (one, two)], 1)
    scores = n.concat([n.reshape(n.conv(x, 6, 3, **k), 1, -1, 3) for x in (one, two)], 1)
    return boxes, n.logistic(scores)


def constants_fold(n: Net) -> Outputs:
    """Operators all of whose inputs are constants."""
    x = n.input(1, 4, 4, 3)
    a, b = n.values(3), n.values(1, 1, 1, 3)
    folded = n.binary("ADD", n.binary("MUL", a, a), n.relu(n.reshape(b, 3)))
    return n.binary("ADD", x, folded), n.conv(
        n.binary("SUB", x, n.pad(n.values(1, 2, 4, 3, like=x), [(0, 0), (1, 1), (0, 0), (0, 0)])), 2
    )


def constant_output(n: Net) -> Outputs:
    """An output that depends on no input."""
    x = n.conv(n.input(1, 4, 4, 3), 2)
    return x, n.binary("ADD", n.values(3), n.values(3))


def input_is_output(n: Net) -> Outputs:
    x = n.input(1, 4, 4, 3)
    return x, n.conv(x, 2, 3)


def unused_input(n: Net) -> Outputs:
    x = n.input(1, 4, 4, 3)
    n.input(1, 5)
    return n.conv(x, 2, 3)


def dead_branch(n: Net) -> Outputs:
    x = n.conv(n.input(1, 6, 6, 3), 4, 3)
    n.softmax(n.dense(n.reshape(x, 1, -1), 9))
    return n.conv(x, 2)


def batch_of_two(n: Net) -> Outputs:
    x = n.input(2, 4, 6)
    y = n.dense(n.reshape(x, 2, 24), 5, act="RELU")
    return n.softmax(y), n.binary("ADD", y, n.values(5)), n.mean(x, [1])


def image_batch_of_two(n: Net) -> Outputs:
    return n.conv(n.input(2, 6, 6, 3), 4, 3)


def rank_5(n: Net) -> Outputs:
    x = n.input(1, 2, 3, 4, 5)
    return (
        n.binary("ADD", x, x),
        n.mean(x, [2, 3]),
        n.softmax(x),
        n.relu(x),
        n.pad(x, [(0, 0), (0, 1), (1, 0), (0, 0), (2, 0)]),
    )


def scalars(n: Net) -> Outputs:
    x = n.input(1)
    y = n.binary("ADD", x, n.values())
    return n.reshape(y, 1, 1, 1, 1), n.mean(n.input(5), [0])


def attention(n: Net) -> Outputs:
    """A spatial gate: mean over channels, convolution, LOGISTIC, MUL along the channels."""
    x = n.conv(n.input(1, 10, 8, 3), 6, 3)
    gate = n.logistic(n.conv(n.mean(x, [3], keep=True, same=True), 1, 7))
    return n.conv(n.binary("MUL", gate, x), 4, 3, stride=2)


def tall(n: Net) -> Outputs:
    """Audio: 49 x 10 with tall kernels and strided columns."""
    x = n.conv(n.input(1, 49, 10, 1), 12, (10, 4), stride=(2, 2), act="RELU", zero=-128)
    for _ in range(2):
        x = n.conv(n.depthwise(x, 3, act="RELU", zero=-128), 12, act="RELU", zero=-128)
    x = n.pool("AVERAGE", x, x.shape[1:3], padding="VALID")
    return n.softmax(n.dense(n.reshape(x, 1, 12), 12))


def large(n: Net) -> Outputs:
    """Enough rows that a small --ram takes patches."""
    x = n.conv(n.input(1, 48, 40, 3), 8, 3, stride=2, act="RELU6", zero=-128)
    x = n.conv(n.depthwise(x, 3, act="RELU6", zero=-128), 16, act="RELU6", zero=-128)
    x = n.conv(n.depthwise(x, 3, stride=2, act="RELU6", zero=-128), 24, act="RELU6", zero=-128)
    y = n.conv(n.depthwise(x, 5, act="RELU6", zero=-128), 24)
    x = n.binary("ADD", x, y)
    x = n.pool("MAX", x, 2)
    return n.softmax(n.dense(n.mean(x, [1, 2]), 7))


def input_of_a_dead_branch(n: Net) -> Outputs:
    """Two inputs of which nothing that is asked for depends on the second; a third gives only its shape."""
    x = n.input(1, 6, 6, 3)
    y = n.input(1, 7)
    n.softmax(n.dense(y, 3))
    z = n.input(1, 3, 4)
    n.dynamic_reshape(z, 12)
    return n.conv(x, 2)


def only_reshaped(n: Net) -> Outputs:
    return n.reshape(n.input(1, 4, 3, 2), 1, -1)


def only_quantized(n: Net) -> Outputs:
    """With stored integers at its boundary, nothing is left to compute."""
    return n.dequantize(n.requantize(n.input(1, 3, 3, 2, dtype=DType.FLOAT32), scale=0.03, zero=4))


def only_constants(n: Net) -> Outputs:
    n.input(1, 5)
    return n.binary("ADD", n.values(3), n.values(3))


def _makers() -> dict[str, Maker]:
    """Every function above that makes a model."""
    return {name: value for name, value in globals().items() if isinstance(value, FunctionType) and name[0] != "_"}


MAKERS = _makers()

REFUSED = {
    "image_batch_of_two": "input 0 has rank 4 and batch 1",
    "input_is_output": "is also an input",
}
"""What is not supported, and what is said of it."""
