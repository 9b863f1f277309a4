"""What becomes of corrupted programs when they run: the schedules of many, around one copy of the layers, each in a process of its own.

Arenas are of the exact size, end at a page that faults, and are filled with noise; every row that a layer makes is summed up, so that a
wrong row shows even where the outputs do not care.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tinyc.emit import emit
from tinyc.ir.types import Array
from tinyc.lower import Program

HERE = Path(__file__).parent
SECONDS = 120
RIGHT, WRONG, FAULT = "right", "wrong", "fault"


def fates(
    program: Program, corrupted: Sequence[Program], samples: Sequence[Mapping[str, Array]], folder: Path
) -> list[str]:
    """For each corrupted program, what it does that `program` does not: RIGHT (nothing), WRONG values, or a FAULT."""
    executable = _build(program, corrupted, folder)
    fed = b"".join(np.ascontiguousarray(sample[port.name]).tobytes() for sample in samples for port in program.inputs)
    answer = _call([str(executable), str(len(samples))], folder, fed)
    size = len(answer) // (len(corrupted) + 1)
    answers = [answer[number * size : (number + 1) * size] for number in range(len(corrupted) + 1)]
    assert answers[0][0] == 0, "the program itself fails"
    return [FAULT if each[0] else RIGHT if each == answers[0] else WRONG for each in answers[1:]]


def outputs(program: Program, samples: Sequence[Mapping[str, Array]], folder: Path) -> list[tuple[Array, ...]]:
    """What the program computes on each sample."""
    executable = _build(program, (), folder)
    fed = b"".join(np.ascontiguousarray(sample[port.name]).tobytes() for sample in samples for port in program.inputs)
    answer = _call([str(executable), str(len(samples))], folder, fed)
    assert answer[0] == 0, "the program fails"
    at = 1 + 8 * len(program.layers) * len(samples)
    found = []
    for _ in samples:
        each = []
        for port in program.outputs:
            flat = np.frombuffer(answer, port.tensor.dtype.numpy, port.tensor.elements, at)
            each.append(flat.reshape(port.tensor.shape))
            at += port.tensor.bytes
        found.append(tuple(each))
    return found


def _build(program: Program, corrupted: Sequence[Program], folder: Path) -> Path:
    files = emit(program).files
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    lines = [f'#include "{program.prefix}.h"', f'#include "{program.prefix}_internal.h"', *_hooks(program)]
    for number, each in enumerate((program, *corrupted)):
        lines += [_schedule(each, files if number == 0 else emit(each).files, number), *_entry(each, number)]
    sizes = [", ".join(str(arena.bytes) for arena in each.arenas) for each in (program, *corrupted)]
    entries = ", ".join(f"{{run_{n}, {len(program.arenas)}, {{{size}}}}}" for n, size in enumerate(sizes))
    lines += [
        f"const entry entries[] = {{{entries}}};",
        f"const unsigned entry_count = {len(corrupted) + 1}, layer_count = {len(program.layers)};",
        f"const unsigned input_bytes = {sum(port.tensor.bytes for port in program.inputs)};",
        f"const unsigned output_bytes = {sum(port.tensor.bytes for port in program.outputs)};",
    ]
    (folder / "schedules.c").write_text("\n".join(['#include "fates.h"', *lines]) + "\n", encoding="utf-8")
    units = ["schedules.c", str(HERE / "fates.c"), *(f"{program.prefix}_{unit}.c" for unit in ("layers", "weights"))]
    flags = ["-std=gnu99", "-O0", "-w", "-I.", "-Ikernels", f"-I{HERE}"]
    _call(["gcc", *flags, *units, "-o", "fates"], folder)
    return folder / "fates"


def _hooks(program: Program) -> list[str]:
    """Around every layer function: sum up the pixels that it wrote."""
    lines = []
    for loop in program.loops:
        layer = loop.layer
        more, given = (", void *scratch", ", scratch") if layer.scratch_bytes else ("", "")
        lines += [
            f"static void hooked_{layer.symbol}(void *out, const void *const *in, int32_t x0, int32_t x1{more})",
            f"{{ {layer.symbol}(out, in, x0, x1{given});",
            f"  note({layer.index}, out, x1 - x0, {layer.pixel_bytes}, {loop.pixel_stride}); }}",
            f"#define {layer.symbol} hooked_{layer.symbol}",
        ]
    return lines


def _schedule(program: Program, files: Mapping[str, str], number: int) -> str:
    """The unit of the schedule with names of its own, without its includes."""
    prefix = program.prefix
    text = re.sub(r"^#include .*$", "", files[f"{prefix}.c"], flags=re.MULTILINE)
    own = rf"\b({prefix}_(?:init|run|push_row|input|output|region_\w+|l\d+_run))\b"
    return re.sub(own, rf"\1_of_{number}", text)


def _entry(program: Program, number: int) -> list[str]:
    prefix = program.prefix
    lines = [f"static void run_{number}(uint8_t *const *arenas, const uint8_t *input, uint8_t *output)", "{"]
    fields = ", ".join(f".{arena.name} = arenas[{k}]" for k, arena in enumerate(program.arenas))
    lines += [f"    {prefix}_t model = {{{fields}}};"]
    if program.pushed is None:
        at = 0
        for index, port in enumerate(program.inputs):
            lines.append(f"    memcpy({prefix}_input_of_{number}(&model, {index}), input + {at}, {port.tensor.bytes});")
            at += port.tensor.bytes
        lines.append(f"    if ({prefix}_run_of_{number}(&model) != 0) {{ abort(); }}")
    else:
        (port,) = program.inputs
        lines += [
            f"    for (int row = 0; row < {port.rows}; ++row) {{",
            f"        if ({prefix}_push_row_of_{number}(&model, input + row * {port.row_bytes}) < 0) {{ abort(); }}",
            "    }",
        ]
    at = 0
    for index, port in enumerate(program.outputs):
        lines.append(f"    memcpy(output + {at}, {prefix}_output_of_{number}(&model, {index}), {port.tensor.bytes});")
        at += port.tensor.bytes
    return [*lines, "}"]


def _call(command: Sequence[str], folder: Path, fed: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=fed, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr.decode(errors='replace')[:2000]}"
    return done.stdout
