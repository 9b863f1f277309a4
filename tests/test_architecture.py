"""The layering: a module imports only from rows below its own, only the command line prints or exits, and words stay apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "tinyc"

ROWS = (
    "__main__",
    "cli",
    "bench",
    "pipeline",
    "report",
    "run",
    "build",
    "emit",
    "lower",
    "plan",
    "kernels",
    "passes",
    "frontends",
    "oracle",
    "ops",
    "board",
    "ir",
    "checker",
    "paths",
    "errors",
    "",
)
"""Top to bottom; the last is `tinyc/__init__.py`.  `checker` is so low because it must not know what it checks."""

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)


def row(module: str) -> str:
    """The row of a dotted module name: `tinyc.plan.place` -> `plan`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module of tinyc that a syntax tree imports, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "tinyc")
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "tinyc":
                yield from (f"tinyc.{alias.name}" if alias.name in ROWS else "tinyc" for alias in node.names)
            elif node.module and node.module.startswith("tinyc."):
                yield node.module


def violations(path: Path, source: str) -> list[str]:
    """What the module at `path` (relative to the package) imports from its own height or above."""
    own = "" if path.parts == ("__init__.py",) else path.parts[0].removesuffix(".py")
    above = ROWS[: ROWS.index(own) + 1] if own in ROWS else ROWS
    return [module for module in imports(ast.parse(source)) if row(module) in above and row(module) != own]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_only_from_rows_below(path: Path) -> None:
    assert violations(path, (PACKAGE / path).read_text()) == []


def test_an_import_from_above_is_seen() -> None:
    assert violations(Path("ir/types.py"), "from tinyc.ops import ALL") == ["tinyc.ops"]
    assert violations(Path("ops/add.py"), "import tinyc.plan.place") == ["tinyc.plan.place"]
    assert violations(Path("emit/tree.py"), "from tinyc import pipeline") == ["tinyc.pipeline"]
    assert violations(Path("plan/place.py"), "from tinyc.ir import Graph\nfrom tinyc.plan.rows import x") == []


def test_every_module_has_a_row() -> None:
    tops = {path.parts[0].removesuffix(".py") for path in MODULES if path.parts != ("__init__.py",)}
    assert tops <= set(ROWS)


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] not in ("cli.py", "__main__.py")], ids=str)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    tree = ast.parse((PACKAGE / path).read_text())
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call for call in calls if call in ("print", "exit", "quit", "sys.exit", "os._exit")] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_says_its_part_and_none_is_called_utils(path: Path) -> None:
    assert ast.get_docstring(ast.parse((PACKAGE / path).read_text())), (
        "a module opens with two or three lines on its part"
    )
    assert path.stem not in ("utils", "helpers", "common", "misc")
