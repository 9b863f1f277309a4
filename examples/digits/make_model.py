"""Train a small convolutional network on scikit-learn's handwritten digits and write it as an int8 .tflite file.

    python examples/digits/make_model.py

needs the `dev` extras (scikit-learn) and about a minute; it writes `digits.tflite` and `digits_test.npz` (the 360 test images, which the
training has not seen, and their labels) beside itself.  The last 360 of the 1797 images are the test set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import tflite
from flatbuffers import Builder
from int8_model import ModelWriter, Range, activation_range, weight_range
from network import AveragePool, Conv, Dense, Depthwise, Floats, Layer, MaxPool, forward, train
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
TEST_IMAGES = 360
SEED = 0
EPOCHS = 150


def distort(images: Floats, random: np.random.Generator) -> Floats:
    """Each image rotated, scaled, sheared and shifted a little: what another hand might have written."""
    distorted = np.empty_like(images)
    centre = np.array([3.5, 3.5])
    for target, image in zip(distorted, images, strict=True):
        angle, shear, zoom = random.uniform(-0.2, 0.2), random.uniform(-0.2, 0.2), random.uniform(0.85, 1.15)
        matrix = zoom * np.array([[np.cos(angle), shear - np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = centre - matrix @ (centre + random.uniform(-0.7, 0.7, 2))
        target[..., 0] = affine_transform(image[..., 0], matrix, offset, order=1)
    return distorted


def build(random: np.random.Generator) -> list[Layer]:
    """The network, untrained."""
    return [
        Conv(3, 1, 16, random),
        Depthwise(3, 16, random),
        Conv(1, 16, 32, random),
        MaxPool(),
        Depthwise(3, 32, random),
        Conv(1, 32, 48, random),
        AveragePool(),
        Dense(4 * 48, 10, random),
    ]


def _conv_options(builder: Builder) -> int:
    tflite.Conv2DOptionsStart(builder)
    tflite.Conv2DOptionsAddPadding(builder, tflite.Padding.SAME)
    tflite.Conv2DOptionsAddStrideW(builder, 1)
    tflite.Conv2DOptionsAddStrideH(builder, 1)
    tflite.Conv2DOptionsAddFusedActivationFunction(builder, tflite.ActivationFunctionType.RELU)
    return int(tflite.Conv2DOptionsEnd(builder))


def _depthwise_options(builder: Builder) -> int:
    tflite.DepthwiseConv2DOptionsStart(builder)
    tflite.DepthwiseConv2DOptionsAddPadding(builder, tflite.Padding.SAME)
    tflite.DepthwiseConv2DOptionsAddStrideW(builder, 1)
    tflite.DepthwiseConv2DOptionsAddStrideH(builder, 1)
    tflite.DepthwiseConv2DOptionsAddDepthMultiplier(builder, 1)
    tflite.DepthwiseConv2DOptionsAddFusedActivationFunction(builder, tflite.ActivationFunctionType.RELU)
    return int(tflite.DepthwiseConv2DOptionsEnd(builder))


def _pool_options(builder: Builder) -> int:
    tflite.Pool2DOptionsStart(builder)
    tflite.Pool2DOptionsAddPadding(builder, tflite.Padding.VALID)
    tflite.Pool2DOptionsAddStrideW(builder, 2)
    tflite.Pool2DOptionsAddStrideH(builder, 2)
    tflite.Pool2DOptionsAddFilterWidth(builder, 2)
    tflite.Pool2DOptionsAddFilterHeight(builder, 2)
    return int(tflite.Pool2DOptionsEnd(builder))


def _reshape_options(width: int) -> object:
    def write(builder: Builder) -> int:
        shape = builder.CreateNumpyVector(np.array([1, width], "<i4"))
        tflite.ReshapeOptionsStart(builder)
        tflite.ReshapeOptionsAddNewShape(builder, shape)
        return int(tflite.ReshapeOptionsEnd(builder))

    return write


def _dense_options(builder: Builder) -> int:
    tflite.FullyConnectedOptionsStart(builder)
    return int(tflite.FullyConnectedOptionsEnd(builder))


def _softmax_options(builder: Builder) -> int:
    tflite.SoftmaxOptionsStart(builder)
    tflite.SoftmaxOptionsAddBeta(builder, 1.0)
    return int(tflite.SoftmaxOptionsEnd(builder))


def quantize(layers: list[Layer], calibration: Floats) -> bytes:
    """The int8 model of the trained `layers`, activation ranges taken from the `calibration` images."""
    operator, options = tflite.BuiltinOperator, tflite.BuiltinOptions
    writer = ModelWriter()
    at = activation_range(calibration)
    current = image = writer.tensor("image", (1, *calibration.shape[1:]), at)
    for index, (layer, values) in enumerate(zip(layers, forward(layers, calibration), strict=True)):
        name = f"{type(layer).__name__.lower()}_{index}"
        if isinstance(layer, MaxPool):
            output = writer.tensor(name, (1, *values.shape[1:]), at)
            writer.operator(operator.MAX_POOL_2D, 2, [current], output, options.Pool2DOptions, _pool_options)
        elif isinstance(layer, AveragePool):
            _, height, width, channels = layer.shape
            pooled = writer.tensor(name, (1, height // 2, width // 2, channels), at)
            writer.operator(operator.AVERAGE_POOL_2D, 2, [current], pooled, options.Pool2DOptions, _pool_options)
            output = writer.tensor("flat", (1, values.shape[1]), at)
            reshape = _reshape_options(values.shape[1])
            writer.operator(operator.RESHAPE, 1, [pooled], output, options.ReshapeOptions, reshape)
        else:
            into = activation_range(values)
            output = writer.tensor(name, (1, *values.shape[1:]), into)
            _weighted(writer, layer, name, current, at, output)
            at = into
        current = output
    probabilities = writer.tensor("probabilities", (1, 10), Range((1 / 256,), -128))
    writer.operator(operator.SOFTMAX, 2, [current], probabilities, options.SoftmaxOptions, _softmax_options)
    return writer.finish(source=image, output=probabilities, description="handwritten digits, 8x8, 10 classes")


def _weighted(writer: ModelWriter, layer: Layer, name: str, source: int, at: Range, output: int) -> None:
    """A convolution, depthwise convolution or dense layer, its weights brought to TFLite's order."""
    operator, options = tflite.BuiltinOperator, tflite.BuiltinOptions
    weights, bias = layer.parameters
    if isinstance(layer, Conv):
        ordered, axis, row = weights.transpose(3, 0, 1, 2), 0, (operator.CONV_2D, 3)
        table = options.Conv2DOptions, _conv_options
    elif isinstance(layer, Depthwise):
        ordered, axis, row = weights[None], 3, (operator.DEPTHWISE_CONV_2D, 3)
        table = options.DepthwiseConv2DOptions, _depthwise_options
    else:
        ordered, axis, row = weights.T, None, (operator.FULLY_CONNECTED, 4)
        table = options.FullyConnectedOptions, _dense_options
    scales = weight_range(ordered, axis)
    inputs = [
        source,
        writer.weights(f"{name}/weights", ordered, scales),
        writer.bias(f"{name}/bias", bias, at, scales),
    ]
    writer.operator(*row, inputs, output, *table)


