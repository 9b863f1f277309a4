"""The stack that catalogue rows declare: enough for every call chain that the board's compiler makes of them, and little more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from driver import KERNEL_SOURCES, parameters
from samples import MAKERS, sample

from tinyc.board import load
from tinyc.build.stack import stack_bound
from tinyc.build.toolchain import Unit, compile_all, cross_toolchain, link
from tinyc.kernels.catalogue import ALL
from tinyc.kernels.contract import USUAL_STACK, Bound, Isa, Kernel, contiguous, no_scratch

BOARDS = {
    Isa.SCALAR: ("mps2_an500",),
    Isa.DSP: ("mps2_an386", "mps2_an500", "mps2_an505"),
    Isa.MVE: ("mps3_an547",),
}
SLACK = 64
"""Bytes by which a declaration may exceed what the compiler needs today."""
ARGUMENTS = "void *out, const void *const *in, int32_t x0, int32_t x1"


@pytest.mark.slow
@pytest.mark.parametrize("header", sorted({row.header for row in ALL}))
def test_the_declared_stack_is_enough_and_little_more(header: str, tmp_path: Path, arm_tools: None) -> None:
    rows = {row.name: row for row in ALL if row.header == header}
    (isa,) = {row.isa for row in rows.values()}
    deepest = dict.fromkeys(rows, 0)
    for board in BOARDS[isa]:
        folder = tmp_path / board
        folder.mkdir()
        image, usage, roots = _compiled(list(rows.values()), folder, board)
        for root, name in roots.items():
            deepest[name] = max(deepest[name], stack_bound(image, [usage], root))
    for name, row in rows.items():
        assert deepest[name] <= row.stack, f"{name} takes {deepest[name]} bytes"
        if row.stack != USUAL_STACK:
            assert max(deepest[name], USUAL_STACK) < row.stack <= deepest[name] + SLACK, (
                f"{name} takes {deepest[name]} bytes"
            )


def _compiled(rows: Sequence[Kernel], folder: Path, board: str) -> tuple[Path, Path, dict[str, str]]:
    """The image, its frames, and by function the row that it calls."""
    toolchain = cross_toolchain(load(board))
    roots: dict[str, str] = {}
    lines = [f'#include "{rows[0].header}"']
    for row in rows:
        lines += _copies(row)
        roots |= {f"shared_{row.name}": row.name}
        if row.op in MAKERS:
            roots |= {f"known_{row.name}": row.name}
    lines.append(
        f"void start(void) {{ void (*volatile of[])(void) = {{{', '.join(f'(void (*)(void)){root}' for root in roots)}}};"
    )
    lines.append("for (unsigned i = 0; i < sizeof of / sizeof *of; ++i) { of[i](); } }")
    unit = Unit(
        source=folder / "rows.c",
        object=folder / "rows.o",
        includes=(KERNEL_SOURCES,),
        flags=("-fstack-usage", "-Wno-cast-function-type"),
    )
    unit.source.write_text("\n".join(lines) + "\n")
    compile_all(toolchain, [unit])
    entry = folder / "entry.ld"
    entry.write_text(
        "ENTRY(start)\nSECTIONS { . = 0x8000; .text : { *(.text* .rodata*) } .rest : { *(.data* .bss*) } }\n"
    )
    link(toolchain, [unit.object], folder / "rows.elf", script=entry)
    return folder / "rows.elf", folder / "rows.su", roots


def _copies(row: Kernel) -> Iterator[str]:
    """Functions that call it: one with the parameters of any layer, one with those of a layer that it accepts."""
    scratch = ("", "") if row.scratch is no_scratch else (", void *scratch", ", scratch")
    call = f"{row.name}(out, in, x0, x1,"
    yield f"void shared_{row.name}({ARGUMENTS}, const {row.struct} *p{scratch[0]}) {{ {call} p{scratch[1]}); }}"
    if row.op in MAKERS:
        yield from parameters(f"known_{row.name}", row, _bound(row))
        yield f"void known_{row.name}({ARGUMENTS}{scratch[0]}) {{ {call} &known_{row.name}_p{scratch[1]}); }}"


def _bound(row: Kernel) -> Bound:
    rng = np.random.default_rng(11)
    while True:
        drawn = sample(row.op, rng)
        if row.accepts(drawn.op, drawn.operands):
            return row.bind(drawn.op, drawn.operands, contiguous(drawn.operands, drawn.op.activations(drawn.operands)))
