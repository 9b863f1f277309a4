"""The wheel alone is enough: installed into an empty environment, it deploys the example from another folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A wheel built from a copy of the checkout without its virtual environment."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "dist", "build", "tests")
    source.mkdir()
    for name in ("tinyc", "codegen", "firmware", "boards", "emulation"):
        left = shutil.ignore_patterns("__pycache__") if name == "tinyc" else left_out
        shutil.copytree(root / name, source / name, ignore=left)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_every_data_file(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("codegen", "firmware", "boards"):
        files = [path for path in (root / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files
        assert {f"tinyc/_data/{path.relative_to(root)}" for path in files} <= names
    assert "tinyc/kernels/calibration.json" in names
    assert not [name for name in names if name.startswith(("tests/", "examples/"))]


@pytest.mark.slow
def test_the_wheel_deploys_the_example_from_another_folder(
    wheel: Path, digits: Path, tmp_path: Path, arm_tools: None
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    packages = sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    borrowed = Path(packages) / "borrowed.pth"
    borrowed.write_text("".join(f"{path}\n" for path in _dependencies()))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [environment / "bin" / "tinyc", "deploy", digits, "--board", "stm32f746", "--samples", "1", "--json", "-"]
    done = subprocess.run(list(map(str, command)), cwd=elsewhere, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["check"]["mismatches"] == 0
    where = subprocess.run(
        [str(python), "-c", "import tinyc.paths; print(tinyc.paths.ROOT)"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()) == Path(packages) / "tinyc" / "_data"


def _dependencies() -> list[str]:
    """Where this environment's packages are; a .pth file that names them adds packages, not the editable tinyc."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
