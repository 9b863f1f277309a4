"""The collection: catalog.json beside the models says what they are, and how large TFLM's arena of each is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyc.errors import UsageError

CATALOGUE = "catalog.json"
HINT = "Mend the file, or move it away."


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An int8 model of the collection, and the bytes of TFLM's arena of a 64-bit build."""

    macs: int
    tflm_arena_bytes: int


def read_collection(folder: Path) -> Mapping[str, Listed]:
    """The int8 models that TFLM's arena is known of, by name, none without catalog.json; UsageError where that is damaged."""
    path = folder / CATALOGUE
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UsageError(f"{path} is not JSON.", hint=HINT) from None
    if not isinstance(entries, list):
        raise UsageError(f"{path} is not a list of models.", hint=HINT)
    return dict(_listed(path, entries))


def _listed(path: Path, entries: list[Any]) -> Iterator[tuple[str, Listed]]:
    for number, entry in enumerate(entries):
        where = f"{path}: entry {number}"
        name = _value(where, entry, "name", str)
        where += f" ({name})"
        is_int8 = _value(where, entry, "quant", str).startswith("int8")
        arena = _value(where, entry, "tflm_arena", dict | None)
        if name.endswith(".tflite") and is_int8 and arena:
            total = _value(f"{where}: tflm_arena", arena, "total", int)
            yield Path(name).stem, Listed(macs=_value(where, entry, "macs", int), tflm_arena_bytes=total)


def _value(where: str, entry: Any, key: str, kind: Any) -> Any:
    """What an entry has under a key; UsageError where that is missing or of another kind."""
    if not isinstance(entry, dict) or key not in entry:
        raise UsageError(f"{where} has no {key}.", hint=HINT)
    if not isinstance(entry[key], kind):
        raise UsageError(f"{where} has {json.dumps(entry[key])} as its {key}.", hint=HINT)
    return entry[key]
