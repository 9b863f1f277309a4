"""Every kernel header compiles by itself without a warning, with every compiler and core that a project may bring."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from driver import KERNEL_SOURCES, WARNINGS

HEADERS = sorted(path.relative_to(KERNEL_SOURCES).as_posix() for path in KERNEL_SOURCES.rglob("*.h"))
COMPILERS = (
    ("gcc",),
    ("clang-19",),
    ("arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m7"),
    ("arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m4", "-ffreestanding"),
    ("arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m3", "-Os"),
)


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_headers_compile_without_a_warning(compiler: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    warnings = [flag for flag in WARNINGS if flag != "-Wno-unused-function"]
    for header in HEADERS:
        unit = tmp_path / "unit.c"
        unit.write_text(f'#include "{header}"\n')
        command = [*compiler, "-O2", *warnings, f"-I{KERNEL_SOURCES}", "-c", unit.name, "-o", "unit.o"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{header}:\n{done.stderr[:2000]}"
