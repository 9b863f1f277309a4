"""The generated C of three models on three boards, one with several memory banks; `pytest --refresh-golden` writes the files anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import MODELS, tree

BOARDS = ("host", "stm32f746", "stm32h743")
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_generated_code(model: str, board: str, request: pytest.FixtureRequest) -> None:
    folder = GOLDEN / model / board
    found = {name: text for name, text in tree(model, board).files.items() if not name.startswith("kernels/")}
    if request.config.getoption("--refresh-golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, text in found.items():
            (folder / name).write_text(text, encoding="utf-8")
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} if folder.is_dir() else {}
    assert found == kept, "pytest --refresh-golden tests/emit writes them anew"


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_kernels_are_copied_as_they_are(model: str, board: str, root: Path) -> None:
    copied = {name: text for name, text in tree(model, board).files.items() if name.startswith("kernels/")}
    assert copied
    for name, text in copied.items():
        assert text == (root / "codegen" / name).read_text(encoding="utf-8")
