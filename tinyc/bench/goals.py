"""What tinyc is out to reach, against what was measured: one sentence a goal, met or not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tinyc.bench.bench import M4, M7, M55
from tinyc.bench.measure import Setting
from tinyc.bench.peers import Figures, Peers
from tinyc.bench.results import ModelResult, Results

CORES = {"m4": M4, "m7": M7, "m55": M55}
TITLES = {"m4": "M4", "m7": "M7", "m55": "M55"}
WHOLE = Setting(board=M4).key
SIZE = Setting(board=M4, optimize="size").key
LAYERS = Setting(board=M4, schedule="layers").key
ROWS = Setting(board=M4, input="rows").key


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`found` None: not measured, or not equal."""

    what: str
    found: float | None
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.found is None:
            return False
        return self.found >= self.limit if self.at_least else self.found <= self.limit


def goals(results: Results, peers: Peers) -> tuple[Goal, ...]:
    """Every goal about something that was measured."""
    return (*_model_goals(results, peers), *_layer_goals(results, peers), *_mean_goals(results, peers))


def ratio_32bit(results: Results, peers: Peers) -> tuple[float | None, int]:
    """The geometric mean of TFLM's arena over ours, and over how many models: those with a 32-bit figure."""
    return _mean(
        (model.tflm.arena, _arena(results.models.get(name)))
        for name, model in peers.models.items()
        if model.tflm.arena is not None
    )


def ratio_64bit(results: Results) -> tuple[float | None, int]:
    """The same over every int8 model of the collection that deploys, against 64-bit builds."""
    return _mean((each.tflm_arena_bytes, each.arena_bytes) for each in results.arenas.values())


def _mean(pairs: Iterable[tuple[int | None, int | None]]) -> tuple[float | None, int]:
    logs = [math.log(theirs / ours) for theirs, ours in pairs if theirs and ours]
    return (math.exp(sum(logs) / len(logs)) if logs else None), len(logs)


def _arena(model: ModelResult | None) -> int | None:
    counts = None if model is None else model.counts(WHOLE)
    return None if counts is None else counts.arena_bytes


def _model_goals(results: Results, peers: Peers) -> Iterator[Goal]:
    for name, model in results.models.items():
        if name in peers.models:
            peer = peers.models[name]
            yield from _memory_goals(name, model, peer.target, peer.tflm, peers)
            yield from _work_goals(name, model, peer.target, peers)


def _memory_goals(name: str, model: ModelResult, target: Figures, tflm: Figures, peers: Peers) -> Iterator[Goal]:
    counts, rows = model.counts(WHOLE), model.counts(ROWS)
    if WHOLE in model.runs:
        found = None if counts is None else counts.arena_bytes
        theirs = tflm.arena or tflm.arena_64bit
        if theirs is not None:
            yield Goal(what=f"{name}: arena, TFLM's", found=found, limit=theirs)
        if target.arena is not None:
            yield Goal(what=f"{name}: arena", found=found, limit=target.arena)
            yield Goal(
                what=f"{name}: stack", found=None if counts is None else counts.stack_bytes, limit=peers.goals.stack
            )
            yield Goal(what=f"{name}: static data", found=None if counts is None else counts.static_bytes, limit=0)
    if target.rows_arena is not None and ROWS in model.runs:
        found = None if rows is None else rows.arena_bytes
        yield Goal(what=f"{name}: arena, input by rows", found=found, limit=target.rows_arena)


def _work_goals(name: str, model: ModelResult, target: Figures, peers: Peers) -> Iterator[Goal]:
    for core, board in CORES.items():
        limit = getattr(target, core)
        if limit is not None and board in model.runs:
            counts = model.counts(board)
            found = None if counts is None else counts.instructions
            yield Goal(what=f"{name}: instructions on {TITLES[core]}", found=found, limit=limit)
    counts, lean, plain = model.counts(WHOLE), model.counts(SIZE), model.counts(LAYERS)
    if target.code is None or counts is None:
        return
    yield Goal(what=f"{name}: code", found=counts.code_bytes, limit=target.code)
    weights = model.model_weights_bytes
    yield Goal(
        what=f"{name}: weights over the model's", found=counts.weights_bytes / weights, limit=peers.goals.weights_speed
    )
    if lean is not None:
        what = f"{name}: weights over the model's, --optimize size"
        yield Goal(what=what, found=lean.weights_bytes / weights, limit=peers.goals.weights_size)
    if plain is not None:
        what = f"{name}: instructions over layer by layer"
        yield Goal(what=what, found=counts.instructions / plain.instructions, limit=peers.goals.streaming)


def _layer_goals(results: Results, peers: Peers) -> Iterator[Goal]:
    for name, layer in results.layers.items():
        for optimize in ("speed", "size"):
            limit = getattr(peers.layers[name].target, optimize) if name in peers.layers else None
            if limit is not None:
                what = f"layer {name}: instructions per multiply-accumulate, --optimize {optimize}"
                yield Goal(what=what, found=layer.per_mac(optimize), limit=limit)


def _mean_goals(results: Results, peers: Peers) -> Iterator[Goal]:
    limit = peers.goals.arena_ratio
    if results.models:
        found, count = ratio_32bit(results, peers)
        yield Goal(what=f"TFLM's arena over ours, {count} models, 32-bit", found=found, limit=limit, at_least=True)
    if results.arenas:
        found, count = ratio_64bit(results)
        yield Goal(what=f"TFLM's arena over ours, {count} models, 64-bit", found=found, limit=limit, at_least=True)
