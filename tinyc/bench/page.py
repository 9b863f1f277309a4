"""The record as Markdown, for the page that shows it: README.md holds it between two markers, and a test holds README.md to the record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tinyc.bench.goals import CORES, ROWS, SIZE, WHOLE, Goal, goals, of, ratio_32bit, ratio_64bit
from tinyc.bench.peers import Peers
from tinyc.bench.results import ModelResult, Results
from tinyc.errors import UsageError
from tinyc.report.write import write_file

BEGIN, END = "<!-- bench: written by make bench-update -->\n", "<!-- /bench -->"
BLOCK = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)
NONE = ""
UNSUPPORTED = re.compile(r"operator \d+ ([A-Z][A-Z0-9_]*) \([^)]*\) is not supported")
SIZE_TITLE, SIZE_COLUMNS = "size", ("code", "weights", "instructions")
Row = Sequence[str]


def check_page(path: Path) -> None:
    """UsageError where the page cannot be read or has no markers."""
    if not BLOCK.search(_read(path)):
        raise UsageError(f"{path} has no lines {BEGIN.strip()} and {END} to write the figures between.")


def write_page(path: Path, results: Results, peers: Peers) -> None:
    """Put the figures between the markers of the page."""
    check_page(path)
    figures = markdown(results, peers)
    write_file(path, BLOCK.sub(lambda match: figures, _read(path), count=1))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} is no page of text that can be read.", hint="Name a Markdown file.") from None


def markdown(results: Results, peers: Peers) -> str:
    """Memory, instructions and flash of the models, then what is known of all of them together."""
    models = [(name, model) for name in peers.models if (model := results.models.get(name)) is not None]
    memory = [
        "SRAM in bytes, Cortex-M4",
        "arena",
        "limit",
        "input by rows",
        "limit",
        "stack",
        "static",
        "TFLM",
        "times",
    ]
    paragraphs = [
        _table(memory, (_memory_row(name, model, peers) for name, model in models)),
        _table(
            ["instructions", "M4", "M4: TFLM", "M7", "M7: TFLM", "M7: TinyEngine", "M55", "M55: TFLM"],
            (_count_row(name, model, peers) for name, model in models),
        ),
        _table(
            ["flash, Cortex-M4", "code", "code: TFLM", "weights", *(f"{SIZE_TITLE}: {what}" for what in SIZE_COLUMNS)],
            (_flash_row(name, model, peers) for name, model in models),
        ),
        "\n".join(_means(results, peers)),
        _limits(goals(results, peers)),
    ]
    return "".join(f"\n{paragraph}\n" for paragraph in paragraphs) + "\n"


def _memory_row(name: str, model: ModelResult, peers: Peers) -> Iterator[str]:
    counts, target, tflm = model.counts(WHOLE), peers.models[name].target, peers.models[name].tflm
    arena, theirs = of(counts, "arena_bytes"), tflm.arena or tflm.arena_64bit
    yield from (name, _number(arena), _number(target.arena))
    yield from (_number(of(model.counts(ROWS), "arena_bytes")), _number(target.rows_arena))
    yield from (_number(of(counts, "stack_bytes")), _number(of(counts, "static_bytes")))
    yield _number(theirs) + ("" if tflm.arena else "\\*")
    yield _times(theirs, arena)


def _count_row(name: str, model: ModelResult, peers: Peers) -> Iterator[str]:
    peer = peers.models[name]
    yield name
    for core, board in CORES.items():
        yield _number(of(model.counts(board), "instructions"))
        yield _number(getattr(peer.tflm, core))
        if core == "m7":
            yield _number(peer.tinyengine.m7)


def _flash_row(name: str, model: ModelResult, peers: Peers) -> Iterator[str]:
    counts, lean = model.counts(WHOLE), model.counts(SIZE)
    yield from (name, _number(of(counts, "code_bytes")), _number(peers.models[name].tflm.code))
    yield _times(of(counts, "weights_bytes"), model.model_weights_bytes, digits=2)
    yield _number(of(lean, "code_bytes"))
    yield _times(of(lean, "weights_bytes"), model.model_weights_bytes, digits=2)
    yield _number(of(lean, "instructions"))


def _means(results: Results, peers: Peers) -> Iterator[str]:
    (small, few), (large, many) = ratio_32bit(results, peers), ratio_64bit(results)
    above = [name for name, each in results.arenas.items() if (each.arena_bytes or 0) > each.tflm_arena_bytes]
    if small is not None:
        yield f"TFLM's arena is {small:.2f} times ours over the {few} models that a 32-bit build of it was measured with,"
    if large is not None:
        all_of = f"the {len(results.arenas)} int8 models of the collection that TFLM runs"
        yield f"{large:.2f} times over {many} of {all_of} (\\* 64-bit builds); geometric means."
        yield from _refused(results)
        yield f"Models above TFLM's arena: {', '.join(above) or 'none'}."
    yield "Weights are times the model's own constants; the arena holds inputs and outputs; size: `--optimize size`."


def unsupported(verdict: str) -> list[str]:
    """The operators that an importer did not know; a recorded verdict may be cut off before it has named all."""
    return UNSUPPORTED.findall(verdict)


def _refused(results: Results) -> Iterator[str]:
    """Why the rest of the collection has no arena: operators, as far as the recorded verdicts name them."""
    verdicts = [each.verdict for each in results.arenas.values() if each.arena_bytes is None]
    named = [unsupported(verdict) for verdict in verdicts]
    lacking, otherwise = sum(map(bool, named)), sum(not names for names in named)
    if lacking:
        some = ", ".join(sorted(set().union(*named)))
        yield f"{lacking} more do not deploy, for operators that are not supported, such as {some}."
    if otherwise:
        yield f"{otherwise} more do not, for other reasons; `tinyc bench --recorded` names them."


def _limits(found: Sequence[Goal]) -> str:
    met = sum(goal.met for goal in found)
    others = "" if met == len(found) else "; `tinyc bench --recorded` names the others"
    return f"Limits met: {met} of {len(found)}{others}."


def _table(titles: Row, rows: Iterable[Iterable[str]]) -> str:
    head = [titles, ["---", *("---:" for _ in titles[1:])]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (*head, *rows))


def _number(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _times(whole: int | None, part: int | None, *, digits: int = 1) -> str:
    return NONE if whole is None or not part else f"{whole / part:.{digits}f}"
