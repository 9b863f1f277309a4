"""The same model gives the same bytes: twice, and in processes that hash strings differently."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_models import MODELS, fresh_tree

from tinyc.board import load
from tinyc.kernels.contract import Isa

HERE = Path(__file__).parent
PROGRAM = "import test_reproducible; print(test_reproducible.digest({model!r}))"


def digest(model: str) -> str:
    """Of all files, planned and printed anew."""
    isas = tuple(Isa(name) for name in load("stm32f746").isas)
    total = hashlib.sha256()
    for name, text in sorted(fresh_tree(model, isas).files.items()):
        total.update(f"{name}\0{text}\0".encode())
    return total.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_same_bytes_whatever_the_hash_seed(model: str) -> None:
    found = {digest(model), digest(model)}
    for seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", PROGRAM.format(model=model)]
        done = subprocess.run(
            command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=300, check=True
        )
        found.add(done.stdout.strip())
    assert len(found) == 1


@pytest.mark.parametrize("model", MODELS)
def test_no_time_and_no_path(model: str, root: Path) -> None:
    for name, text in fresh_tree(model, (Isa.SCALAR, Isa.DSP)).files.items():
        for word in (str(root), str(Path.home()), "__DATE__", "__TIME__", "__FILE__"):
            assert word not in text, f"{name} holds {word}"
