"""Write an image into a board's flash, by OpenOCD or pyOCD, whichever the board names and this computer has."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tinyc.board import Board
from tinyc.build.tools import OPENOCD, PYOCD, find
from tinyc.errors import TargetFault, ToolMissing, UsageError

TIMEOUT = 180.0


def flash(board: Board, elf: Path) -> str:
    """Program, verify and reset; returns the name of the tool that did it."""
    if not elf.is_file():
        raise UsageError(f"there is no firmware at {elf}.", hint="Run tinyc deploy with --out first.")
    command = command_line(board, elf)
    tool = Path(command[0]).name
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except OSError as error:
        raise ToolMissing(f"{tool} does not start: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise TargetFault(f"{tool} did not finish flashing {board.name} in {TIMEOUT:.0f} s.") from error
    if result.returncode != 0:
        raise TargetFault(f"{tool} could not flash {board.name}: {_reason(result.stderr + result.stdout)}")
    return tool


def command_line(board: Board, elf: Path) -> Sequence[str]:
    """What flashes `elf`; ToolMissing where the board's tools are not installed."""
    if not board.programmer:
        raise UsageError(f"{board.name} has no flash to program.", hint="Use --on qemu or --on host.")
    missing: list[ToolMissing] = []
    for program, words in (
        (OPENOCD, ["-f", board.programmer.get("openocd", ""), "-c", f"program {{{elf}}} verify reset exit"]),
        (PYOCD, ["load", "-W", "-t", board.programmer.get("pyocd", ""), str(elf)]),
    ):
        if program.name not in board.programmer:
            continue
        try:
            return [find(program), *words]
        except ToolMissing as error:
            missing.append(error)
    raise missing[0]


def _reason(output: str) -> str:
    """The line that says what went wrong, or the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if "error" in line.lower()), lines[-1])
