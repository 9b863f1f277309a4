"""The programs that tinyc starts: where they are, what they are for, how to install them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from tinyc.errors import ToolMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that tinyc can use; `variable` is the environment variable that points elsewhere."""

    name: str
    variable: str
    needed_for: str
    install_command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What was found of a program; `path` and `version` are None where it is missing or does not start."""

    name: str
    path: str | None
    version: str | None
    needed_for: str
    install_command: str


ARM_GCC = Program(
    name="arm-none-eabi-gcc",
    variable="TINYC_GCC",
    needed_for="building firmware for Cortex-M boards",
    install_command="apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
)
QEMU_ARM = Program(
    name="qemu-system-arm",
    variable="TINYC_QEMU",
    needed_for="running firmware without a board",
    install_command="apt-get install qemu-system-arm",
)
HOST_CC = Program(
    name="cc",
    variable="TINYC_CC",
    needed_for="--on host, the board host, and kinds of instructions",
    install_command="apt-get install gcc",
)
OPENOCD = Program(
    name="openocd",
    variable="TINYC_OPENOCD",
    needed_for="flashing a board",
    install_command="apt-get install openocd",
)
PYOCD = Program(
    name="pyocd",
    variable="TINYC_PYOCD",
    needed_for="flashing boards that pyOCD knows",
    install_command="pip install pyocd",
)
PROGRAMS = (ARM_GCC, QEMU_ARM, HOST_CC, OPENOCD, PYOCD)


def find(program: Program) -> str:
    """The path of a program, or ToolMissing that says how to install it."""
    chosen = os.environ.get(program.variable, "")
    path = shutil.which(chosen or program.name)
    if path is not None:
        return path
    what = f"{program.variable} is {chosen}, which is no program" if chosen else f"{program.name} is not installed"
    raise ToolMissing(
        f"{what}; it is needed for {program.needed_for}.",
        hint=f"Install it with: {program.install_command} (or set {program.variable} to its path).",
    )


def tools() -> list[Tool]:
    """Every program and whether it is there, for `tinyc doctor`."""
    return [_probe(program) for program in PROGRAMS]


def _probe(program: Program) -> Tool:
    try:
        path: str | None = find(program)
    except ToolMissing:
        path = None
    return Tool(
        name=program.name,
        path=path,
        version=_version(path) if path else None,
        needed_for=program.needed_for,
        install_command=program.install_command,
    )


def _version(path: str) -> str | None:
    try:
        result = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\d+(\.\d+)+", re.sub(r"\([^)]*\)", "", result.stdout + result.stderr))
    return found.group(0) if found else None
