"""A user's own inputs: read from .npy or .npz, checked against the model, brought to the values the model stores."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinyc.errors import UsageError
from tinyc.ir import DType, Operands, Tensor
from tinyc.ir.types import Array
from tinyc.ops import Quantize

LABELS = "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """`arrays` by name, samples along the first axis; `labels`, if any, is the right class of each sample."""

    path: Path
    arrays: Mapping[str, Array] = field(compare=False)
    labels: Array | None = field(compare=False)

    def samples(self, tensors: Sequence[Tensor]) -> tuple[tuple[Array, ...], ...]:
        """One tuple of stored values a sample, in the order of the model's input `tensors`."""
        columns = [self._stored(tensor, self._named(tensor, tensors)) for tensor in tensors]
        return tuple(zip(*columns, strict=True))

    def _named(self, tensor: Tensor, tensors: Sequence[Tensor]) -> Array:
        if tensor.name in self.arrays:
            return self.arrays[tensor.name]
        if len(tensors) == len(self.arrays) == 1:
            return next(iter(self.arrays.values()))
        wanted, found = ", ".join(t.name for t in tensors), ", ".join(self.arrays) or "none"
        raise UsageError(f"{self.path}: the model's inputs are {wanted}, the file's arrays {found}.")

    def _stored(self, tensor: Tensor, array: Array) -> Sequence[Array]:
        shape = tensor.shape
        if _squeezed(array.shape[1:]) != _squeezed(shape):
            found = "x".join(map(str, array.shape[1:])) or "scalar"
            wanted = "x".join(map(str, shape))
            raise UsageError(f"{self.path}: a sample is {found}, input {tensor.name} is {wanted}.")
        if array.dtype == tensor.dtype.numpy:
            return [sample.reshape(shape) for sample in array]
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(
                f"{self.path}: samples are {array.dtype}, input {tensor.name} is {tensor.dtype.value}.",
                hint="Give real values as float32.",
            )
        real = array.astype(np.float32)
        if not np.isfinite(real).all():
            raise UsageError(f"{self.path}: samples for input {tensor.name} are not all finite.")
        return [_quantized(tensor, sample.reshape(shape)) for sample in real]


def read_inputs(path: Path, *, limit: int | None = None) -> Inputs:
    """The arrays in `path`, the first `limit` samples of each; UsageError where it holds none."""
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = dict(loaded.items()) if isinstance(loaded, np.lib.npyio.NpzFile) else {"input": loaded}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} is not a .npy or .npz file of numbers: {reason}.") from None
    counts = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1 or counts == {0}:
        raise UsageError(f"{path}: its arrays must hold the same number of samples, at least one.")
    arrays = {name: array[:limit] for name, array in arrays.items()}
    return Inputs(path=path, labels=arrays.pop(LABELS, None), arrays=arrays)


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _quantized(tensor: Tensor, real: Array) -> Array:
    if tensor.dtype is DType.FLOAT32:
        return real
    declared = Tensor(name=f"{tensor.name}:real", shape=tensor.shape, dtype=DType.FLOAT32)
    (stored,) = Quantize().evaluate(Operands(inputs=(declared,), outputs=(tensor,)), (real,))
    return stored
