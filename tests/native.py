"""Runs programs natively, several in one executable, under sanitizers, each with its arenas in blocks of the exact size.

Every program's units are included into one translation unit, with the schedule's calls of layer functions going through the
probe, so that one compilation gives outputs and the CRC of every row.  clang compiles this three times as fast as gcc; gcc links,
because its sanitizers' libraries come with it.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tinyc.build import harness_sources
from tinyc.emit import emit
from tinyc.ir.types import Array
from tinyc.lower import Program
from tinyc.paths import CODEGEN, FIRMWARE

HERE = Path(__file__).parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FAST_SANITIZERS = (*SANITIZERS, "-fno-sanitize=null,object-size,function")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
SECONDS = 300
GLUE = ("nothing", "wrapped_nothing", "tinyc_probe_empty")
"""What every program's probe.c defines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one program computed on one sample: outputs in the program's order, (layer, CRC-32) of every layer call."""

    outputs: tuple[Array, ...]
    rows: tuple[tuple[int, int], ...]


def has_compiler() -> bool:
    return shutil.which("gcc") is not None


def run_native(
    programs: Sequence[Program], samples: Sequence[Mapping[str, Array]], folder: Path, *, optimize: str = "-O0"
) -> list[list[Ran]]:
    """For every program, what it computes on each sample (values by input name).

    The programs must have different prefixes.  AssertionError where the compiler warns, a sanitizer finds something or a program fails.
    """
    executable = build_native(programs, folder, optimize=optimize)
    fed = b"".join(
        b"+" + b"".join(np.ascontiguousarray(sample[port.name]).tobytes() for port in program.inputs)
        for sample in samples
        for program in programs
    )
    answer = _call([str(executable)], folder, fed)
    return _answers(programs, len(samples), answer)


def build_native(programs: Sequence[Program], folder: Path, *, optimize: str = "-O0") -> Path:
    """The executable that runs them."""
    (folder / "programs.c").write_text(_everything(programs, folder), encoding="utf-8")
    runner = _runner(folder.parent)
    compiler = ("clang-19", *FAST_SANITIZERS) if shutil.which("clang-19") else ("gcc", *SANITIZERS)
    common = ("-g1", "-std=c99", optimize, *WARNINGS, *_includes())
    _call([*compiler, *common, "-c", "programs.c", "-o", "programs.o"], folder)
    _call(["gcc", *SANITIZERS, "programs.o", str(runner), "-o", "programs"], folder)
    return folder / "programs"


@lru_cache(maxsize=8)
def _runner(folder: Path) -> Path:
    """The compiled main program, once for all executables below `folder`."""
    output = folder / "native_runner.o"
    common = ("-g1", "-std=c99", *SANITIZERS, *_includes())
    _call(["gcc", *common, "-O1", "-c", str(HERE / "native_runner.c"), "-o", str(output)], folder)
    return output


def _includes() -> tuple[str, ...]:
    return (f"-I{CODEGEN / 'kernels'}", f"-I{FIRMWARE / 'harness'}", "-I.")


def _everything(programs: Sequence[Program], folder: Path) -> str:
    lines = []
    for number, program in enumerate(programs):
        tree = emit(program)
        files = {**tree.files, **harness_sources(program)}
        prefix = program.prefix
        for name, text in files.items():
            if not name.startswith("kernels/"):
                path = folder / prefix / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        lines += [f'#include "{prefix}/{prefix}_weights.c"', f'#include "{prefix}/{prefix}_layers.c"']
        lines += [f"#define __real_{layer.symbol} {layer.symbol}" for layer in program.layers]
        lines += [line for name in GLUE for line in (f"#undef {name}", f"#define {name} {name}_{number}")]
        lines += [f'#include "{prefix}/harness/probe.c"']
        lines += [f"#define {layer.symbol} __wrap_{layer.symbol}" for layer in program.layers]
        lines += [f'#include "{prefix}/{prefix}.c"', *_entry(number, program)]
    entries = ", ".join(f"&entry_{number}" for number in range(len(programs)))
    lines += [
        f"const tinyc_entry *const programs[] = {{{entries}}};",
        f"const uint32_t program_count = {len(programs)};",
    ]
    declared = [
        '#include "tinyc_harness.h"',
        "extern const tinyc_entry *const programs[];",
        "extern const uint32_t program_count;",
    ]
    return "\n".join([*declared, *lines]) + "\n"


def _entry(number: int, program: Program) -> list[str]:
    """What the runner sees of one program."""
    prefix = program.prefix
    arenas = ", ".join(f"arenas[{k}], bytes[{k}]" for k in range(len(program.arenas)))
    fields = {
        "name": f'"{prefix}"',
        "sha256": '""',
        "arena_count": len(program.arenas),
        "arena_bytes": f"{prefix}_arena_sizes",
        "arena_align": program.arena_align,
        "layer_count": len(program.layers),
        "input_count": len(program.inputs),
        "output_count": len(program.outputs),
        "input_bytes": f"{prefix}_input_sizes",
        "output_bytes": f"{prefix}_output_sizes",
        "init": f"{prefix}_entry_init",
        "run": f"{prefix}_entry_run",
        "input": f"{prefix}_entry_input",
        "output": f"{prefix}_entry_output",
    }
    return [
        f"static {prefix}_t {prefix}_model;",
        f"static int {prefix}_entry_init(void *const *arenas, const uint32_t *bytes)",
        f"{{ return {prefix}_init(&{prefix}_model, {arenas}); }}",
        f"static const uint32_t {prefix}_arena_sizes[] = {{{', '.join(str(each.bytes) for each in program.arenas)}}};",
        f"static int {prefix}_entry_run(void) {{ return {prefix}_run(&{prefix}_model); }}",
        f"static void *{prefix}_entry_input(unsigned index) {{ return {prefix}_input(&{prefix}_model, index); }}",
        f"static const void *{prefix}_entry_output(unsigned index) {{ return {prefix}_output(&{prefix}_model, index); }}",
        *(
            f"static const uint32_t {prefix}_{way}_sizes[] = {{{', '.join(str(port.tensor.bytes) for port in ports)}}};"
            for way, ports in (("input", program.inputs), ("output", program.outputs))
        ),
        f"static const tinyc_entry entry_{number} = {{{', '.join(f'.{key} = {value}' for key, value in fields.items())}}};",
    ]


def _answers(programs: Sequence[Program], samples: int, answer: bytes) -> list[list[Ran]]:
    found: list[list[Ran]] = [[] for _ in programs]
    at = 0
    for _ in range(samples):
        for number, program in enumerate(programs):
            (calls,) = struct.unpack_from("<I", answer, at)
            numbers = struct.unpack_from(f"<{2 * calls}I", answer, at + 4)
            at += 4 + 8 * calls
            outputs = []
            for port in program.outputs:
                tensor = port.tensor
                flat = np.frombuffer(answer, tensor.dtype.numpy, tensor.elements, at)
                outputs.append(flat.reshape(tensor.shape))
                at += tensor.bytes
            rows = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            found[number].append(Ran(outputs=tuple(outputs), rows=rows))
    assert at == len(answer), "the programs answered more than they were asked"
    return found


def _call(command: Sequence[str], folder: Path, fed: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=fed, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").splitlines()
        raise AssertionError(
            "\n".join((f"{command[0]} failed ({done.returncode}):", *(line[:300] for line in said[:40])))
        )
    return done.stdout
