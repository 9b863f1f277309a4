"""A number for every byte of every value, so that bytes can be told apart wherever they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyc.checker.document import Certificate, Tensor
from tinyc.errors import PlanRefuted

Ids = npt.NDArray[np.int32]
NOTHING = -1
SCRATCH = -2


@dataclass(frozen=True, slots=True)
class Values:
    """The ids of each tensor's bytes in the order of its elements; reshaped and concatenated tensors have those of their pieces."""

    ids: Mapping[str, Ids]
    names: tuple[str, ...]
    """The tensors with bytes of their own, by ascending id; the ids of the last end at `count`."""
    starts: npt.NDArray[np.int64]
    count: int

    def name(self, value: int) -> str:
        """What the byte with id `value` is, in words."""
        if value == NOTHING:
            return "nothing"
        if value == SCRATCH:
            return "scratch"
        if value >= self.count:
            return "the counters of a region"
        number = int(np.searchsorted(self.starts, value, side="right")) - 1
        return f"byte {value - int(self.starts[number])} of {self.names[number]}"


def number_values(certificate: Certificate) -> Values:
    """PlanRefuted where a tensor is made of others that come later or do not fit."""
    ids: dict[str, Ids] = {}
    names: list[str] = []
    starts: list[int] = []
    count = 0
    for tensor in certificate.tensors.values():
        if tensor.pieces:
            ids[tensor.name] = _joined(tensor, ids, certificate.tensors)
            continue
        ids[tensor.name] = np.arange(count, count + tensor.bytes, dtype=np.int32)
        names.append(tensor.name)
        starts.append(count)
        count += tensor.bytes
    return Values(ids=ids, names=tuple(names), starts=np.asarray(starts, np.int64), count=count)


def _joined(tensor: Tensor, ids: Mapping[str, Ids], tensors: Mapping[str, Tensor]) -> Ids:
    missing = [piece for piece in tensor.pieces if piece not in ids]
    if missing:
        raise PlanRefuted(f"{tensor.name} is made of {missing[0]}, which is not there before it.")
    if tensor.axis is None:
        joined = ids[tensor.pieces[0]]
    else:
        parts = [tensors[piece] for piece in tensor.pieces]
        try:
            joined = np.concatenate(
                [ids[part.name].reshape(*part.shape, part.element_bytes) for part in parts], axis=tensor.axis
            ).reshape(-1)
        except ValueError:
            raise PlanRefuted(f"{tensor.name} is made of pieces that do not fit together.") from None
        shape = list(parts[0].shape)
        shape[tensor.axis] = sum(part.shape[tensor.axis] for part in parts)
        if tuple(shape) != tensor.shape:
            raise PlanRefuted(f"{tensor.name} is made of pieces that do not fit together.")
    if joined.size != tensor.bytes:
        raise PlanRefuted(f"{tensor.name} has {tensor.bytes:,} B, what it is made of has {joined.size:,}.")
    return joined
