"""Element types, quantization and tensors: the nouns of the graph."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Shape = tuple[int, ...]


class DType(Enum):
    """An element type; its value is the numpy name."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        return np.dtype(self.value)

    @property
    def bytes(self) -> int:
        return int(self.numpy.itemsize)

    @property
    def c_type(self) -> str:
        return "float" if self is DType.FLOAT32 else f"{self.value}_t"

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest value of an integer type."""
        info = np.iinfo(self.value)
        return int(info.min), int(info.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """real = scale * (stored - zero_point), per tensor (`axis` None, one scale) or per channel along `axis`.

    Scales hold exactly the float32 values of the model.  Source: TensorFlow Lite 8-bit quantization specification.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None

    @property
    def scale(self) -> float:
        """The one scale of a per-tensor quantization."""
        (scale,) = self.scales
        return scale

    @property
    def zero_point(self) -> int:
        """The one zero point of a per-tensor quantization."""
        (zero_point,) = self.zero_points
        return zero_point


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A value of the graph: `shape` in elements, NHWC for images; `data` (read-only) when it is a constant."""

    name: str
    shape: Shape
    dtype: DType
    quantization: Quantization | None = None
    data: Array | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.data is not None and self.data.flags.writeable:
            frozen = self.data.copy()
            frozen.flags.writeable = False
            object.__setattr__(self, "data", frozen)

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.bytes

    @property
    def scale(self) -> float:
        assert self.quantization is not None, f"{self.name} is not quantized"
        return self.quantization.scale

    @property
    def zero_point(self) -> int:
        assert self.quantization is not None, f"{self.name} is not quantized"
        return self.quantization.zero_point

    @property
    def values(self) -> Array:
        """The data of a constant."""
        assert self.data is not None, f"{self.name} is not a constant"
        return self.data

    @property
    def hwc(self) -> tuple[int, int, int]:
        """(rows, columns, channels): the shape as every schedule and kernel sees it.

        Rank 4 is (N*H, W, C); rank 3 (N, T, C) is N*T rows of one pixel; rank 2 (N, C) is N rows of one pixel; a vector is one row
        of one pixel; higher ranks fold their leading axes into rows.
        """
        shape = self.shape
        if len(shape) <= 1:
            return 1, 1, self.elements
        if len(shape) < 4:
            return math.prod(shape[:-1]), 1, shape[-1]
        return math.prod(shape[:-2]), shape[-2], shape[-1]
