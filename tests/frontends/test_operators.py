"""What each operator becomes, that every option is taken, and that the runtime computes from the file what the graph means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from frontends.samples import SAMPLES, convolution, shape_chain
from frontends.writer import ModelFile

from tinyc import ops
from tinyc.frontends import tflite_node
from tinyc.frontends.tflite import Imported, load
from tinyc.frontends.tflite_operators import IMPORTERS, same_padding
from tinyc.ir import Graph, Op, to_text
from tinyc.ir.types import Array
from tinyc.ops import Activation, Padding

EXPECTED: dict[str, Op] = {
    "ADD": ops.Add(activation=Activation.RELU),
    "AVERAGE_POOL_2D": ops.AveragePool2D(
        size=(2, 3), stride=(1, 2), padding=Padding(0, 1, 1, 1), activation=Activation.RELU
    ),
    "CONCATENATION": ops.Concatenation(axis=3),
    "CONV_2D": ops.Conv2D(dilation=(2, 2), padding=Padding(2, 2, 2, 2), activation=Activation.RELU),
    "DEPTHWISE_CONV_2D": ops.DepthwiseConv2D(
        stride=(2, 1), padding=Padding(0, 1, 0, 1), activation=Activation.RELU6, multiplier=2
    ),
    "DEQUANTIZE": ops.Dequantize(),
    "FULLY_CONNECTED": ops.FullyConnected(activation=Activation.RELU_N1_TO_1, keep_dims=True),
    "LOGISTIC": ops.Logistic(),
    "MAX_POOL_2D": ops.MaxPool2D(size=(2, 3), stride=(1, 2), padding=Padding(0, 1, 1, 1), activation=Activation.RELU),
    "MEAN": ops.Mean(axes=(1, 2), keep_dims=True),
    "MUL": ops.Mul(activation=Activation.RELU),
    "PACK": ops.Pack(axis=2),
    "PAD": ops.Pad(paddings=((0, 0), (1, 0), (0, 2), (0, 0))),
    "PADV2": ops.Pad(paddings=((0, 0), (1, 0), (0, 2), (0, 0)), value=-128),
    "QUANTIZE": ops.Quantize(),
    "RELU": ops.Relu(activation=Activation.RELU),
    "RELU6": ops.Relu(activation=Activation.RELU6),
    "RELU_N1_TO_1": ops.Relu(activation=Activation.RELU_N1_TO_1),
    "RESHAPE": ops.Reshape(shape=(4, 5)),
    "RESIZE_NEAREST_NEIGHBOR": ops.ResizeNearestNeighbor(size=(8, 7), half_pixel_centers=True),
    "SHAPE": ops.ShapeOf(),
    "SOFTMAX": ops.Softmax(beta=2.0),
    "STRIDED_SLICE": ops.StridedSlice(begin=(0, 0, 0), end=(1, 6, 5), strides=(1, 1, 3), shrink_axes=(0,)),
    "SUB": ops.Sub(activation=Activation.RELU),
    "TRANSPOSE": ops.Transpose(permutation=(1, 0, 2)),
}


def imported(model: ModelFile, folder: Path) -> Imported:
    path = folder / "made.tflite"
    path.write_bytes(model.bytes())
    return load(path)


def evaluated(graph: Graph, inputs: dict[str, Array]) -> dict[str, Array]:
    """Every tensor's value by the operators' meaning."""
    values = {name: tensor.values for name, tensor in graph.tensors.items() if tensor.is_constant} | inputs
    for operation in graph.operations:
        given = tuple(None if name is None else values[name] for name in operation.inputs)
        values |= dict(zip(operation.outputs, operation.op.evaluate(graph.operands(operation), given), strict=True))
    return values


def test_every_importer_has_a_sample() -> None:
    assert list(IMPORTERS) == sorted(IMPORTERS) == sorted(SAMPLES) == sorted(EXPECTED)


@pytest.mark.parametrize("kind", EXPECTED)
def test_operator(kind: str, tmp_path: Path) -> None:
    graph = imported(SAMPLES[kind](), tmp_path).graph
    (operation,) = graph.operations
    assert operation.op == EXPECTED[kind]
    assert operation.name == f"{operation.op.kind}_0"
    assert operation.source_index == 0


@pytest.mark.parametrize("kind", [kind for kind, importer in IMPORTERS.items() if importer.options])
def test_every_option_is_taken(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field of the schema that no importer looks at would be found here before a model meets it."""
    taken: set[str] = set()
    monkeypatch.setattr(tflite_node.Options, "refuse_the_rest", lambda self: taken.update(self._taken))
    imported(SAMPLES[kind](), tmp_path)
    layout = IMPORTERS[kind].options
    assert layout is not None
    assert taken == set(layout.fields)


@pytest.mark.parametrize("kind", SAMPLES)
def test_meaning_is_what_the_runtime_computes(kind: str, tmp_path: Path) -> None:
    _compare(SAMPLES[kind](), tmp_path)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    ("size", "stride", "dilation", "kernel"),
    [
        (5, 1, 1, 3),
        (5, 2, 1, 3),
        (6, 2, 1, 3),
        (7, 3, 1, 2),
        (7, 1, 2, 3),
        (9, 2, 1, 4),
        (4, 1, 1, 4),
        (8, 3, 1, 1),
        (9, 1, 4, 2),
    ],
)
def test_padding_is_what_the_runtime_pads(
    padding: int, size: int, stride: int, dilation: int, kernel: int, tmp_path: Path
) -> None:
    _compare(convolution(size=size, padding=padding, stride=stride, dilation=dilation, kernel=kernel), tmp_path)


