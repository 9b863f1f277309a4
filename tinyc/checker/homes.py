"""In which buffer each tensor lies: whoever makes it, reads it or passes it on must say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyc.checker.document import Certificate
from tinyc.errors import PlanRefuted


def homes(certificate: Certificate) -> Mapping[str, str]:
    """The buffer of every tensor with bytes of its own that a call or a port touches; PlanRefuted where it is said to be in two.

    An input that no call reads is in the buffer that has its name, or that of what it is a piece of.
    """
    own = own_tensors(certificate)
    found: dict[str, str] = {}
    for tensor, buffer in _named(certificate):
        for piece in own.get(tensor, ()):
            if found.setdefault(piece, buffer) != buffer:
                raise PlanRefuted(f"the calls use {piece} in {found[piece]} and in {buffer}.")
    for name in certificate.buffers:
        for piece in own.get(name, ()):
            found.setdefault(piece, name)
    return found


def own_tensors(certificate: Certificate) -> Mapping[str, tuple[str, ...]]:
    """For every tensor those with bytes of their own that it consists of; `number_values` has seen that pieces come first."""
    own: dict[str, tuple[str, ...]] = {}
    for tensor in certificate.tensors.values():
        pieces = dict.fromkeys(name for piece in tensor.pieces for name in own[piece])
        own[tensor.name] = tuple(pieces) or (tensor.name,)
    return own


def _named(certificate: Certificate) -> Iterator[tuple[str, str]]:
    """Every tensor that a loop writes or reads in the arena, with the buffer that the loop names."""
    for group in certificate.groups:
        for loop in group.loops:
            layer = certificate.layers[loop.layer]
            if layer.output.tensor is not None:
                yield layer.output.tensor, loop.target.buffer
            for need, source in zip(layer.needs, loop.sources, strict=True):
                if need.seen.tensor is not None and source.buffer is not None:
                    yield need.seen.tensor, source.buffer
