"""Predicted against counted instructions: where the catalogue's cost model is off, and by which factor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinyc.bench.results import LayerCount, Results

LAYER_TOLERANCE = 0.20
"""For layers above SHARE of their model."""
MODEL_TOLERANCE = 0.10
SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A prediction and what was counted; `factor` is what the prediction should be multiplied by."""

    name: str
    layers: int
    predicted: int
    counted: int

    @property
    def factor(self) -> float:
        return self.counted / max(self.predicted, 1)

    def is_off(self, tolerance: float) -> bool:
        """Whether the prediction misses by more than `tolerance` of what was counted."""
        return abs(self.predicted - self.counted) > tolerance * self.counted


def boards(layers: Sequence[LayerCount]) -> tuple[str, ...]:
    """Where layers were counted."""
    return tuple(dict.fromkeys(layer.board for layer in layers))


def by_kernel(layers: Sequence[LayerCount]) -> tuple[Fit, ...]:
    """All layers of each kernel together, most instructions first."""
    names = {layer.kernel for layer in layers}
    fits = [_fit(name, [layer for layer in layers if layer.kernel == name]) for name in sorted(names)]
    return tuple(sorted(fits, key=lambda fit: -fit.counted))


def by_model(layers: Sequence[LayerCount], results: Results, *, board: str) -> tuple[Fit, ...]:
    """Each model: what was predicted of one inference and what it took on `board`, schedule included."""
    return tuple(_models(layers, results, board))


def _models(layers: Sequence[LayerCount], results: Results, board: str) -> Iterator[Fit]:
    for name, model in sorted(results.models.items()):
        own, counts = [layer for layer in layers if layer.model == name], model.counts(board)
        if own and counts is not None:
            predicted = model.runs[board].predicted
            yield Fit(name=name, layers=len(own), predicted=predicted, counted=counts.instructions)


def layers_off(layers: Sequence[LayerCount]) -> tuple[LayerCount, ...]:
    """The layers above SHARE of their model whose prediction is off by more than LAYER_TOLERANCE, worst first."""
    totals: dict[str, int] = {}
    for layer in layers:
        totals[layer.model] = totals.get(layer.model, 0) + layer.instructions
    off = [
        layer
        for layer in layers
        if layer.instructions > SHARE * totals[layer.model] and _fit("", [layer]).is_off(LAYER_TOLERANCE)
    ]
    return tuple(sorted(off, key=lambda layer: -abs(layer.predicted - layer.instructions) / layer.instructions))


def _fit(name: str, layers: Sequence[LayerCount]) -> Fit:
    return Fit(
        name=name,
        layers=len(layers),
        predicted=sum(layer.predicted for layer in layers),
        counted=sum(layer.instructions for layer in layers),
    )
