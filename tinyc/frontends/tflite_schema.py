"""The tables of the TFLite schema that are read, as the verifier needs them; a test compares them with the schema package.

Options tables are listed for the supported operators only: those of other operators are never opened.
"""

from __future__ import annotations

import tflite

from tinyc.frontends.flatbuffer import Child, Kind, Layout, Scalar, String, Tables, Union, Unread, Vector

IDENTIFIER = b"TFL3"
VERSION = 3

_BYTE = Scalar(1)
_WORD = Scalar(4)
_LONG = Scalar(8)

_CONVOLUTION: dict[str, Kind] = {"Padding": _BYTE, "StrideW": _WORD, "StrideH": _WORD}
_DILATION: dict[str, Kind] = {"DilationWFactor": _WORD, "DilationHFactor": _WORD}
_ACTIVATION: dict[str, Kind] = {"FusedActivationFunction": _BYTE}

ADD = Layout("AddOptions", {**_ACTIVATION, "PotScaleInt16": _BYTE})
CONCATENATION = Layout("ConcatenationOptions", {"Axis": _WORD, **_ACTIVATION})
CONV_2D = Layout("Conv2DOptions", {**_CONVOLUTION, **_ACTIVATION, **_DILATION, "QuantizedBiasType": _BYTE})
DEPTHWISE_CONV_2D = Layout(
    "DepthwiseConv2DOptions", {**_CONVOLUTION, "DepthMultiplier": _WORD, **_ACTIVATION, **_DILATION}
)
DEQUANTIZE = Layout("DequantizeOptions", {})
FULLY_CONNECTED = Layout(
    "FullyConnectedOptions",
    {
        **_ACTIVATION,
        "WeightsFormat": _BYTE,
        "KeepNumDims": _BYTE,
        "AsymmetricQuantizeInputs": _BYTE,
        "QuantizedBiasType": _BYTE,
    },
)
MUL = Layout("MulOptions", {**_ACTIVATION})
PACK = Layout("PackOptions", {"ValuesCount": _WORD, "Axis": _WORD})
PAD = Layout("PadOptions", {})
PADV2 = Layout("PadV2Options", {})
POOL_2D = Layout("Pool2DOptions", {**_CONVOLUTION, "FilterWidth": _WORD, "FilterHeight": _WORD, **_ACTIVATION})
QUANTIZE = Layout("QuantizeOptions", {})
REDUCER = Layout("ReducerOptions", {"KeepDims": _BYTE})
RESHAPE = Layout("ReshapeOptions", {"NewShape": Vector(4)})
RESIZE_NEAREST_NEIGHBOR = Layout("ResizeNearestNeighborOptions", {"AlignCorners": _BYTE, "HalfPixelCenters": _BYTE})
SHAPE = Layout("ShapeOptions", {"OutType": _BYTE})
SOFTMAX = Layout("SoftmaxOptions", {"Beta": _WORD})
STRIDED_SLICE = Layout(
    "StridedSliceOptions",
    {
        "BeginMask": _WORD,
        "EndMask": _WORD,
        "EllipsisMask": _WORD,
        "NewAxisMask": _WORD,
        "ShrinkAxisMask": _WORD,
        "Offset": _BYTE,
    },
)
SUB = Layout("SubOptions", {**_ACTIVATION, "PotScaleInt16": _BYTE})
TRANSPOSE = Layout("TransposeOptions", {})

OPTIONS: tuple[Layout, ...] = (
    ADD,
    CONCATENATION,
    CONV_2D,
    DEPTHWISE_CONV_2D,
    DEQUANTIZE,
    FULLY_CONNECTED,
    MUL,
    PACK,
    PAD,
    PADV2,
    POOL_2D,
    QUANTIZE,
    REDUCER,
    RESHAPE,
    RESIZE_NEAREST_NEIGHBOR,
    SHAPE,
    SOFTMAX,
    STRIDED_SLICE,
    SUB,
    TRANSPOSE,
)


def options_tag(layout: Layout) -> int:
    """The value of Operator.BuiltinOptionsType that announces this table."""
    tag: int = getattr(tflite.BuiltinOptions, layout.name)
    return tag


_OPTIONS_BY_TAG = {options_tag(layout): layout for layout in OPTIONS}

OPERATOR_CODE = Layout(
    "OperatorCode",
    {"DeprecatedBuiltinCode": _BYTE, "CustomCode": String(), "Version": _WORD, "BuiltinCode": _WORD},
)
QUANTIZATION = Layout(
    "QuantizationParameters",
    {
        "Min": Vector(4),
        "Max": Vector(4),
        "Scale": Vector(4),
        "ZeroPoint": Vector(8),
        "DetailsType": _BYTE,
        "Details": Unread(),
        "QuantizedDimension": _WORD,
    },
)
TENSOR = Layout(
    "Tensor",
    {
        "Shape": Vector(4),
        "Type": _BYTE,
        "Buffer": _WORD,
        "Name": String(),
        "Quantization": Child(QUANTIZATION),
        "IsVariable": _BYTE,
        "Sparsity": Unread(),
        "ShapeSignature": Vector(4),
        "HasRank": _BYTE,
        "VariantTensors": Unread(),
    },
)
OPERATOR = Layout(
    "Operator",
    {
        "OpcodeIndex": _WORD,
        "Inputs": Vector(4),
        "Outputs": Vector(4),
        "BuiltinOptionsType": _BYTE,
        "BuiltinOptions": Union(_OPTIONS_BY_TAG),
        "CustomOptions": Vector(1),
        "CustomOptionsFormat": _BYTE,
        "MutatingVariableInputs": Vector(1),
        "Intermediates": Vector(4),
        "LargeCustomOptionsOffset": _LONG,
        "LargeCustomOptionsSize": _LONG,
        "BuiltinOptions2Type": _BYTE,
        "BuiltinOptions2": Unread(),
        "DebugMetadataIndex": _WORD,
    },
)
SUBGRAPH = Layout(
    "SubGraph",
    {
        "Tensors": Tables(TENSOR),
        "Inputs": Vector(4),
        "Outputs": Vector(4),
        "Operators": Tables(OPERATOR),
        "Name": String(),
        "DebugMetadataIndex": _WORD,
    },
)
BUFFER = Layout("Buffer", {"Data": Vector(1), "Offset": _LONG, "Size": _LONG})
METADATA = Layout("Metadata", {"Name": String(), "Buffer": _WORD})
MODEL = Layout(
    "Model",
    {
        "Version": _WORD,
        "OperatorCodes": Tables(OPERATOR_CODE),
        "Subgraphs": Tables(SUBGRAPH),
        "Description": String(),
        "Buffers": Tables(BUFFER),
        "MetadataBuffer": Vector(4),
        "Metadata": Tables(METADATA),
        "SignatureDefs": Unread(),  # names for inputs and outputs, which their order says already
    },
)
TABLES: tuple[Layout, ...] = (
    MODEL,
    METADATA,
    BUFFER,
    SUBGRAPH,
    OPERATOR,
    TENSOR,
    QUANTIZATION,
    OPERATOR_CODE,
    *OPTIONS,
)
