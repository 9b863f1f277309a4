"""Calibrating: the factors by which costs are corrected, from counts to the file and back into predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tinyc import cli
from tinyc.bench import check_calibration, refitted, write_calibration
from tinyc.bench.results import LayerCount
from tinyc.errors import UsageError
from tinyc.kernels import calibration, catalogue
from tinyc.kernels.calibration import CALIBRATION, best, factors, text
from tinyc.kernels.contract import Isa


def counted(
    predicted: int, instructions: int, *, kernel: str = "stem", model: str = "kws", board: str = "mps2_an386"
) -> LayerCount:
    return LayerCount(
        model=model, board=board, index=0, kernel=kernel, macs=1, predicted=predicted, instructions=instructions
    )


def test_a_factor_is_what_predictions_lack() -> None:
    layers = (
        counted(1_000, 1_100),
        counted(500, 400, kernel="dense"),
        counted(500, 460, kernel="add"),
        counted(5, 10, kernel="pad"),
        counted(10, 30, board="mps3_an547"),
    )
    before = {Isa.DSP: {"stem": 0.5, "softmax": 2.0}}
    after = refitted(before, layers)  # the cost of "add" is near enough, "pad" too small to matter
    assert after[Isa.DSP] == {"stem": pytest.approx(0.55), "softmax": 2.0, "dense": pytest.approx(0.8)}
    assert after[Isa.MVE] == {"stem": pytest.approx(3.0)}
    assert before == {Isa.DSP: {"stem": 0.5, "softmax": 2.0}}


def test_a_large_model_has_no_more_weight_than_a_small_one() -> None:
    layers = (counted(1_000_000, 2_000_000, model="large"), counted(100, 100, model="small"))
    assert refitted({}, layers)[Isa.DSP]["stem"] == pytest.approx(2 / 1.5)


def test_predictions_that_are_right_change_nothing() -> None:
    found = {Isa.DSP: {"stem": 0.87}}
    assert text(refitted(found, (counted(1_003, 1_000), counted(2_001, 2_002)))) == text(found)


def test_the_file_is_sorted_and_rounded_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_calibration({Isa.MVE: {"b": 1.239, "a": 0.5}, Isa.DSP: {"c": 1.0}}, path)
    assert path.read_text() == '{\n "dsp": {\n  "c": 1.0\n },\n "mve": {\n  "a": 0.5,\n  "b": 1.24\n }\n}\n'
    assert factors(path) == {Isa.MVE: {"a": 0.5, "b": 1.24}, Isa.DSP: {"c": 1.0}}
    factors.cache_clear()


def test_the_factors_that_ship_are_of_kernels_in_the_catalogue() -> None:
    names = {kernel.name for kernel in catalogue.ALL}
    assert set(factors()) == {Isa.DSP, Isa.MVE}
    for own in factors().values():
        assert set(own) <= names
        assert all(0.5 < factor < 2 for factor in own.values())
    assert CALIBRATION.read_text() == text(factors())


def test_the_kind_of_a_core() -> None:
    assert best([Isa.SCALAR]) is Isa.SCALAR
    assert best([Isa.SCALAR, Isa.DSP]) is Isa.DSP
    assert best([Isa.MVE, Isa.DSP, Isa.SCALAR]) is Isa.MVE


@pytest.fixture
def uncached() -> Iterator[None]:
    calibration.factors.cache_clear()
    catalogue.calibrated.cache_clear()
    yield
    calibration.factors.cache_clear()
    catalogue.calibrated.cache_clear()


def test_costs_are_corrected_where_the_core_was_measured(monkeypatch: pytest.MonkeyPatch, uncached: None) -> None:
    kernel = replace(catalogue.CHOICES[0], name="stem", cost=lambda op, operands: 1_000)
    other = replace(kernel, name="other")
    monkeypatch.setattr(catalogue, "CHOICES", (kernel, other))
    monkeypatch.setattr(catalogue, "factors", lambda: {Isa.DSP: {"stem": 1.25}})
    operation = (None, None)
    costs = {core: [row.cost(*operation) for row in catalogue.calibrated(core)] for core in Isa}  # type: ignore[arg-type]
    assert costs == {Isa.SCALAR: [1_000, 1_000], Isa.DSP: [1_250, 1_000], Isa.MVE: [1_000, 1_000]}
    assert catalogue.calibrated(Isa.DSP)[1] is other


def test_costs_of_compact_forms_are_corrected_too(monkeypatch: pytest.MonkeyPatch, uncached: None) -> None:
    """By what was counted of them, as refitting takes it; not by what was counted of the kernel that they stand for."""
    smaller = replace(catalogue.CHOICES[0], name="stem_compact", cost=lambda op, operands: 2_000, compact=None)
    kernel = replace(smaller, name="stem", cost=lambda op, operands: 1_000, compact=smaller)
    monkeypatch.setattr(catalogue, "CHOICES", (kernel,))
    for found, expected in (({"stem": 1.25}, (1_250, 2_000)), ({"stem_compact": 1.5}, (1_000, 3_000))):
        catalogue.calibrated.cache_clear()
        monkeypatch.setattr(catalogue, "factors", lambda own=found: {Isa.DSP: own})
        (row,) = catalogue.calibrated(Isa.DSP)
        assert row.compact is not None
        assert (row.cost(None, None), row.compact.cost(None, None)) == expected  # type: ignore[arg-type]
        layers = (counted(expected[0], 1_250, kernel="stem"), counted(expected[1], 3_000, kernel="stem_compact"))
        after = refitted({Isa.DSP: found}, layers)[Isa.DSP]
        assert after == {"stem": pytest.approx(1.25), "stem_compact": pytest.approx(1.5)}


def test_every_row_of_the_catalogue_stands_there_once() -> None:
    assert len(set(catalogue.ALL)) == len(catalogue.ALL)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        UsageError, match=r"--calibrate rewrites calibration.json in tinyc's own folder: The folder /proc"
    ):
        check_calibration(Path("/proc/calibration.json"))
    monkeypatch.setattr(check_calibration, "__defaults__", (Path("/proc/calibration.json"),))
    assert cli.run(["bench", "--models", str(tmp_path), "--calibrate", "--only", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("tinyc: --calibrate rewrites calibration.json")
