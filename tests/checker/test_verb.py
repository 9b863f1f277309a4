"""`--certificate` and `tinyc check`: what they write, print and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyc import cli


def certified(digits: Path, folder: Path) -> Path:
    """The certificate that `tinyc analyze` writes."""
    written = folder / "digits.json"
    assert cli.run(["analyze", str(digits), "--board", "stm32f746", "--certificate", str(written)]) == 0
    return written


def test_a_certificate_that_holds(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = certified(digits, tmp_path)
    capsys.readouterr()
    assert cli.run(["check", str(written)]) == 0
    said = capsys.readouterr().out
    assert "the plan holds" in said and "replayed in order" in said
    assert f"{json.loads(written.read_text())['claims']['lower_bound_bytes']:,}" in said


def test_compile_writes_the_same(digits: Path, tmp_path: Path) -> None:
    written, other, out = certified(digits, tmp_path), tmp_path / "other.json", tmp_path / "out"
    command = ["compile", str(digits), "--board", "stm32f746", "--out", str(out), "--certificate", str(other)]
    assert cli.run(command) == 0
    assert written.read_text() == other.read_text() == (out / "certificate.json").read_text()


def test_a_certificate_that_does_not(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = certified(digits, tmp_path)
    document = json.loads(written.read_text())
    document["schedule"][-1]["loops"][-1]["sources"][0]["offset"] += 4
    written.write_text(json.dumps(document))
    capsys.readouterr()
    assert cli.run(["check", str(written)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("tinyc: layer ") and said.count("\n") == 1


def test_no_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_bytes(b"\xff\x00")
    assert cli.run(["check", str(tmp_path / "x")]) == 3
    assert capsys.readouterr().err == "tinyc: not a certificate of tinyc: it is not JSON.\n"


def test_a_place_that_cannot_be_written(digits: Path, tmp_path: Path) -> None:
    assert cli.run(["analyze", str(digits), "--certificate", str(tmp_path / "no" / "x.json")]) == 2
