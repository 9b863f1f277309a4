"""Compile and link: flags per core, many compilations at once, one sentence when the compiler fails."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tinyc.board import Board
from tinyc.build import tools
from tinyc.errors import DoesNotFit, ToolMissing

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
COMMON = ("-O2", "-ffunction-sections", "-fdata-sections", "-fno-common", "-g0")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
COMPILED_AS = {"cortex-m85": "cortex-m55"}
"""Cores that gcc 12 does not know, as those with the same instruction set that it does."""
COMPILE_TIMEOUT = 600.0
LIBRARY_MISSING = re.compile(r"(string|stdint)\.h: No such file|cannot find -l(c|gcc)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A compiler with the flags of one core.  `linker_flags` come before the objects, `libraries` after them."""

    compiler: str
    name: str
    flags: tuple[str, ...]
    linker_flags: tuple[str, ...]
    libraries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One compilation: a source, its object, the folders of its headers."""

    source: Path
    object: Path
    includes: tuple[Path, ...]
    flags: tuple[str, ...] = ()


def cross_toolchain(board: Board) -> Toolchain:
    """arm-none-eabi-gcc for the board's core."""
    core = (f"-mcpu={COMPILED_AS.get(board.core, board.core)}", "-mthumb")
    floating = (f"-mfpu={board.fpu}", "-mfloat-abi=hard") if board.fpu else ("-mfloat-abi=soft",)
    return Toolchain(
        compiler=tools.find(tools.ARM_GCC),
        name=tools.ARM_GCC.name,
        flags=(*STRICT, *COMMON, "-ffreestanding", *core, *floating),
        linker_flags=(
            *core,
            *floating,
            "-nostartfiles",
            "-static",
            "-Wl,--gc-sections",
            "-Wl,--build-id=none",
            "-Wl,--strip-debug",
        ),
        libraries=("-lc", "-lgcc"),
    )


def host_toolchain(*, sanitize: bool) -> Toolchain:
    """This computer's compiler."""
    sanitizers = SANITIZERS if sanitize else ()
    return Toolchain(
        compiler=tools.find(tools.HOST_CC),
        name=os.path.basename(tools.find(tools.HOST_CC)),
        flags=(*STRICT, *COMMON, *sanitizers),
        linker_flags=sanitizers,
        libraries=(),
    )


def compile_all(toolchain: Toolchain, units: Sequence[Unit]) -> None:
    """Compile every unit, as many at once as there are processors; no path shows in the objects."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for _ in pool.map(lambda unit: _compile(toolchain, unit), units):
            pass


def _compile(toolchain: Toolchain, unit: Unit) -> None:
    unit.object.parent.mkdir(parents=True, exist_ok=True)
    includes = [word for folder in unit.includes for word in ("-I", str(folder))]
    reproducible = f"-ffile-prefix-map={unit.source.parent}=."
    command = [toolchain.compiler, *toolchain.flags, *unit.flags, reproducible, *includes]
    _run([*command, "-c", str(unit.source), "-o", str(unit.object)], toolchain.name, unit.source.name)


def link(
    toolchain: Toolchain, objects: Sequence[Path], output: Path, *, script: Path | None = None, wrap: Sequence[str] = ()
) -> None:
    """Link objects in the given order; calls to the symbols in `wrap` go to `__wrap_SYMBOL`."""
    layout = [] if script is None else ["-T", str(script)]
    wraps = [f"-Wl,--wrap={symbol}" for symbol in wrap]
    command = [toolchain.compiler, *toolchain.linker_flags, *layout, *wraps, *map(str, objects), *toolchain.libraries]
    _run([*command, "-o", str(output)], toolchain.name, output.name)


def _run(command: Sequence[str], tool: str, what: str) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT, check=False)
    except OSError as error:
        raise ToolMissing(f"{tool} does not start: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise ToolMissing(f"{tool} did not finish {what} in {COMPILE_TIMEOUT:.0f} s.") from error
    if result.returncode == 0:
        return
    overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", result.stderr)
    if overflow:
        raise DoesNotFit(f"{what} needs {int(overflow.group(2)):,} B more of {overflow.group(1)} than the board has.")
    lines = result.stderr.splitlines() or ["no message"]
    first = next((line for line in lines if "error:" in line), lines[0])
    hint = f"Install its C library with: {tools.ARM_GCC.install_command}." if LIBRARY_MISSING.search(first) else ""
    raise ToolMissing(f"{tool} failed on {what}: {first.strip()}", hint=hint)
