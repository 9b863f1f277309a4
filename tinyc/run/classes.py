"""What kinds of instructions a layer executes: loads, stores, products, branches; counted in QEMU by the plugin in emulation/classes.

The plugin is compiled on the spot.  It attributes every block that runs to the layer whose function was entered last; what the C library
does for a layer is the layer's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from tinyc.build import Firmware, tools
from tinyc.build.sizes import symbols, undefined_symbols
from tinyc.errors import ToolMissing
from tinyc.ir.types import Array
from tinyc.paths import EMULATION

SOURCE = EMULATION / "classes" / "plugin.c"
FLAGS = ("-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")
UNDERSTOOD = (6, 7, 8)
"""Major versions of QEMU whose plugin interface is the one that the plugin speaks."""
OUTSIDE = ("init", "input", "output")
"""Functions of the model's interface that are no part of an inference."""
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """Executed instructions by class, in the plugin's order."""

    loads: int
    stores: int
    multiplies: int
    branches: int
    other: int

    @property
    def total(self) -> int:
        return sum(astuple(self))


CLASSES = tuple(each.name for each in fields(ClassCounts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """One inference: each layer by its index, and the schedule around them."""

    layers: tuple[ClassCounts, ...]
    schedule: ClassCounts

    @property
    def total(self) -> int:
        return self.schedule.total + sum(layer.total for layer in self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounter:
    """The plugin, ready for one run of one image; `options` are for QEMU's command line."""

    plugin: Path
    map: Path
    out: Path
    layers: int

    @property
    def options(self) -> tuple[str, str]:
        return "-plugin", f"file={self.plugin},map={self.map},out={self.out}"

    def counts(self) -> Classes:
        """What has been counted."""
        counts = np.fromfile(self.out, dtype=np.uint64).reshape(-1, len(CLASSES))
        *layers, schedule = map(_named, counts[: self.layers + 1])
        return Classes(layers=tuple(layers), schedule=schedule)


def unavailable() -> str | None:
    """Why instructions cannot be told apart here, None where they can."""
    try:
        qemu = tools.find(tools.QEMU_ARM)
        tools.find(tools.HOST_CC)
    except ToolMissing as missing:
        return missing.message
    said = _output([qemu, "--version"])
    version = re.search(r"version (\d+)", said)
    if version is None or int(version[1]) not in UNDERSTOOD:
        return f"{qemu} is not QEMU {UNDERSTOOD[0]} to {UNDERSTOOD[-1]}."
    if "-plugin" not in _output([qemu, "--help"]):
        return f"{qemu} was built without plugins."
    return None


def class_counter(firmware: Firmware, folder: Path) -> ClassCounter:
    """The counter of the firmware's plain image; its files are in `folder`."""
    return prepare(_owners(firmware), layers=len(firmware.tree.program.layers), folder=folder)


def prepare(owners: Iterable[tuple[int, int, int]], *, layers: int, folder: Path) -> ClassCounter:
    """Compile the plugin for functions (first address, end, owner): a layer, `layers` for the schedule, `layers + 1` for all else."""
    counter = ClassCounter(plugin=folder / "classes.so", map=folder / "functions", out=folder / "counts", layers=layers)
    _compile(counter.plugin)
    lines = (f"{first:x} {end:x} {owner}\n" for first, end, owner in owners)
    counter.map.write_text("".join(lines), encoding="utf-8")
    counter.out.write_bytes(bytes(8 * len(CLASSES) * (layers + 2)))
    return counter


def _owners(firmware: Firmware) -> Iterator[tuple[int, int, int]]:
    """(first address, end, owner) of functions: a layer's index, then the schedule, then what is not the model's.

    Functions of a layer's kernel, and those that the model asks of the C library, have no owner: they work for their caller.
    """
    program = firmware.tree.program
    unit = f"{program.prefix}.o"
    called = {name for path in firmware.model_objects if path.name != unit for name in _names(path)}
    owners = {layer.symbol: layer.index for layer in program.layers}
    schedule, others = len(owners), len(owners) + 1
    for path in firmware.model_objects:
        if path.name == unit:
            called |= undefined_symbols(path)
            owners |= {name: schedule for _, _, name in symbols(path)}
    owners |= {f"{program.prefix}_{name}": others for name in OUTSIDE}
    for address, size, name in symbols(firmware.run_elf):
        if name in owners or name not in called:
            yield address, address + size, owners.get(name, others)


def _names(path: Path) -> set[str]:
    """The functions that an object defines or asks for."""
    return {name for _, _, name in symbols(path)} | undefined_symbols(path)


def _named(counts: Array) -> ClassCounts:
    return ClassCounts(**dict(zip(CLASSES, counts.tolist(), strict=True)))


def _compile(target: Path) -> None:
    command = [tools.find(tools.HOST_CC), *FLAGS, str(SOURCE), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode:
        raise ToolMissing(f"{command[0]} does not compile {SOURCE.name}: {(done.stderr.splitlines() or [''])[0]}.")


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    return done.stdout + done.stderr