def accuracy(model: bytes, images: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The share of `images` that the int8 model classifies right in tflite-runtime's reference kernels."""
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    runtime = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    runtime.allocate_tensors()
    source, output = runtime.get_input_details()[0], runtime.get_output_details()[0]
    scale, zero_point = source["quantization"]
    right = 0
    for image, label in zip(images, labels, strict=True):
        stored = np.clip(np.round(image / scale) + zero_point, -128, 127).astype(np.int8)
        runtime.set_tensor(source["index"], stored[None])
        runtime.invoke()
        right += int(runtime.get_tensor(output["index"]).argmax() == label)
    return right / len(labels)


def main() -> None:
    """Train, quantize, write, and say how good both forms are."""
    digits = load_digits()
    images, labels = (digits.images / 16).astype(np.float32)[..., None], digits.target
    training, test = slice(0, -TEST_IMAGES), slice(-TEST_IMAGES, None)
    random = np.random.default_rng(SEED)
    layers = build(random)
    train(layers, images[training], labels[training], epochs=EPOCHS, random=random, augment=distort)
    model = quantize(layers, images[training])
    (HERE / "digits.tflite").write_bytes(model)
    np.savez_compressed(HERE / "digits_test.npz", image=images[test], labels=labels[test].astype(np.int64))
    floats = float((forward(layers, images[test])[-1].argmax(1) == labels[test]).mean())
    print(f"digits.tflite: {len(model):,} bytes; right on {TEST_IMAGES} test images: ", end="")
    print(f"float32 {floats:.1%}, int8 {accuracy(model, images[test], labels[test]):.1%}")


if __name__ == "__main__":
    main()
