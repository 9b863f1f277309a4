"""Predicted against counted instructions: where the catalogue's cost model is off, by which factor, and the factors to predict by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyc.bench.results import LayerCount, Results
from tinyc.board import load
from tinyc.errors import UsageError
from tinyc.kernels.calibration import CALIBRATION, Factors, best, text
from tinyc.kernels.contract import Isa
from tinyc.report.write import check_file, write_file

LAYER_TOLERANCE = 0.20
"""For layers above SHARE of their model."""
MODEL_TOLERANCE = 0.10
SHARE = 0.01
LEAST_CORRECTION = 0.10
"""Factors nearer to 1 are left out.  They come from the layers that happened to choose a kernel, and would only disturb the choice between
kernels whose costs, read off their code, differ by less."""


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


def refitted(factors: Factors, layers: Sequence[LayerCount]) -> Factors:
    """`factors`, by which `layers` were predicted, with those of the kernels among them as they should have been."""
    found = {core: dict(own) for core, own in factors.items()}
    for board in boards(layers):
        own = found.setdefault(best([Isa(name) for name in load(board).isas]), {})
        counted = [layer for layer in layers if layer.board == board]
        own |= {name: own.get(name, 1.0) * ratio for name, ratio in _ratios(counted)}
    return {core: {name: f for name, f in own.items() if abs(f - 1) > LEAST_CORRECTION} for core, own in found.items()}


def check_calibration(path: Path = CALIBRATION) -> None:
    """UsageError where the factors cannot be written down."""
    try:
        check_file(path)
    except UsageError as error:
        raise UsageError(
            f"--calibrate rewrites {path.name} in tinyc's own folder: {error.message}",
            hint="Run it from a checkout of your own.",
        ) from None


def write_calibration(factors: Factors, path: Path = CALIBRATION) -> None:
    """Write the factors down; the next run predicts by them."""
    write_file(path, text(factors))


def _ratios(layers: Sequence[LayerCount]) -> Iterator[tuple[str, float]]:
    """Counted over predicted, by kernel, of the layers that matter; every model has the same weight, however large it is."""
    totals = _totals(layers)
    large = [layer for layer in layers if layer.instructions > SHARE * totals[layer.model]]
    for name in sorted({layer.kernel for layer in large}):
        own = [layer for layer in large if layer.kernel == name]
        predicted = sum(layer.predicted / totals[layer.model] for layer in own)
        counted = sum(layer.instructions / totals[layer.model] for layer in own)
        if predicted:
            yield name, counted / predicted


def _totals(layers: Sequence[LayerCount]) -> dict[str, int]:
    """The instructions of all layers, by model."""
    totals: dict[str, int] = {}
    for layer in layers:
        totals[layer.model] = totals.get(layer.model, 0) + layer.instructions
    return totals


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
    totals = _totals(layers)
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
