"""The recorded counts: record.json in the repository, and what has got worse since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tinyc.bench.results import Outcome, Results, from_document, to_document
from tinyc.report.write import write_file

RECORD = Path(__file__).with_name("record.json")
TOLERANCE = 0.01
"""By how much of itself a count may rise before that is a failure."""
COMPARED = ("instructions", "arena_bytes", "peak_sram_bytes", "code_bytes", "weights_bytes")


def read_record(path: Path = RECORD) -> Results:
    """The recorded results; none where there is no record yet."""
    return from_document(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Results()


def write_record(results: Results, path: Path = RECORD) -> None:
    """Write the results down."""
    write_file(path, json.dumps(to_document(results), indent=1) + "\n")


def changes(recorded: Results, now: Results) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what has got worse, what has got better) by more than the tolerance, as sentences; only what both measured is compared."""
    found = [*_model_changes(recorded, now), *_layer_changes(recorded, now), *_arena_changes(recorded, now)]
    return tuple(text for worse, text in found if worse), tuple(text for worse, text in found if not worse)


Change = tuple[bool, str]


def _model_changes(recorded: Results, now: Results) -> Iterator[Change]:
    for name, model in now.models.items():
        for key, run in model.runs.items():
            before = recorded.models[name].runs.get(key) if name in recorded.models else None
            if before is not None:
                yield from _run_changes(f"{name} on {key}", before, run)


def _run_changes(where: str, before: Outcome, run: Outcome) -> Iterator[Change]:
    if before.equal and not run.equal:
        yield True, f"{where}: no longer equal: {run.verdict}"
    if run.equal and not before.equal:
        yield False, f"{where}: now equal"
    if before.counts is None or run.counts is None:
        return
    old, new = asdict(before.counts), asdict(run.counts)
    for name in COMPARED:
        yield from _count_change(f"{where}: {name}", old[name], new[name])


def _layer_changes(recorded: Results, now: Results) -> Iterator[Change]:
    for name, layer in now.layers.items():
        before = recorded.layers[name].instructions if name in recorded.layers else {}
        for key, count in layer.instructions.items():
            yield from _count_change(f"layer {name} on {key}: instructions", before.get(key), count)


def _arena_changes(recorded: Results, now: Results) -> Iterator[Change]:
    for name, arena in now.arenas.items():
        if name in recorded.arenas:
            yield from _count_change(f"{name}: arena_bytes", recorded.arenas[name].arena_bytes, arena.arena_bytes)


def _count_change(what: str, old: int | None, new: int | None) -> Iterator[Change]:
    if old is None or new is None:
        if old is not None:
            yield True, f"{what}: no longer measured; recorded {old:,}"
        return
    if abs(new - old) > TOLERANCE * old:
        yield new > old, f"{what}: {new:,}, recorded {old:,} ({(new - old) / max(old, 1):+.1%})"
