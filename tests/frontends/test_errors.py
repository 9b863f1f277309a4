"""Every fault of a model is one clear sentence that names the tensor or the operator, and exit code 3."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tflite
from frontends.samples import SAMPLES, convolution, one_input, shape_chain, with_integers
from frontends.writer import ModelFile, write

from tinyc.errors import ModelError, UsageError
from tinyc.frontends import tflite as frontend
from tinyc.frontends import tflite_schema as schema
from tinyc.frontends.flatbuffer import Layout
from tinyc.frontends.tflite import load
from tinyc.frontends.tflite_node import Options
from tinyc.frontends.tflite_tensors import Refused

X, W, B, Y = range(4)
Bend = Callable[[ModelFile], object]


def error(data: bytes, folder: Path) -> ModelError:
    path = folder / "m.tflite"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith("m.tflite")
    assert caught.value.message.endswith(".")
    return caught.value


def set_tensor(index: int, **fields: object) -> Bend:
    return lambda model: model.tensors[index].update(fields)


def set_scales(index: int, *scales: float) -> Bend:
    return lambda model: model.tensors[index]["Quantization"].update(Scale=list(scales))


def set_zeros(index: int, *zeros: int) -> Bend:
    return lambda model: model.tensors[index]["Quantization"].update(ZeroPoint=list(zeros))


def set_operator(**fields: object) -> Bend:
    return lambda model: model.operators[0].update(fields)


def set_options(**fields: object) -> Bend:
    return lambda model: model.operators[0]["BuiltinOptions"][1].update(fields)


def set_code(**fields: int) -> Bend:
    return lambda model: model.codes[0].update(fields)


def make_constant(index: int) -> Bend:
    def bend(model: ModelFile) -> None:
        size = math.prod(model.tensors[index]["Shape"])
        model.buffers.append({"Data": [0] * size})
        model.tensors[index]["Buffer"] = len(model.buffers) - 1

    return bend


def second_operator(inputs: list[int], outputs: list[int]) -> Bend:
    return lambda model: model.operator("RELU", inputs, outputs)


FIRST = "operator 0 CONV_2D (tensor 'y') "

FAULTS: dict[str, tuple[Bend, str]] = {
    # tensors
    "type": (
        set_tensor(W, Type=tflite.TensorType.FLOAT16),
        FIRST + "has a tensor of type FLOAT16, which is not supported",
    ),
    "unknown type": (set_tensor(W, Type=99), FIRST + "has a tensor of type number 99, which is not supported"),
    "float": (set_tensor(X, Type=tflite.TensorType.FLOAT32), FIRST + "computes in float32"),
    "zero": (
        set_tensor(X, Shape=[1, 0, 5, 2]),
        "tensor 'x' has shape [1, 0, 5, 2]: every dimension must be at least 1",
    ),
    "negative": (set_tensor(Y, Shape=[1, -5, 5, 3]), "tensor 'y' has shape [1, -5, 5, 3]: every dimension must be"),
    "huge": (set_tensor(X, Shape=[1, 65536, 65536, 2]), "tensor 'x' has shape [1, 65536, 65536, 2], more than 256 MB"),
    "rank": (set_tensor(X, Shape=[1] * 9), "tensor 'x' has 9 dimensions, at most 8 are supported"),
    "open axis": (set_tensor(X, ShapeSignature=[-1, -1, 5, 2]), "input 'x' leaves the size of dimension 1 open"),
    "signature": (
        set_tensor(X, ShapeSignature=[1, 7, 5, 2]),
        "tensor 'x' has shape [1, 5, 5, 2], which contradicts its",
    ),
    "signature rank": (
        set_tensor(X, ShapeSignature=[1, 5, 5]),
        "tensor 'x' has shape [1, 5, 5, 2] but shape signature [1",
    ),
    "buffer": (set_tensor(W, Buffer=77), "tensor 'w' refers to buffer 77, the file has 3"),
    "buffer size": (set_tensor(W, Buffer=2), "tensor 'w' has 12 bytes of data, its shape [3, 3, 3, 2] needs 54"),
    "outside": (lambda m: m.buffers[1].update(Offset=64, Size=54), "tensor 'w' has data outside of the FlatBuffers"),
    "variable": (set_tensor(X, IsVariable=1), "tensor 'x' is a variable: state that lasts between inferences is not"),
    "sparse": (set_tensor(W, Sparsity=True), "tensor 'w' is stored sparsely, which is not supported"),
    # quantization
    "nan": (set_scales(X, math.nan), "tensor 'x' has scale nan: scales are finite and above zero"),
    "infinite": (set_scales(W, 0.1, math.inf, 0.1), "tensor 'w' has scale inf: scales are finite and above zero"),
    "negative scale": (set_scales(Y, -0.5), "tensor 'y' has scale -0.5: scales are finite and above zero"),
    "zero scale": (set_scales(B, 0.1, 0.0, 0.1), "tensor 'b' has scale 0: scales are finite and above zero"),
    "zero point": (set_zeros(X, 128), "tensor 'x' has zero point 128, which int8 does not hold"),
    "lengths": (set_zeros(W, 0, 0), "tensor 'w' has 3 scales but 2 zero points"),
    "no scales": (lambda m: (set_scales(X)(m), set_zeros(X, 5)(m)), "tensor 'x' has 0 scales but 1 zero points"),
    "channels": (set_scales(W, 0.1, 0.2), "tensor 'w' has 2 scales but 3 zero points"),
    "axis": (
        lambda m: m.tensors[W]["Quantization"].update(QuantizedDimension=3),
        "tensor 'w' has 3 scales for 2 channels",
    ),
    "axis outside": (
        lambda m: m.tensors[W]["Quantization"].update(QuantizedDimension=4),
        "tensor 'w' has quantized dimension 4 but 4 dimensions",
    ),
    "other axis": (
        lambda m: m.tensors[W]["Quantization"].update(QuantizedDimension=1),
        FIRST + "is supported only where weights have one scale, or one an output channel along axis 0",
    ),
    "custom": (lambda m: m.tensors[X]["Quantization"].update(DetailsType=1), "tensor 'x' has a custom quantization"),
    "asymmetric": (set_zeros(W, 0, 1, 0), FIRST + "is supported only where weights are quantized with zero point 0"),
    "per channel": (
        lambda m: m.tensors[X]["Quantization"].update(Scale=[0.1, 0.2], ZeroPoint=[0, 0], QuantizedDimension=3),
        FIRST + "is supported only where input 0 and the output are quantized with one scale",
    ),
    "no quantization": (lambda m: m.tensors[Y].pop("Quantization"), FIRST + "is supported only where input 0 and the"),
    "bias zero": (set_zeros(B, 0, 3, 0), FIRST + "has a bias with a zero point that is not zero"),
    # the flow
    "no operators": (lambda m: m.operators.clear(), "m.tflite has no operators"),
    "no inputs": (lambda m: m.inputs.clear(), "the model has no inputs"),
    "no outputs": (lambda m: m.outputs.clear(), "the model has no outputs"),
    "twice": (lambda m: m.outputs.append(Y), "the model lists an output twice"),
    "absent output": (lambda m: m.outputs.append(9), "output 9 does not exist, the file has 4 tensors"),
    "constant input": (make_constant(X), "input 'x' is also a constant"),
    "output is input": (lambda m: m.outputs.append(X), "output 'x' is also an input"),
    "constant output": (lambda m: m.outputs.append(W), "output 'w' is written by no operator"),
    "writes a constant": (make_constant(Y), "tensor 'y' is a constant, but an operator writes it"),
    "index": (set_operator(Inputs=[X, W, 44]), "operator 0 CONV_2D refers to tensor 44, the file has 4"),
    "absent result": (set_operator(Outputs=[-1]), "operator 0 CONV_2D refers to tensor -1, the file has 4"),
    "absent input": (set_operator(Inputs=[-1, W, B]), FIRST + "lacks input 0"),
    "code": (set_operator(OpcodeIndex=5), "operator 0 has code 5, which the file does not define"),
    "two writers": (
        second_operator([X], [Y]),
        "operator 1 RELU (tensor 'y') writes a tensor that already has a value",
    ),
    "writes the input": (
        second_operator([Y], [X]),
        "operator 1 RELU (tensor 'x') writes a tensor that already has a value",
    ),
    "order": (
        lambda m: (
            m.tensor("z", (1, 5, 5, 2)),
            set_operator(Inputs=[4, W, B])(m),
            second_operator([X], [4])(m),
        ),
        FIRST + "reads tensor 'z' before it is written",
    ),
    "computed weights": (
        lambda m: m.tensors[W].update(Buffer=0),
        "tensor 'w' is read, but has no data and no operator writes it",
    ),
    # operators
    "unsupported": (set_code(BuiltinCode=117), "operator 0 HARD_SWISH (tensor 'y') is not supported"),
    "future": (set_code(BuiltinCode=4711), "operator 0 BUILTIN_4711 (tensor 'y') is not supported"),
    "version": (set_code(Version=99), FIRST + "has version 99, 8 is the newest that is supported"),
    "few inputs": (set_operator(Inputs=[X]), FIRST + "has 1 inputs, not 2 to 3"),
    "outputs": (set_operator(Outputs=[Y, Y]), FIRST + "has 2 outputs, not one"),
    "custom options": (set_operator(CustomOptions=[1, 2]), FIRST + "has custom options, which are not supported"),
    "newer options": (set_operator(BuiltinOptions2Type=3), FIRST + "has options of a newer kind, which are not supp"),
    "intermediates": (set_operator(Intermediates=[1]), FIRST + "has intermediate tensors, which are not supported"),
    "mutating": (set_operator(MutatingVariableInputs=[0, 1]), FIRST + "changes its inputs, which is not supported"),
    "other options": (
        set_operator(BuiltinOptionsType=schema.options_tag(schema.ADD), BuiltinOptions=(schema.ADD, {})),
        FIRST + "has options of another operator (type 11)",
    ),
    "stride": (set_options(StrideW=0), FIRST + "has StrideW 0, not between 1 and 4096"),
    "dilation": (set_options(DilationHFactor=-1), FIRST + "has DilationHFactor -1, not between 1 and 4096"),
    "padding": (set_options(Padding=2), FIRST + "has padding mode 2, which does not exist"),
    "activation": (set_options(FusedActivationFunction=4), FIRST + "has fused activation TANH, which is not supported"),
    "shape": (set_tensor(Y, Shape=[1, 6, 5, 3]), FIRST + "gives shape [1, 5, 5, 3], the file says [1, 6, 5, 3]"),
    "groups": (set_tensor(X, Shape=[1, 5, 5, 4]), FIRST + "is supported only where weights are as deep as the input"),
    "int16": (
        set_tensor(X, Type=tflite.TensorType.INT16),
        FIRST + "is supported only where input 0 and the output are",
    ),
    # the model
    "subgraphs": (lambda m: m.extra.update(Subgraphs=[_graph(m), {}]), "it has 2 subgraphs, only one is supported"),
    "no subgraph": (lambda m: m.extra.update(Subgraphs=[]), "m.tflite contains no graph"),
    "schema": (lambda m: m.extra.update(Version=2), "m.tflite has schema version 2, only 3 is supported"),
}


def _graph(model: ModelFile) -> dict[str, object]:
    return {
        "Tensors": model.tensors,
        "Inputs": model.inputs,
        "Outputs": model.outputs,
        "Operators": model.operators,
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_sentence(fault: str, tmp_path: Path) -> None:
    bend, sentence = FAULTS[fault]
    model = convolution()
    bend(model)
    assert sentence in error(model.bytes(), tmp_path).message


def chain(model: ModelFile) -> ModelFile:
    """`shape_chain` whose last dimension comes from the input."""
    model.tensors[3].pop("Buffer")
    model.inputs.append(3)
    return model


def absent(model: ModelFile, *inputs: int) -> ModelFile:
    model.operators[0]["Inputs"] = list(inputs)
    return model


ATTRIBUTES: dict[str, tuple[Callable[[], ModelFile], str]] = {
    "absent operand": (lambda: absent(SAMPLES["ADD"](), 0, -1), "ADD (tensor 'y') lacks input 1"),
    "absent weights": (
        lambda: absent(SAMPLES["FULLY_CONNECTED"](), 0, -1, 2),
        "FULLY_CONNECTED (tensor 'y') lacks input 1",
    ),
    "mean": (lambda: with_integers("MEAN", (1, 4), (1,), (2,)), "MEAN (tensor 'y') has axis 2 for 2 dimensions"),
    "concatenation": (lambda: _bent("CONCATENATION", Axis=4), "CONCATENATION (tensor 'y') has axis 4 for 4 dimensions"),
    "pack": (lambda: _bent("PACK", ValuesCount=3), "PACK (tensor 'y') says that it packs 3 tensors but has 2 inputs"),
    "beta": (lambda: _bent("SOFTMAX", Beta=math.nan), "SOFTMAX (tensor 'y') has beta nan, not a number above zero"),
    "reshape": (
        lambda: one_input("RESHAPE", (1, 4, 5), (4, 5), NewShape=[-1, -1]),
        "RESHAPE (tensor 'y') asks for shape [-1, -1], which has no meaning",
    ),
    "reshape fill": (
        lambda: one_input("RESHAPE", (1, 4, 5), (4, 5), NewShape=[-1, 7]),
        "RESHAPE (tensor 'y') asks for shape [-1, 7], which 20 elements do not fill",
    ),
    "reshape at run time": (
        lambda: chain(shape_chain()),
        "operator 3 RESHAPE (tensor 'y') has dimensions that are computed at run time, which is not supported",
    ),
    "resize": (
        lambda: with_integers("RESIZE_NEAREST_NEIGHBOR", (1, 4, 5, 2), (1, 8, 7, 2), (8,)),
        "RESIZE_NEAREST_NEIGHBOR (tensor 'y') has output size [8], not two numbers above zero",
    ),
    "paddings": (
        lambda: with_integers("PAD", (1, 4), (1, 4), (0, 0, 0, 0)),
        "PAD (tensor 'y') has paddings of shape [4] for an input of 2 dimensions",
    ),
    "permutation": (
        lambda: with_integers("TRANSPOSE", (1, 4), (1, 4), (1, 1)),
        "TRANSPOSE (tensor 'y') contradicts itself: (1, 1) does not permute the axes of shape (1, 4)",
    ),
    "slice stride": (
        lambda: with_integers("STRIDED_SLICE", (4, 5), (4, 5), (0, 0), (4, 5), (0, 1)),
        "STRIDED_SLICE (tensor 'y') has stride 0",
    ),
    "ellipsis": (
        lambda: _bent("STRIDED_SLICE", EllipsisMask=1),
        "has an ellipsis or a new axis, which are not supported",
    ),
    "offset": (lambda: _bent("STRIDED_SLICE", Offset=1), "counts its ends from its begins, which is not supported"),
    "slice index": (
        lambda: with_integers("STRIDED_SLICE", (4, 5), (5,), (4,), (5,), (1,), ShrinkAxisMask=1),
        "STRIDED_SLICE (tensor 'y') takes index 4 of 4 with stride 1",
    ),
    "shuffled": (lambda: _bent("FULLY_CONNECTED", WeightsFormat=1), "has shuffled weights, which are not supported"),
    "bias scale": (
        lambda: _bent_tensor("FULLY_CONNECTED", 2, Scale=[0.5]),
        "has bias scale 0.5, not input scale times weight scale, 0.125",
    ),
    "pad value": (
        lambda: _bent_tensor("PADV2", 3, Scale=[0.75]),
        "has a padding value of another type or quantization than its input",
    ),
    "shape type": (lambda: _bent("SHAPE", OutType=2), "SHAPE (tensor 'y') gives a shape as int64, which its options"),
}


def _bent(kind: str, **options: object) -> ModelFile:
    model = SAMPLES[kind]()
    set_options(**options)(model)
    return model


def _bent_tensor(kind: str, index: int, **quantization: object) -> ModelFile:
    model = SAMPLES[kind]()
    model.tensors[index]["Quantization"].update(quantization)
    return model


@pytest.mark.parametrize("fault", ATTRIBUTES)
def test_attribute(fault: str, tmp_path: Path) -> None:
    make, sentence = ATTRIBUTES[fault]
    assert sentence in error(make().bytes(), tmp_path).message


@pytest.mark.parametrize(("layout", "name"), [(layout, name) for layout in schema.OPTIONS for name in layout.fields])
def test_an_option_that_nobody_takes_is_refused(layout: Layout, name: str) -> None:
    """Each option off its default, alone: the importer that would overlook it is refused the operator."""
    value = [7] if name == "NewShape" else 1 - name.startswith("PotScale") + name.startswith("Dilation")
    data = write(
        schema.OPERATOR, {"BuiltinOptionsType": schema.options_tag(layout), "BuiltinOptions": (layout, {name: value})}
    )
    options = Options(tflite.Operator.GetRootAs(data, 0), layout)
    for other in layout.fields.keys() - {name}:
        options.without_influence(other) if other != "NewShape" else options.integers(other)
    with pytest.raises(Refused, match=f"sets {layout.name}.{name}, which is not supported"):
        options.refuse_the_rest()


def test_everything_at_once(tmp_path: Path) -> None:
    model = ModelFile(inputs=[0], outputs=[3])
    for name in ("x", "a", "b", "y"):
        model.tensor(name, (1, 4))
    model.operator("HARD_SWISH", (0,), (1,))
    model.operator("TANH", (1,), (2,))
    model.operator("RELU", (2,), (3,), version=9)
    found = error(model.bytes(), tmp_path)
    assert found.message == (
        "m.tflite: operator 0 HARD_SWISH (tensor 'a') is not supported; operator 1 TANH (tensor 'b') is not supported; "
        "operator 2 RELU (tensor 'y') has version 9, 3 is the newest that is supported."
    )
    assert found.hint == "`tinyc ops` lists what is supported."


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    model = ModelFile(inputs=[0], outputs=[130])
    for index in range(131):
        model.tensor(f"t{index}", (1, 4))
    for index in range(130):
        model.operator("TANH", (index,), (index + 1,))
    assert error(model.bytes(), tmp_path).message.endswith(
        "operator 99 TANH (tensor 't100') is not supported; and 30 more."
    )


def test_a_float_model_is_to_be_quantized(tmp_path: Path) -> None:
    model = one_input("RELU", (1, 4), (1, 4))
    for tensor in model.tensors:
        tensor["Type"] = tflite.TensorType.FLOAT32
    found = error(model.bytes(), tmp_path)
    assert found.message == "m.tflite: operator 0 RELU (tensor 'y') computes in float32."
    assert "quantize it first" in found.hint


def test_the_greater_of_two_codes_counts(tmp_path: Path) -> None:
    model = one_input("RELU", (1, 4), (1, 4))
    model.codes[0] = {"BuiltinCode": 28}
    assert "operator 0 TANH (tensor 'y') is not supported" in error(model.bytes(), tmp_path).message


def test_a_custom_operator_is_named(tmp_path: Path) -> None:
    model = one_input("RELU", (1, 4), (1, 4))
    model.codes[0] = {"DeprecatedBuiltinCode": 32, "BuiltinCode": 32, "CustomCode": "My Op"}
    assert "operator 0 CUSTOM:My_Op (tensor 'y') is not supported" in error(model.bytes(), tmp_path).message


def test_not_a_model(tmp_path: Path) -> None:
    wrong = write(schema.MODEL, {}, identifier=b"TFL2")
    assert "its identifier is b'TFL2', not b'TFL3'" in error(wrong, tmp_path).message
    assert "it has 0 bytes, too few for a header" in error(b"", tmp_path).message
    assert "is not a .tflite model, or it is damaged" in error(b"#!/bin/sh\nexit 0\n", tmp_path).message
    assert "contains no graph" in error(write(schema.MODEL, {"Version": 3}), tmp_path).message


def test_onnx_is_not_supported_yet(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x07")
    with pytest.raises(
        ModelError, match=r"m.onnx is an ONNX model, which is not supported yet. Convert it to int8 .tflite."
    ):
        load(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.tflite cannot be read: No such file or directory."):
        load(tmp_path / "none.tflite")
    with pytest.raises(UsageError, match=r"is not a file."):
        load(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend, "LARGEST_FILE", 1 << 20)
    assert "m.tflite is larger than 1 MB" in error(bytes((1 << 20) + 1), tmp_path).message
