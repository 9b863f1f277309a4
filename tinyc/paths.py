"""Where the files that are not Python live: beside the package in a checkout, in `tinyc/_data` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "_data"
ROOT = _DATA if _DATA.is_dir() else _PACKAGE.parent

BOARDS = ROOT / "boards"
CODEGEN = ROOT / "codegen"
EMULATION = ROOT / "emulation"
FIRMWARE = ROOT / "firmware"
KERNELS = CODEGEN / "kernels"
TEMPLATES = CODEGEN / "templates"
