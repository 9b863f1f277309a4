"""Flashing: the right tool with the right words, and one sentence when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc.board import load
from tinyc.errors import TargetFault, ToolMissing, UsageError
from tinyc.run.flash import command_line, flash


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    path = tmp_path / "my firmware.elf"
    path.write_bytes(b"\x7fELF")
    return path


def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv(f"TINYC_{name.upper()}", str(path))


def test_openocd(elf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, monkeypatch, "openocd", f'printf "%s\\n" "$@" > {tmp_path}/words')
    assert flash(load("stm32f746"), elf) == "openocd"
    assert (tmp_path / "words").read_text().splitlines() == [
        "-f",
        "board/stm32f746g-disco.cfg",
        "-c",
        f"program {{{elf}}} verify reset exit",
    ]


def test_pyocd_where_openocd_is_missing(elf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYC_OPENOCD", "/nowhere")
    tool(tmp_path, monkeypatch, "pyocd", "exit 0")
    assert command_line(load("nrf52840"), elf)[1:] == ["load", "-W", "-t", "nrf52840", str(elf)]
    with pytest.raises(ToolMissing, match="TINYC_OPENOCD is /nowhere"):
        command_line(load("stm32f746"), elf)


def test_no_probe(elf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, monkeypatch, "openocd", "echo Open On-Chip Debugger >&2; echo Error: open failed >&2; exit 1")
    with pytest.raises(TargetFault, match="openocd could not flash stm32f746: Error: open failed"):
        flash(load("stm32f746"), elf)


def test_no_firmware(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no firmware at"):
        flash(load("stm32f746"), tmp_path / "none.elf")


def test_a_board_without_flash(elf: Path) -> None:
    with pytest.raises(UsageError, match="host has no flash to program"):
        flash(load("host"), elf)
