"""The record: what is written is read back, and a count that rises is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made import COUNTS, KWS, results

from tinyc.bench import changes, read_record, write_record
from tinyc.bench.results import ArenaResult, LayerResult, Outcome, Results, from_document, to_document


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_record(results(), tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == results()


def test_without_a_record_nothing_is_recorded(tmp_path: Path) -> None:
    assert read_record(tmp_path / "none.json") == Results()
    assert changes(Results(), results()) == ((), ())


def test_the_same_counts_are_no_change() -> None:
    assert changes(results(), results()) == ((), ())


@pytest.mark.parametrize("name", ["instructions", "arena_bytes", "peak_sram_bytes", "code_bytes", "weights_bytes"])
def test_a_count_may_rise_by_one_percent_and_no_further(name: str) -> None:
    once = getattr(COUNTS, name)
    just = replace(COUNTS, **{name: once + once // 100})
    more = replace(COUNTS, **{name: once + once // 100 + 1})
    assert changes(results(), results(just)) == ((), ())
    worse, better = changes(results(), results(more))
    assert f"{KWS} on mps2_an386: {name}: {once + once // 100 + 1:,}, recorded {once:,} (+1.0%)" in worse
    assert better == ()


def test_a_count_that_falls_is_better() -> None:
    worse, better = changes(results(), results(replace(COUNTS, instructions=3_000_000)))
    assert worse == ()
    assert f"{KWS} on mps2_an386: instructions: 3,000,000, recorded 3,288,537 (-8.8%)" in better


def test_a_model_that_stops_being_equal_is_worse() -> None:
    worse, _ = changes(results(), results(verdict="3 values and 1 rows differ"))
    assert f"{KWS} on mps2_an386: no longer equal: 3 values and 1 rows differ" in worse


def test_a_model_that_becomes_equal_is_better() -> None:
    _, better = changes(results(verdict="3 values and 1 rows differ"), results())
    assert f"{KWS} on mps2_an386: now equal" in better


def test_a_layer_that_gets_slower_or_unequal_is_worse() -> None:
    name = "dense 640->128"
    for count, text in ((90_000, "90,000, recorded 82,479 (+9.1%)"), (None, "no longer measured; recorded 82,479")):
        now = replace(results(), layers={name: LayerResult(macs=81_920, instructions={"mps2_an386": count})})
        assert changes(results(), now)[0] == (f"layer {name} on mps2_an386: instructions: {text}",)


def test_a_model_of_the_collection_that_deploys_no_more_is_worse() -> None:
    now = replace(results(), arenas={KWS: ArenaResult(verdict="a bug", arena_bytes=None, tflm_arena_bytes=24_000)})
    assert changes(results(), now)[0] == (f"{KWS}: arena_bytes: no longer measured; recorded 6,000",)


def test_what_was_not_measured_now_is_kept_in_the_record() -> None:
    m4 = Outcome(verdict="equal", counts=replace(COUNTS, instructions=1))
    newer = replace(
        results(), layers={}, arenas={}, models={KWS: replace(results().models[KWS], runs={"mps2_an386": m4})}
    )
    merged = results().updated(newer)
    assert merged.models[KWS].runs == {**results().models[KWS].runs, "mps2_an386": m4}
    assert merged.layers == results().layers
    assert merged.arenas == results().arenas


def test_the_repository_s_record_is_in_its_written_form() -> None:
    from tinyc.bench.record import RECORD

    document = json.loads(RECORD.read_text())
    assert to_document(from_document(document)) == document
