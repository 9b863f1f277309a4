"""What a bench measures, as exact counts that can be written down, read back and held against a later run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from tinyc.run.classes import ClassCounts

EQUAL = "equal"
IMPOSSIBLE = "not possible"
"""How the verdict begins where a model has no such setting: an input without rows, say."""
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One deployment: bytes, and the instructions of one inference."""

    arena_bytes: int
    stack_bytes: int
    static_bytes: int
    peak_sram_bytes: int
    code_bytes: int
    weights_bytes: int
    instructions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCount:
    """Instructions of one layer of a model, predicted by the catalogue and counted by the emulator."""

    model: str
    board: str
    index: int
    kernel: str
    macs: int
    predicted: int
    instructions: int
    classes: ClassCounts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one deployment went: `verdict` is "equal", or the sentence that says what was wrong."""

    verdict: str
    counts: Counts | None = None
    macs: int = 0
    model_weights_bytes: int = 0
    predicted: int = 0
    """Instructions, as `analyze` predicts them."""
    layers: tuple[LayerCount, ...] = ()

    @property
    def equal(self) -> bool:
        return self.verdict == EQUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """A model: its multiply-accumulates, the bytes of its constants, and every way it was run, by `Setting.key`."""

    macs: int
    model_weights_bytes: int
    runs: Mapping[str, Outcome]

    def counts(self, key: str) -> Counts | None:
        """What was counted there, None where it did not run or came out differently."""
        outcome = self.runs.get(key)
        return outcome.counts if outcome is not None and outcome.equal else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    """A single layer: instructions of one inference by `Setting.key`; None where it came out differently."""

    macs: int
    instructions: Mapping[str, int | None]

    def per_mac(self, key: str) -> float | None:
        count = self.instructions.get(key)
        return None if count is None else count / self.macs


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaResult:
    """A model of the collection: our arena where it deploys and is equal, and TFLM's of a 64-bit build."""

    verdict: str
    arena_bytes: int | None
    tflm_arena_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A whole bench; `tools` are the versions of what compiled and counted."""

    tools: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, ModelResult] = field(default_factory=dict)
    layers: Mapping[str, LayerResult] = field(default_factory=dict)
    arenas: Mapping[str, ArenaResult] = field(default_factory=dict)

    def updated(self, newer: Results) -> Results:
        """These results, replaced where `newer` has some."""
        models = dict(self.models)
        for name, model in newer.models.items():
            runs = {**models[name].runs, **model.runs} if name in models else model.runs
            models[name] = replace(model, runs=runs)
        return Results(
            tools=newer.tools or self.tools,
            models=models,
            layers={**self.layers, **newer.layers},
            arenas={**self.arenas, **newer.arenas},
        )


def to_document(results: Results) -> Document:
    """The results as JSON, sorted, without what is only of the moment."""
    return {
        "tools": dict(sorted(results.tools.items())),
        "models": {name: _model_document(model) for name, model in sorted(results.models.items())},
        "layers": {name: asdict(layer) for name, layer in sorted(results.layers.items())},
        "arenas": {name: asdict(arena) for name, arena in sorted(results.arenas.items())},
    }


def from_document(document: Document) -> Results:
    """The results that `to_document` wrote."""
    return Results(
        tools=document["tools"],
        models={name: _model(table) for name, table in document["models"].items()},
        layers={name: LayerResult(**table) for name, table in document["layers"].items()},
        arenas={name: ArenaResult(**table) for name, table in document["arenas"].items()},
    )


def _model_document(model: ModelResult) -> Document:
    return {
        "macs": model.macs,
        "model_weights_bytes": model.model_weights_bytes,
        "runs": {
            key: {"verdict": run.verdict} | ({} if run.counts is None else asdict(run.counts))
            for key, run in sorted(model.runs.items())
        },
    }


def _model(table: Document) -> ModelResult:
    names = [each.name for each in fields(Counts)]
    runs = {}
    for key, run in table["runs"].items():
        counts = Counts(**{name: run[name] for name in names}) if names[0] in run else None
        runs[key] = Outcome(verdict=run["verdict"], counts=counts)
    return ModelResult(macs=table["macs"], model_weights_bytes=table["model_weights_bytes"], runs=runs)
