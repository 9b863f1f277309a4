"""Print what lies around the model: the harness's view of it, the linker script, the board's constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jinja2

from tinyc import __version__
from tinyc.board import Board
from tinyc.build.memory import MemoryMap
from tinyc.lower import Program
from tinyc.paths import TEMPLATES


def harness_sources(program: Program) -> dict[str, str]:
    """The model's entry for the harness, and the wrappers of the instrumented link."""
    context = {"program": program, "prefix": program.prefix, "MACRO": program.prefix.upper(), "version": __version__}
    return {
        "harness/model_entry.c": _render("model_entry.c.j2", context),
        "harness/probe.c": _render("probe.c.j2", context),
    }


def linker_script(board: Board, memory: MemoryMap, *, purpose: str, boot: int | None) -> str:
    """The linker script of one image; `boot` is where the first two vectors are fetched, if not at the flash's start."""
    context = {"title": board.title, "board": board.name, "purpose": purpose, "memory": memory, "boot": boot}
    return _render("linker.ld.j2", context)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardArena:
    """Where an arena is, 0 where the program decides; its bytes, and those that are open for it."""

    address: int
    bytes: int
    room: int


def board_config(
    board: Board, *, clock_hz: int, memory: MemoryMap | None, arenas: Sequence[BoardArena], purpose: str
) -> str:
    """The header with an image's constants."""
    return _render(
        "board_config.h.j2",
        {
            "title": board.title,
            "board": board.name,
            "purpose": purpose,
            "clock_hz": clock_hz,
            "baud": board.uart.baud if board.uart else 0,
            "arenas": arenas,
            "mpu": memory.mpu if memory else (),
        },
    )


def _render(name: str, context: Mapping[str, object]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        line_statement_prefix="%%",
        line_comment_prefix="%#",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    return environment.get_template(name).render(context)
