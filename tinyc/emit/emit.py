"""Program -> SourceTree: the C sources of a model, the same bytes for the same model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jinja2

from tinyc import __version__
from tinyc.emit.literals import array_rows, scalar_macro
from tinyc.lower import Port, Program
from tinyc.paths import CODEGEN

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """`files` by path relative to the output folder; `model_units` are the .c files that make up the model."""

    program: Program
    files: Mapping[str, str]

    @property
    def model_units(self) -> tuple[str, ...]:
        return tuple(path for path in self.files if path.endswith(".c"))

    @property
    def weights_unit(self) -> str:
        return f"{self.program.prefix}_weights.c"


def emit(program: Program) -> SourceTree:
    """Print the program; nothing is written to the disk."""
    prefix = program.prefix
    context = {
        "program": program,
        "version": __version__,
        "prefix": prefix,
        "MACRO": prefix.upper(),
        "headers": sorted({layer.kernel.header for layer in program.layers}),
        "shared": list({layer.kernel.name: layer for layer in program.layers if layer.shared}.values()),
        "init_parameters": ", ".join(f"void *{arena.name}, size_t {arena.name}_bytes" for arena in program.arenas),
        "input_type": _pointer_type(program.inputs),
        "output_type": _pointer_type(program.outputs),
    }
    files = {
        f"{prefix}.h": _render("model.h.j2", context),
        f"{prefix}.c": _render("model.c.j2", context),
        f"{prefix}_internal.h": _render("internal.h.j2", context),
        f"{prefix}_layers.c": _render("layers.c.j2", context),
        f"{prefix}_weights.c": _render("weights.c.j2", context),
    }
    files.update(_kernel_headers(program))
    return SourceTree(program=program, files=files)


def _render(template: str, context: Mapping[str, object]) -> str:
    return _environment().get_template(template).render(context)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(CODEGEN / "templates"),
        line_statement_prefix="%%",
        line_comment_prefix="%#",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters.update(array_rows=array_rows, scalar_macro=scalar_macro, statements=_statements)
    return environment


def _statements(text: str, indent: int) -> str:
    """Lines of C at their indentation; those that printed nothing leave no blank line."""
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines() if line.strip())


def _pointer_type(ports: tuple[Port, ...]) -> str:
    """The element type that all of these have, else void."""
    types = {port.tensor.dtype for port in ports}
    return types.pop().c_type if len(types) == 1 else "void"


def _kernel_headers(program: Program) -> dict[str, str]:
    """The kernels that the program uses and everything that they include, below `kernels/`."""
    root = CODEGEN / "kernels"
    wanted = ["tinyc_kernel.h", *sorted({layer.kernel.header for layer in program.layers})]
    found: dict[str, str] = {}
    while wanted:
        name = wanted.pop(0)
        if f"kernels/{name}" in found:
            continue
        text = (root / name).read_text(encoding="utf-8")
        found[f"kernels/{name}"] = text
        wanted += [_resolve(root, name, include) for include in INCLUDE.findall(text)]
    return dict(sorted(found.items()))


def _resolve(root: Path, includer: str, include: str) -> str:
    """An include's path below the root: beside its includer first, as a compiler looks."""
    beside = Path(includer).parent / include
    return beside.as_posix() if (root / beside).is_file() else include
