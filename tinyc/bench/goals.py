"""What tinyc is out to reach, against what was measured: one sentence a goal, met or not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tinyc.bench.bench import M4, M7, M55
from tinyc.bench.measure import Setting
from tinyc.bench.peers import Figures, PeerModel, Peers
from tinyc.bench.peers import Goals as Common
from tinyc.bench.results import Counts, ModelResult, Results

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
    return of(counts, "arena_bytes")


def _model_goals(results: Results, peers: Peers) -> Iterator[Goal]:
    for name, peer in peers.models.items():
        model = results.models.get(name)
        if model is None:
            continue
        for core, board in CORES.items():
            if board in model.runs:
                for goal in _core_goals(model.counts(board), core, peer, peers.goals):
                    yield replace(goal, what=f"{name} on {TITLES[core]}: {goal.what}")
        for goal in _choice_goals(model, peer.target, peers.goals):
            yield replace(goal, what=f"{name}: {goal.what}")


def _core_goals(counts: Counts | None, core: str, peer: PeerModel, common: Common) -> Iterator[Goal]:
    target, theirs = peer.target, peer.tflm.arena or peer.tflm.arena_64bit
    instructions = getattr(target, core)
    if instructions is not None:
        yield Goal(what="instructions", found=of(counts, "instructions"), limit=instructions)
    if target.arena is not None:
        yield Goal(what="arena", found=of(counts, "arena_bytes"), limit=target.arena)
        yield Goal(what="stack", found=of(counts, "stack_bytes"), limit=common.stack)
        yield Goal(what="static data", found=of(counts, "static_bytes"), limit=0)
    elif theirs is not None:
        yield Goal(what="arena, against TFLM's", found=of(counts, "arena_bytes"), limit=theirs)
    if target.code is not None:
        yield Goal(what="code", found=of(counts, "code_bytes"), limit=target.code)


def _choice_goals(model: ModelResult, target: Figures, common: Common) -> Iterator[Goal]:
    """Weights, input by rows and streaming, all on Cortex-M4."""
    if target.rows_arena is not None and ROWS in model.runs:
        yield Goal(what="arena, input by rows", found=of(model.counts(ROWS), "arena_bytes"), limit=target.rows_arena)
    if target.code is None:
        return
    ours, lean, plain = model.counts(WHOLE), model.counts(SIZE), model.counts(LAYERS)
    weights = model.model_weights_bytes
    if ours is not None:
        yield Goal(what="weights over the model's", found=ours.weights_bytes / weights, limit=common.weights_speed)
    if lean is not None:
        what = "weights over the model's, --optimize size"
        yield Goal(what=what, found=lean.weights_bytes / weights, limit=common.weights_size)
    if ours is not None and plain is not None:
        what = "instructions over layer by layer"
        yield Goal(what=what, found=ours.instructions / plain.instructions, limit=common.streaming)


def of(counts: Counts | None, name: str) -> int | None:
    """One of the counts, None where there are none."""
    return None if counts is None else int(getattr(counts, name))


def _layer_goals(results: Results, peers: Peers) -> Iterator[Goal]:
    for name, layer in results.layers.items():
        for optimize, key in (("speed", WHOLE), ("size", SIZE)):
            limit = getattr(peers.layers[name].target, optimize) if name in peers.layers else None
            if limit is not None and key in layer.instructions:
                what = f"layer {name}: instructions per multiply-accumulate, --optimize {optimize}"
                yield Goal(what=what, found=layer.per_mac(key), limit=limit)


def _mean_goals(results: Results, peers: Peers) -> Iterator[Goal]:
    limit = peers.goals.arena_ratio
    if results.models:
        found, count = ratio_32bit(results, peers)
        yield Goal(what=f"TFLM's arena over ours, {count} models, 32-bit", found=found, limit=limit, at_least=True)
    if results.arenas:
        found, count = ratio_64bit(results)
        yield Goal(what=f"TFLM's arena over ours, {count} models, 64-bit", found=found, limit=limit, at_least=True)
        above = sum((each.arena_bytes or 0) > each.tflm_arena_bytes for each in results.arenas.values())
        yield Goal(what="models above TFLM's arena, 64-bit", found=above, limit=0)
