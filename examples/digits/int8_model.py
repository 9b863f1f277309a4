"""Quantize the trained network and write it as a .tflite file, through the schema's own flatbuffer builder.

Weights: int8, symmetric, a scale a channel (dense: one scale).  Activations: int8, ranges from calibration images.  Biases: int32.
Source: TensorFlow Lite 8-bit quantization specification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

Array = npt.NDArray[np.generic]
Builder = flatbuffers.Builder


@dataclass(frozen=True)
class Range:
    """real = scale * (stored - zero_point); several scales: one a channel along `axis`."""

    scales: tuple[float, ...]
    zero_point: int = 0
    axis: int = 0


def activation_range(values: Array) -> Range:
    """The int8 range that covers zero and every value."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32((high - low) / 255))
    return Range((scale,), round(-128 - low / scale))


def weight_range(weights: Array, axis: int | None) -> Range:
    """The symmetric ranges of `weights`, along `axis` or one for all."""
    others = None if axis is None else tuple(a for a in range(weights.ndim) if a != axis)
    peaks = np.atleast_1d(np.abs(weights).max(axis=others))
    return Range(tuple(float(s) for s in (peaks / 127).astype(np.float32)), 0, axis or 0)


@dataclass
class ModelWriter:
    """Collects tensors and operators, then writes them out as one subgraph."""

    tensors: list[tuple[str, tuple[int, ...], int, Range, Array | None]] = field(default_factory=list)
    operators: list[tuple[int, int, tuple[int, ...], int, int, Callable[[Builder], int]]] = field(default_factory=list)

    def tensor(self, name: str, shape: Sequence[int], quantization: Range) -> int:
        """An int8 activation; returns its index."""
        self.tensors.append((name, tuple(shape), tflite.TensorType.INT8, quantization, None))
        return len(self.tensors) - 1

    def weights(self, name: str, values: Array, quantization: Range) -> int:
        """An int8 constant quantized from float `values`; returns its index."""
        shape = [1] * values.ndim
        shape[quantization.axis] = -1
        stored = np.clip(np.round(values / np.reshape(quantization.scales, shape)), -127, 127).astype(np.int8)
        self.tensors.append((name, values.shape, tflite.TensorType.INT8, quantization, stored))
        return len(self.tensors) - 1

    def bias(self, name: str, values: Array, source: Range, weights: Range) -> int:
        """An int32 constant at the scale of the products; returns its index."""
        scales = np.array(source.scales[0], np.float32) * np.array(weights.scales, np.float32)
        stored = np.round(values / scales).astype(np.int32)
        self.tensors.append((name, values.shape, tflite.TensorType.INT32, Range(tuple(map(float, scales))), stored))
        return len(self.tensors) - 1

    def operator(
        self, code: int, version: int, inputs: Sequence[int], output: int, kind: int, options: Callable[[Builder], int]
    ) -> None:
        """One operator; `options` writes its options table, of union type `kind`."""
        self.operators.append((code, version, tuple(inputs), output, kind, options))

    def finish(self, *, source: int, output: int, description: str) -> bytes:
        """The model as a flatbuffer with `source` as its input."""
        builder = Builder(16384)
        codes = list(dict.fromkeys((code, version) for code, version, *_ in self.operators))
        code_tables = [_operator_code(builder, code, version) for code, version in codes]
        contents = [_buffer(builder, None)]
        tensor_tables = []
        for name, shape, kind, quantization, data in self.tensors:
            buffer = 0
            if data is not None:
                buffer = len(contents)
                contents.append(_buffer(builder, data))
            tensor_tables.append(_tensor(builder, name, shape, kind, quantization, buffer))
        operator_tables = [
            _operator(builder, codes.index((code, version)), inputs, target, kind, options)
            for code, version, inputs, target, kind, options in self.operators
        ]
        subgraph = _subgraph(builder, tensor_tables, operator_tables, source, output)
        vectors = [_tables(builder, tables) for tables in (code_tables, [subgraph], contents)]
        text = builder.CreateString(description)
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, 3)
        tflite.ModelAddOperatorCodes(builder, vectors[0])
        tflite.ModelAddSubgraphs(builder, vectors[1])
        tflite.ModelAddBuffers(builder, vectors[2])
        tflite.ModelAddDescription(builder, text)
        builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _tables(builder: Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _numbers(builder: Builder, values: Sequence[int] | Sequence[float], dtype: str) -> int:
    return int(builder.CreateNumpyVector(np.array(values, dtype)))


def _buffer(builder: Builder, data: Array | None) -> int:
    vector = None
    if data is not None:
        stored = np.frombuffer(data.tobytes(), np.uint8)
        builder.StartVector(1, stored.size, 16)
        builder.head -= stored.size
        builder.Bytes[builder.head : builder.head + stored.size] = stored.tobytes()
        vector = builder.EndVector()
    tflite.BufferStart(builder)
    if vector is not None:
        tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _operator_code(builder: Builder, code: int, version: int) -> int:
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, code)
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, version)
    return int(tflite.OperatorCodeEnd(builder))


def _tensor(builder: Builder, name: str, shape: Sequence[int], kind: int, quantization: Range, buffer: int) -> int:
    text = builder.CreateString(name)
    dimensions = _numbers(builder, shape, "<i4")
    scales = _numbers(builder, quantization.scales, "<f4")
    zero_points = _numbers(builder, [quantization.zero_point] * len(quantization.scales), "<i8")
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
    tflite.QuantizationParametersAddQuantizedDimension(builder, quantization.axis)
    parameters = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, text)
    tflite.TensorAddShape(builder, dimensions)
    tflite.TensorAddType(builder, kind)
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddQuantization(builder, parameters)
    return int(tflite.TensorEnd(builder))


def _operator(
    builder: Builder, code: int, inputs: Sequence[int], output: int, kind: int, options: Callable[[Builder], int]
) -> int:
    sources, targets = _numbers(builder, inputs, "<i4"), _numbers(builder, [output], "<i4")
    table = options(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, sources)
    tflite.OperatorAddOutputs(builder, targets)
    tflite.OperatorAddBuiltinOptionsType(builder, kind)
    tflite.OperatorAddBuiltinOptions(builder, table)
    return int(tflite.OperatorEnd(builder))


def _subgraph(builder: Builder, tensors: Sequence[int], operators: Sequence[int], source: int, output: int) -> int:
    name = builder.CreateString("main")
    tensor_vector, operator_vector = _tables(builder, tensors), _tables(builder, operators)
    sources, targets = _numbers(builder, [source], "<i4"), _numbers(builder, [output], "<i4")
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddName(builder, name)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddInputs(builder, sources)
    tflite.SubGraphAddOutputs(builder, targets)
    tflite.SubGraphAddOperators(builder, operator_vector)
    return int(tflite.SubGraphEnd(builder))
