"""What other tools reach and what tinyc is out to reach: peers.toml, read strictly."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PEERS = Path(__file__).with_name("peers.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One tool's figures for a model, or the most that tinyc may take: instructions by core, bytes; None where nobody has said."""

    m4: int | None = None
    m7: int | None = None
    m55: int | None = None
    arena: int | None = None
    arena_64bit: int | None = None
    rows_arena: int | None = None
    sram: int | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerModel:
    """A model with its figures."""

    tflm: Figures
    tinyengine: Figures = field(default_factory=Figures)
    target: Figures = field(default_factory=Figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerMac:
    """Instructions per multiply-accumulate: of CMSIS-NN by core, or the most that tinyc may take by `--optimize`."""

    m4: float | None = None
    m55: float | None = None
    speed: float | None = None
    size: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLayer:
    """A single layer with its figures."""

    cmsis_nn: PerMac
    target: PerMac = field(default_factory=PerMac)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What holds for every model, as peers.toml explains it."""

    arena_ratio: float
    stack: int
    streaming: float
    weights_speed: float
    weights_size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """All of peers.toml."""

    sources: Mapping[str, str]
    goals: Goals
    models: Mapping[str, PeerModel]
    layers: Mapping[str, PeerLayer]


def read_peers(path: Path = PEERS) -> Peers:
    """The figures of the file; ValueError where a key is unknown."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return Peers(
        sources=document["sources"],
        goals=_filled(Goals, document["goals"]),
        models={name: PeerModel(**_tables(Figures, table)) for name, table in document["models"].items()},
        layers={name: PeerLayer(**_tables(PerMac, table)) for name, table in document["layers"].items()},
    )


T = TypeVar("T")


def _tables(kind: type[Any], table: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: _filled(kind, values) for name, values in table.items()}


def _filled(kind: type[T], values: Mapping[str, Any]) -> T:
    unknown = set(values) - {each.name for each in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"{PEERS.name}: {kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**values)