def _compare(model: ModelFile, folder: Path) -> None:
    runtime = pytest.importorskip("tflite_runtime.interpreter", reason="tflite-runtime is not installed")
    result = imported(model, folder)
    witness = runtime.Interpreter(
        str(result.path), experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_REF, num_threads=1
    )
    witness.allocate_tensors()
    random, inputs = np.random.default_rng(0), {}
    for name in result.graph.inputs:
        tensor = result.graph.tensors[name]
        drawn = random.integers(-128, 128, tensor.shape)
        inputs[name] = drawn.astype(tensor.dtype.numpy)
        witness.set_tensor(result.tensor_indices[name], inputs[name])
    witness.invoke()
    values = evaluated(result.graph, inputs)
    for name in result.graph.outputs:
        np.testing.assert_array_equal(values[name], witness.get_tensor(result.tensor_indices[name]))


@pytest.mark.parametrize(("extent", "size", "stride", "dilation", "expected"), [
    (5, 3, 1, 1, (1, 1)),
    (5, 3, 2, 1, (1, 1)),
    (6, 3, 2, 1, (0, 1)),
    (224, 7, 2, 1, (2, 3)),
    (49, 10, 2, 1, (4, 5)),
    (5, 1, 3, 1, (0, 0)),
    (7, 2, 3, 1, (0, 1)),
    (10, 3, 1, 4, (4, 4)),
    (4, 2, 4, 1, (0, 0)),
])  # fmt: skip
def test_same_padding(extent: int, size: int, stride: int, dilation: int, expected: tuple[int, int]) -> None:
    assert same_padding(extent, size=size, stride=stride, dilation=dilation) == expected


@pytest.mark.parametrize("extent", range(1, 12))
def test_same_padding_gives_a_window_per_stride(extent: int) -> None:
    for size, stride, dilation in np.ndindex(5, 4, 3):
        before, after = same_padding(extent, size=size + 1, stride=stride + 1, dilation=dilation + 1)
        taps = (dilation + 1) * size + 1
        assert (extent + before + after - taps) // (stride + 1) + 1 == -(-extent // (stride + 1))
        assert after - before in (0, 1)


def test_strided_slice_is_pythons_slice(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    x = np.arange(7 * 6, dtype=np.int8).reshape(7, 6)
    done = 0
    while done < 60:
        begin, end = random.integers(-9, 9, (2, 2)).tolist()
        strides = random.choice([-2, -1, 1, 2, 3], 2).tolist()
        from_first, to_last = int(random.integers(4)), int(random.integers(4))
        slices = tuple(
            slice(
                None if from_first >> axis & 1 else begin[axis],
                None if to_last >> axis & 1 else end[axis],
                strides[axis],
            )
            for axis in (0, 1)
        )
        expected = x[slices]
        if not expected.size:
            continue
        model = ModelFile(inputs=[0], outputs=[1])
        model.tensor("x", x.shape)
        model.tensor("y", expected.shape)
        vectors = [model.ints(name, *values) for name, values in (("b", begin), ("e", end), ("s", strides))]
        model.operator("STRIDED_SLICE", (0, *vectors), (1,), BeginMask=from_first, EndMask=to_last)
        graph = imported(model, tmp_path).graph
        np.testing.assert_array_equal(evaluated(graph, {"x": x})["y"], expected)
        done += 1


def test_shape_chain_becomes_an_attribute(tmp_path: Path) -> None:
    result = imported(shape_chain(), tmp_path)
    assert result.graph.operations[-1].op == ops.Reshape(shape=(1, 24))
    assert result.graph.operations[-1].inputs == ("x",)
    assert (
        to_text(result.graph).splitlines()[-2] == "  y:int8[1x24] 0x1.0000000000000p-1@0 = reshape(x) {shape=(1, 24)}"
    )


def test_missing_bias_is_none(tmp_path: Path) -> None:
    for inputs in ([0, 1], [0, 1, -1]):
        model = convolution()
        model.operators[0]["Inputs"] = inputs
        (operation,) = imported(model, tmp_path).graph.operations
        assert operation.inputs == ("x", "w", None)


def test_a_bias_is_a_vector_whatever_its_rank(tmp_path: Path) -> None:
    graph = imported(SAMPLES["FULLY_CONNECTED"](), tmp_path).graph
    assert graph.tensors["b"].shape == graph.tensors["b"].values.shape == (3,)


def test_a_vectors_quantized_dimension_is_its_only_one(tmp_path: Path) -> None:
    model = convolution()
    model.tensors[2]["Quantization"]["QuantizedDimension"] = 3
    quantization = imported(model, tmp_path).graph.tensors["b"].quantization
    assert quantization is not None
    assert quantization.axis == 0


def test_names_are_unique_and_sane(tmp_path: Path) -> None:
    model = convolution()
    for tensor, name in zip(model.tensors, (b"", b"a b*/\n\xff", b"a_b_/__", b""), strict=True):
        tensor["Name"] = name
    result = imported(model, tmp_path)
    assert result.tensor_indices == {"tensor_0": 0, "a_b_/__": 1, "a_b_/___2": 2, "tensor_3": 3}
    assert result.graph.inputs == ("tensor_0",)


def test_an_open_batch_is_one(tmp_path: Path) -> None:
    model = convolution()
    model.tensors[0]["ShapeSignature"] = [-1, 5, 5, 2]
    assert imported(model, tmp_path).graph.tensors["x"].shape == (1, 5, 5, 2)


def test_what_the_file_is(tmp_path: Path) -> None:
    model = convolution()
    result = imported(model, tmp_path)
    assert result.file_bytes == len(model.bytes())
    assert len(result.sha256) == 64
    assert result.graph.name == "made"
