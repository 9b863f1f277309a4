"""The collection's catalogue: what is read from it, and what is said of one that is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinyc import cli
from tinyc.bench import read_peers, run_bench
from tinyc.bench.collection import Listed, read_collection

ENTRY = {"name": "a.tflite", "quant": "int8 per-channel", "macs": 7, "tflm_arena": {"total": 64}}


def catalogue(folder: Path, *entries: Any) -> Path:
    path = folder / "catalog.json"
    path.write_text(json.dumps(entries))
    return path


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in ENTRY.items() if name != key}


def test_int8_models_with_an_arena_are_read(tmp_path: Path) -> None:
    others = ({"name": "b.onnx"}, {"name": "c.tflite", "quant": "float32"}, {"name": "d.tflite", "tflm_arena": None})
    catalogue(tmp_path, ENTRY, *({**ENTRY, **other} for other in others))
    assert read_collection(tmp_path) == {"a": Listed(macs=7, tflm_arena_bytes=64)}
    assert read_collection(tmp_path / "no") == {}


@pytest.mark.parametrize("text", [b"[", b"\xff", b"[" * 100_000])
def test_no_json(text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(text)
    assert cli.run(["bench", "--models", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"tinyc: {path} is not JSON. Mend the file, or move it away.\n"


def test_no_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path := tmp_path / "catalog.json").write_text("{}")
    assert cli.run(["bench", "--models", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"tinyc: {path} is not a list of models.")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (7, "entry 1 has no name."),
        (without("name"), "entry 1 has no name."),
        *((without(key), f"entry 1 (a.tflite) has no {key}.") for key in ("quant", "macs", "tflm_arena")),
        ({**ENTRY, "macs": "7"}, 'entry 1 (a.tflite) has "7" as its macs.'),
        ({**ENTRY, "tflm_arena": {"x": 1}}, "entry 1 (a.tflite): tflm_arena has no total."),
        ({**ENTRY, "tflm_arena": [1]}, "entry 1 (a.tflite) has [1] as its tflm_arena."),
    ],
)
def test_a_damaged_entry_is_named(entry: Any, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = catalogue(tmp_path, ENTRY, entry)
    assert cli.run(["bench", "--models", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"tinyc: {path}: {fault} Mend the file, or move it away.\n"


def test_a_model_whose_file_is_missing_is_named(tmp_path: Path) -> None:
    said: list[str] = []
    path = catalogue(tmp_path, {**ENTRY, "name": "there dense 640.tflite"}, {**ENTRY, "name": "gone dense 640.tflite"})
    (tmp_path / "there dense 640.tflite").write_bytes(b"no model")
    run_bench(
        read_peers(),
        models=tmp_path,
        boards=("mps2_an386",),
        only=("there dense 640", "gone dense 640"),
        jobs=1,
        progress=said.append,
    )
    assert said[0] == f"not measured, though {path} lists them: gone dense 640; their files are missing"
    assert len(said) == 2 and "there dense 640" in said[1]
