"""Tensors of a TFLite file: names, static shapes, element types, quantization and constant data, each of them checked."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite

from tinyc.ir import DType, Quantization, Tensor
from tinyc.ir.types import Array, Shape

MOST_BYTES = 1 << 28
"""No tensor of a microcontroller is larger: a bound for what the reference evaluation allocates."""

MOST_AXES = 8
LONGEST_NAME = 256

DTYPES = {getattr(tflite.TensorType, dtype.name): dtype for dtype in DType}
QUANTIZED = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64)
_TYPE_NAMES: dict[int, str] = {value: name for name, value in vars(tflite.TensorType).items() if isinstance(value, int)}


class Refused(Exception):
    """What is wrong with one tensor or operator: a clause that follows its name."""


def unique_names(raw: Sequence[bytes | None]) -> tuple[str, ...]:
    """Printable names without spaces, all different; where the file has none, the index speaks."""
    names: dict[str, None] = {}
    for index, text in enumerate(raw):
        decoded = (text or b"").decode("utf-8", errors="replace")
        name = re.sub(r"[^A-Za-z0-9_./:;+@$-]", "_", decoded)[:LONGEST_NAME] or f"tensor_{index}"
        while name in names:
            name = f"{name}_{index}"
        names[name] = None
    return tuple(names)


def type_name(code: int) -> str:
    """The schema's name of an element type."""
    return _TYPE_NAMES.get(code, f"number {code}")


class TensorReader:
    """The tensors of one subgraph by their index in the file."""

    def __init__(self, model: Any, subgraph: Any) -> None:
        self._model = model
        self._tensors = [subgraph.Tensors(index) for index in range(subgraph.TensorsLength())]
        self.names = unique_names([tensor.Name() for tensor in self._tensors])

    def __len__(self) -> int:
        return len(self._tensors)

    def type_code(self, index: int) -> int:
        code: int = self._tensors[index].Type()
        return code

    def dynamic_axes(self, index: int) -> tuple[int, ...]:
        """The axes whose size the file leaves open."""
        signature = _integers(self._tensors[index], "ShapeSignature")
        return tuple(axis for axis, extent in enumerate(signature) if extent == -1)

    def read(self, index: int) -> Tensor:
        """Tensor `index`, or Refused."""
        raw = self._tensors[index]
        if raw.Type() not in DTYPES:
            raise Refused(f"has type {type_name(raw.Type())}, which is not supported")
        if raw.IsVariable():
            raise Refused("is a variable: state that lasts between inferences is not supported")
        if raw.Sparsity() is not None:
            raise Refused("is stored sparsely, which is not supported")
        if raw.VariantTensorsLength():
            raise Refused("holds a variant, which is not supported")
        dtype = DTYPES[raw.Type()]
        shape = _shape(raw, dtype)
        return Tensor(
            name=self.names[index],
            shape=shape,
            dtype=dtype,
            quantization=_quantization(raw.Quantization(), shape, dtype),
            data=self._data(raw.Buffer(), shape, dtype),
        )

    def _data(self, index: int, shape: Shape, dtype: DType) -> Array | None:
        if index >= self._model.BuffersLength():
            raise Refused(f"refers to buffer {index}, the file has {self._model.BuffersLength()}")
        buffer = self._model.Buffers(index)
        if buffer.Offset() or buffer.Size():
            raise Refused("has data outside of the FlatBuffers tables, which is not supported")
        if not buffer.DataLength():
            return None
        expected = math.prod(shape) * dtype.bytes
        if buffer.DataLength() != expected:
            raise Refused(f"has {buffer.DataLength()} bytes of data, its shape {list(shape)} needs {expected}")
        stored: Array = buffer.DataAsNumpy().view(dtype.numpy.newbyteorder("<"))
        return stored.astype(dtype.numpy, copy=False).reshape(shape)


def _integers(table: Any, field: str) -> tuple[int, ...]:
    """A vector of integers; () where it is absent."""
    if not getattr(table, f"{field}Length")():
        return ()
    return tuple(int(value) for value in getattr(table, f"{field}AsNumpy")())


def _shape(raw: Any, dtype: DType) -> Shape:
    if raw.ShapeLength() > MOST_AXES:
        raise Refused(f"has {raw.ShapeLength()} dimensions, at most {MOST_AXES} are supported")
    shape, signature = _integers(raw, "Shape"), _integers(raw, "ShapeSignature")
    if signature and len(signature) != len(shape):
        raise Refused(f"has shape {list(shape)} but shape signature {list(signature)}")
    if any(known not in (-1, extent) for known, extent in zip(signature, shape, strict=False)):
        raise Refused(f"has shape {list(shape)}, which contradicts its shape signature {list(signature)}")
    if min(shape, default=1) < 1:
        raise Refused(f"has shape {list(shape)}: every dimension must be at least 1")
    if math.prod(shape) * dtype.bytes > MOST_BYTES:
        raise Refused(f"has shape {list(shape)}, more than {MOST_BYTES >> 20} MB")
    return shape


def _quantization(raw: Any, shape: Shape, dtype: DType) -> Quantization | None:
    if raw is None:
        return None
    if raw.DetailsType():
        raise Refused("has a custom quantization, which is not supported")
    count, zero_count = raw.ScaleLength(), raw.ZeroPointLength()
    zeros = _integers(raw, "ZeroPoint") or (0,)
    if not count and not any(zeros):
        return None
    if not count or zero_count not in (0, 1, count):
        raise Refused(f"has {count} scales but {zero_count} zero points")
    axis = _axis(raw.QuantizedDimension(), shape, count)
    scales = raw.ScaleAsNumpy()
    wrong = scales[~(np.isfinite(scales) & (scales > 0))]
    if wrong.size:
        raise Refused(f"has scale {wrong[0]:g}: scales are finite and above zero")
    if dtype not in QUANTIZED:
        return None
    outside = [zero for zero in zeros if not dtype.limits[0] <= zero <= dtype.limits[1]]
    if outside:
        raise Refused(f"has zero point {outside[0]}, which {dtype.value} does not hold")
    return Quantization(
        scales=tuple(float(scale) for scale in scales),
        zero_points=zeros * count if len(zeros) == 1 else zeros,
        axis=axis,
    )


def _axis(stored: int, shape: Shape, count: int) -> int | None:
    """The quantized dimension.  A vector has only one: some converters write the one of its weights there."""
    if count == 1:
        return None
    axis = 0 if len(shape) == 1 else stored
    if not 0 <= axis < len(shape):
        raise Refused(f"has quantized dimension {axis} but {len(shape)} dimensions")
    if shape[axis] != count:
        raise Refused(f"has {count} scales for {shape[axis]} channels along dimension {axis}")
    return axis
