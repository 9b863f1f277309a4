"""The page: README.md shows the record, and the command that writes it changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made import KWS, results

from tinyc import cli
from tinyc.bench import markdown, read_peers, read_record, write_page
from tinyc.bench.goals import goals
from tinyc.bench.page import BEGIN, BLOCK, END
from tinyc.bench.results import Results

PEERS = read_peers()


def test_readme_s_tables_are_the_record(root: Path) -> None:
    (shown,) = BLOCK.findall((root / "README.md").read_text())
    assert shown == markdown(read_record(), PEERS), "tinyc bench --recorded --page README.md"


def test_every_model_has_a_row_in_each_table() -> None:
    rows = [line for line in markdown(read_record(), PEERS).splitlines() if line.startswith("|")]
    assert all(sum(row.startswith(f"| {name} |") for row in rows) == 3 for name in PEERS.models)


def test_the_figures_are_written_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}\nafter\n")
    write_page(page, results(), PEERS)
    write_page(page, results(), PEERS)
    assert page.read_text() == f"before\n{BEGIN}{markdown(results(), PEERS)}{END}\nafter\n"


def test_a_row_holds_ours_beside_the_peers() -> None:
    rows = [line for line in markdown(results(), PEERS).splitlines() if KWS in line]
    assert rows == [
        f"| {KWS} | 6,516 | 6,800 |  |  | 492 | 0 | 22,820 | 3.5 |",
        f"| {KWS} | 3,288,537 | 7,699,234 |  | 7,645,039 |  |  | 1,815,135 |",
        f"| {KWS} | 13,864 | 53,072 | 1.50 | 13,864 | 1.20 | 3,400,000 |",
    ]


def test_what_the_mean_leaves_out_is_said_with_the_reason() -> None:
    found = results()
    assert "\n4.00 times over 1 of the 2 int8 models of the collection that TFLM runs (" in markdown(found, PEERS)
    assert "\n1 more do not deploy, for operators that are not supported, such as SVDF.\n" in markdown(found, PEERS)
    differs = replace(found.arenas["other"], verdict="4 values and 0 rows differ")
    unequal = replace(found, arenas={**found.arenas, "third": differs})
    assert "\n1 more do not, for other reasons; `tinyc bench --recorded` names them.\n" in markdown(unequal, PEERS)
    everything = replace(found, arenas={KWS: found.arenas[KWS]})
    assert " more do not" not in markdown(everything, PEERS)


def test_the_limits_that_are_missed_are_named_elsewhere_only_where_there_are_some() -> None:
    met, of = _limits(results())
    assert met < of and markdown(results(), PEERS).endswith(
        f"Limits met: {met} of {of}; `tinyc bench --recorded` names the others.\n\n"
    )
    small = replace(results().arenas[KWS], tflm_arena_bytes=60_000)
    few = replace(results(), layers={}, models={}, arenas={KWS: small})
    met, of = _limits(few)
    assert met == of and markdown(few, PEERS).endswith(f"Limits met: {met} of {of}.\n\n")


def _limits(found: Results) -> tuple[int, int]:
    every = goals(found, PEERS)
    return sum(goal.met for goal in every), len(every)


def test_a_page_without_markers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    assert cli.run(["bench", "--recorded", "--page", str(page)]) == 2
    assert capsys.readouterr().err.startswith(f"tinyc: {page} has no lines <!-- bench")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_page_that_cannot_be_read_is_refused(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    if content is not None:
        page.write_bytes(content)
    assert cli.run(["bench", "--recorded", "--page", str(page)]) == 2
    assert capsys.readouterr().err == f"tinyc: {page} is no page of text that can be read. Name a Markdown file.\n"


def test_the_recorded_figures_are_written_without_measuring(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((root / "README.md").read_text())
    assert cli.run(["bench", "--recorded", "--page", str(page)]) == 0
    assert page.read_text() == (root / "README.md").read_text()
