"""The tables and the goals: ours beside the peers', word for word where a person would look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from made import COUNTS, KWS, results
from rich.console import RenderableType

from tinyc.bench import (
    bench_tables,
    calibration_tables,
    change_tables,
    prediction_tables,
    profile_tables,
    read_peers,
)
from tinyc.bench.goals import goals, ratio_32bit, ratio_64bit
from tinyc.bench.results import LayerCount, Results
from tinyc.report import plain_text
from tinyc.run.classes import ClassCounts

PEERS = read_peers()


def text(found: Results) -> str:
    return "".join(plain_text(part) for part in bench_tables(found, PEERS))


def line(found: Results, *start: str) -> list[str]:
    """The words of the first line that begins with these."""
    return next(words for words in map(str.split, text(found).splitlines()) if words[: len(start)] == list(start))


def test_sram_is_shown_beside_target_and_tflm() -> None:
    assert line(results(), KWS, "6,516")[1:] == ["6,516", "6,800", "met", "-", "492", "0", "7,008", "22,820", "3.5"]


def test_instructions_are_shown_for_every_core_that_ran() -> None:
    assert line(results(), KWS, "M4")[1:] == ["M4", "3,288,537", "1.24", "3,800,000", "met", "7,699,234", "2.3"]
    assert line(results(), "M7")[1:] == ["-", "-", "3,800,000", "not", "met", "7,645,039", "-"]
    assert ["M55"] not in [words[:1] for words in map(str.split, text(results()).splitlines())]


def test_weights_are_held_against_the_model_s() -> None:
    assert line(results(), KWS, "13,864")[-6:] == ["37,441", "24,908", "1.50", "13,864", "30,000", "1.20"]


def test_a_layer_that_came_out_differently_has_no_figure() -> None:
    assert line(results(), "dense")[2:] == ["1.01", "1.05", "met", "-", "1.95", "1.94", "-", "0.49", "-"]


def test_means_say_over_how_many_models() -> None:
    ratio, count = ratio_32bit(results(), PEERS)
    assert (ratio, count) == (pytest.approx(22_820 / 6_516), 1)
    assert ratio_64bit(results()) == (pytest.approx(4.0), 1)
    assert "  4.00 over the 1 int8 models of the collection that deploy, 64-bit build\n" in text(results())
    assert "  1 more do not deploy:\n    other\n" in text(results())


def test_what_is_not_equal_is_listed_but_not_what_is_impossible() -> None:
    assert f"{KWS} on stm32f746: 4 values and 0 rows differ" in text(results())
    assert "one row" not in text(results())


def test_missed_goals_are_named() -> None:
    missed = {goal.what for goal in goals(results(), PEERS) if not goal.met}
    assert f"{KWS} on M7: instructions" in missed
    assert f"{KWS}: weights over the model's, --optimize size" in missed
    assert f"{KWS} on M4: arena" not in missed
    assert f"{KWS} on M4: arena" in {goal.what for goal in goals(results(), PEERS)}
    assert {goal.what for goal in goals(results(replace(COUNTS, arena_bytes=7_000)), PEERS) if not goal.met} >= {
        f"{KWS} on M4: arena"
    }


def test_no_results_make_no_goals() -> None:
    assert goals(Results(), PEERS) == ()


def test_what_is_worse_is_listed_in_full_and_what_is_better_in_part() -> None:
    worse, better = change_tables([f"{n} is worse" for n in range(50)], [f"{n} is better" for n in range(50)])
    assert len(plain_text(worse).splitlines()) == 52
    assert plain_text(better).splitlines()[-2] == "  and 38 more; --update writes them down"


def test_changes_are_listed_only_where_there_are_some() -> None:
    assert change_tables((), ()) == ()
    (only,) = change_tables(("kws: more",), ())
    assert plain_text(only) == "Worse than recorded\n  kws: more\n\n"


def counted(index: int, kernel: str, predicted: int, instructions: int) -> LayerCount:
    kinds = ClassCounts(loads=instructions, stores=0, multiplies=instructions, branches=0, other=2 * instructions)
    board = "mps2_an386"
    return LayerCount(
        model=KWS,
        board=board,
        index=index,
        kernel=kernel,
        macs=500,
        predicted=predicted,
        instructions=instructions,
        classes=kinds,
    )


LAYER_COUNTS = (
    counted(0, "stem", 1_000_000, 1_100_000),
    counted(1, "dense", 1_000_000, 2_000_000),
    counted(2, "softmax", 10, 500),
)


def words(tables: Sequence[RenderableType]) -> list[list[str]]:
    return [row.split() for row in "".join(map(plain_text, tables)).splitlines()]


def test_predictions_that_are_off_are_named() -> None:
    found = results()
    runs = {key: replace(run, predicted=2_000_010) for key, run in found.models[KWS].runs.items()}
    models = {KWS: replace(found.models[KWS], runs=runs)}
    tables = prediction_tables(LAYER_COUNTS, replace(found, models=models))
    shown = "".join(map(plain_text, tables))
    assert f"{KWS} layer 1 dense: predicted 1,000,000, counted 2,000,000 (-50%)" in shown
    assert f"{KWS} layer 2" not in shown, "below one percent of the model"
    assert [KWS, "3", "2,000,010", "3,288,537", "1.644", "off"] in words(tables)


def test_calibration_gives_each_kernel_its_factor() -> None:
    rows = words(calibration_tables(LAYER_COUNTS))
    assert ["stem", "1", "1,000,000", "1,100,000", "1.100"] in rows
    assert ["dense", "1", "1,000,000", "2,000,000", "2.000", "off"] in rows


def test_a_profile_lists_every_layer_with_the_kinds_of_its_instructions() -> None:
    shares = ["25%", "0%", "25%", "0%", "50%"]
    assert ["2", "softmax", "500", "500", "0.0%", "1.00", "10", *shares] in words(profile_tables(LAYER_COUNTS))
