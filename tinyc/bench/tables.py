"""A bench for people: ours beside the peers', the goals, what has changed since the record, and how good the predictions are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tinyc.bench.bench import M55
from tinyc.bench.calibrate import LAYER_TOLERANCE, MODEL_TOLERANCE, SHARE, Fit, boards, by_kernel, by_model, layers_off
from tinyc.bench.goals import CORES, LAYERS, ROWS, SIZE, TITLES, WHOLE, Goal, goals, of, ratio_32bit, ratio_64bit
from tinyc.bench.peers import Peers
from tinyc.bench.results import IMPOSSIBLE, LayerCount, ModelResult, Results
from tinyc.report.tables import PLAIN_WIDTH
from tinyc.run.classes import CLASSES

NONE = "-"
SHOWN_BETTER = 12
LEFT = ("", "core", "kernel")


def bench_tables(results: Results, peers: Peers) -> tuple[RenderableType, ...]:
    """Memory, instructions, flash, single layers, means and goals."""
    return (
        *_memory(results, peers),
        *_instructions(results, peers),
        *_flash(results, peers),
        *_choices(results, peers),
        *_single_layers(results, peers),
        *_means(results, peers),
        *_unequal(results, peers),
        *_goals(goals(results, peers)),
    )


def change_tables(worse: Sequence[str], better: Sequence[str]) -> tuple[RenderableType, ...]:
    """What differs from the record by more than the tolerance: all that is worse, and the first few that are better."""
    more = [f"and {len(better) - SHOWN_BETTER} more; --update writes them down"] if len(better) > SHOWN_BETTER else []
    return (*_list("Worse than recorded", worse), *_list("Better than recorded", [*better[:SHOWN_BETTER], *more]))


def prediction_tables(layers: Sequence[LayerCount], results: Results) -> tuple[RenderableType, ...]:
    """For each board, how far the predictions are from what was counted: every model, and the layers that are off."""
    return tuple(part for board in boards(layers) for part in _predictions(_on(board, layers), results, board))


def calibration_tables(layers: Sequence[LayerCount]) -> tuple[RenderableType, ...]:
    """For each board, predicted and counted by kernel: the factor is what a cost function should be multiplied by."""
    return tuple(
        part
        for board in boards(layers)
        for part in _section(
            f"Predicted instructions by kernel, {board}", _fits(by_kernel(_on(board, layers)), LAYER_TOLERANCE)
        )
    )


def profile_tables(layers: Sequence[LayerCount]) -> tuple[RenderableType, ...]:
    """For each model and board, every layer: its kernel, its instructions and, in per cent, what kinds they are of."""
    models = dict.fromkeys((layer.model, layer.board) for layer in layers)
    return tuple(part for model, board in models for part in _profile(_on(board, layers, model), f"{model}, {board}"))


def _on(board: str, layers: Sequence[LayerCount], model: str | None = None) -> list[LayerCount]:
    return [layer for layer in layers if layer.board == board and model in (None, layer.model)]


def _predictions(layers: Sequence[LayerCount], results: Results, board: str) -> Iterator[RenderableType]:
    off = layers_off(layers)
    lines = [
        f"{layer.model} layer {layer.index} {layer.kernel}: predicted {layer.predicted:,}, counted {layer.instructions:,}"
        f" ({layer.predicted / layer.instructions - 1:+.0%})"
        for layer in off
    ]
    models = by_model(layers, results, board=board)
    yield from _section(f"Predicted instructions by model, {board}", _fits(models, MODEL_TOLERANCE))
    title = f"Layers above {SHARE:.0%} of their model, off by more than {LAYER_TOLERANCE:.0%}, {board}: {len(off)}"
    yield from _list(title, lines, empty=True)


def _profile(layers: Sequence[LayerCount], title: str) -> Iterator[RenderableType]:
    total = sum(layer.instructions for layer in layers)
    table = _table("layer", "kernel", "MACs", "instructions", "share", "i/MAC", "predicted", *CLASSES)
    for layer in layers:
        count, kinds = layer.instructions, layer.classes
        shares = [NONE if kinds is None else f"{getattr(kinds, name) / max(kinds.total, 1):.0%}" for name in CLASSES]
        cells = [_number(layer.macs or None), f"{count:,}", f"{count / max(total, 1):.1%}", _ratio(count, layer.macs)]
        table.add_row(f"{layer.index}", layer.kernel, *cells, f"{layer.predicted:,}", *shares)
    yield from _section(title, table)


def _memory(results: Results, peers: Peers) -> Iterator[RenderableType]:
    table = _table(
        "model",
        *(
            "arena",
            "at most",
            "",
            "by rows",
            "at most",
            "",
            "stack",
            "static",
            "peak SRAM",
            "TFLM",
            "times",
            "TinyEngine",
        ),
    )
    for name, model in _ordered(results, peers):
        peer, counts = peers.models[name], model.counts(WHOLE)
        arena, rows = of(counts, "arena_bytes"), of(model.counts(ROWS), "arena_bytes")
        theirs = peer.tflm.arena or peer.tflm.arena_64bit
        table.add_row(
            name,
            *_against(arena, peer.target.arena),
            *_against(rows, peer.target.rows_arena),
            *(_number(of(counts, part)) for part in ("stack_bytes", "static_bytes", "peak_sram_bytes")),
            f"{_number(theirs)}{' ' if peer.tflm.arena else '*'}",
            _times(theirs, arena),
            _number(peer.tinyengine.sram, ""),
        )
    note = "TFLM: its arena; * of a 64-bit build.  TinyEngine: SRAM.  By rows: the arena where the input is pushed row by row."
    yield from _section("SRAM in bytes, on Cortex-M4; the arena holds inputs and outputs", table, Text(f"  {note}"))


def _instructions(results: Results, peers: Peers) -> Iterator[RenderableType]:
    table = _table(
        "model", "core", "instructions", "i/MAC", "at most", "", "TFLM + CMSIS-NN", "times", "TinyEngine", "times"
    )
    for name, model in _ordered(results, peers):
        peer, title = peers.models[name], name
        for core, board in CORES.items():
            if board not in model.runs:
                continue
            count, tflm, engine = (
                of(model.counts(board), "instructions"),
                getattr(peer.tflm, core),
                getattr(peer.tinyengine, core),
            )
            table.add_row(
                title,
                TITLES[core],
                _number(count),
                _ratio(count, model.macs),
                *_against(count, getattr(peer.target, core))[1:],
                _number(tflm),
                _times(tflm, count),
                _number(engine, ""),
                _times(engine, count) if engine else "",
            )
            title = ""
    yield from _section("Instructions of one inference", table)


def _flash(results: Results, peers: Peers) -> Iterator[RenderableType]:
    size = "--optimize size"
    table = _table(
        "model",
        "code",
        "at most",
        "",
        "TFLM",
        "times",
        "weights",
        "the model's",
        "ratio",
        f"{size}: code",
        "weights",
        "ratio",
    )
    for name, model in _ordered(results, peers):
        peer, counts, lean = peers.models[name], model.counts(WHOLE), model.counts(SIZE)
        code, weights, packed = of(counts, "code_bytes"), of(counts, "weights_bytes"), of(lean, "weights_bytes")
        table.add_row(
            name,
            *_against(code, peer.target.code),
            _number(peer.tflm.code),
            _times(peer.tflm.code, code),
            _number(weights),
            _number(model.model_weights_bytes),
            _ratio(weights, model.model_weights_bytes),
            _number(of(lean, "code_bytes")),
            _number(packed),
            _ratio(packed, model.model_weights_bytes),
        )
    yield from _section("Flash in bytes, on Cortex-M4; code is everything but weights and harness", table)


def _choices(results: Results, peers: Peers) -> Iterator[RenderableType]:
    table = _table("model", "default", "layer by layer", "ratio", "input by rows", "ratio", "--optimize size", "ratio")
    for name, model in _ordered(results, peers):
        base = of(model.counts(WHOLE), "instructions")
        others = [of(model.counts(key), "instructions") for key in (LAYERS, ROWS, SIZE)]
        cells = [cell for other in others for cell in (_number(other), _ratio(other, base, digits=3))]
        table.add_row(name, _number(base), *cells)
    yield from _section("Instructions of other choices, on Cortex-M4", table)


def _single_layers(results: Results, peers: Peers) -> Iterator[RenderableType]:
    if not results.layers:
        return
    table = _table(
        "layer", "speed", "at most", "", "size", "at most", "", "CMSIS-NN", "times", "M55", "CMSIS-NN", "times"
    )
    for name, peer in peers.layers.items():
        layer = results.layers.get(name)
        if layer is None:
            continue
        speed, lean, m55 = (layer.per_mac(key) for key in (WHOLE, SIZE, M55))
        cells = [*_per_mac(speed, peer.target.speed), *_per_mac(lean, peer.target.size)]
        cells += [_decimal(peer.cmsis_nn.m4), _faster(peer.cmsis_nn.m4, speed)]
        cells += [_decimal(m55), _decimal(peer.cmsis_nn.m55), _faster(peer.cmsis_nn.m55, m55)]
        table.add_row(name, *cells)
    title = "Single layers, instructions per multiply-accumulate: Cortex-M4 under --optimize speed and size, Cortex-M55"
    yield from _section(title, table)


def _per_mac(found: float | None, limit: float | None) -> tuple[str, str, str]:
    """As `_against`."""
    if limit is None:
        return _decimal(found), "", ""
    return _decimal(found), f"{limit:.2f}", _verdict(found is not None and found <= limit)


def _decimal(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _faster(theirs: float | None, ours: float | None) -> str:
    return NONE if theirs is None or ours is None else f"{theirs / ours:.2f}"


def _means(results: Results, peers: Peers) -> Iterator[RenderableType]:
    (small, few), (large, many) = ratio_32bit(results, peers), ratio_64bit(results)
    lines = []
    if small is not None:
        lines.append(f"{small:.2f} over the {few} models measured with a 32-bit build of TFLM")
    if large is not None:
        lines.append(f"{large:.2f} over the {many} int8 models of the collection that deploy, 64-bit build")
        above = [name for name, each in results.arenas.items() if (each.arena_bytes or 0) > each.tflm_arena_bytes]
        lines.append(f"above TFLM's arena: {', '.join(above) or 'none'}")
    refused = sorted(name for name, each in results.arenas.items() if each.arena_bytes is None)
    if refused:
        names = textwrap.wrap(", ".join(refused), PLAIN_WIDTH - 4)
        lines += [f"{len(refused)} more do not deploy:", *(f"  {line}" for line in names)]
    yield from _list("TFLM's arena over ours, geometric mean", lines)


def _unequal(results: Results, peers: Peers) -> Iterator[RenderableType]:
    """What did not run to an equal end, with the reason."""
    lines = [
        f"{name} on {key}: {run.verdict}"
        for name, model in _ordered(results, peers)
        for key, run in model.runs.items()
        if not run.equal and not run.verdict.startswith(IMPOSSIBLE)
    ]
    yield from _list("Not equal", lines)


def _goals(found: Sequence[Goal]) -> Iterator[RenderableType]:
    missed = [goal for goal in found if not goal.met]
    lines = [
        f"{goal.what}: {_figure(goal.found)}, {'at least' if goal.at_least else 'at most'} {_figure(goal.limit)}"
        for goal in missed
    ]
    yield from _list(
        f"Goals: {len(found) - len(missed)} of {len(found)} met{'; not yet:' if missed else ''}", lines, empty=True
    )


def _figure(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _fits(fits: Sequence[Fit], tolerance: float) -> Table:
    table = _table("name", "layers", "predicted", "counted", "factor", "")
    for fit in fits:
        off = "off" if fit.is_off(tolerance) else ""
        table.add_row(fit.name, f"{fit.layers}", f"{fit.predicted:,}", f"{fit.counted:,}", f"{fit.factor:.3f}", off)
    return table


def _ordered(results: Results, peers: Peers) -> list[tuple[str, ModelResult]]:
    return [(name, results.models[name]) for name in peers.models if name in results.models]


def _against(found: int | None, limit: int | None) -> tuple[str, str, str]:
    """Three cells: the figure, the most it may be, and whether it is."""
    if limit is None:
        return _number(found), "", ""
    return _number(found), f"{limit:,}", _verdict(found is not None and found <= limit)


def _verdict(met: bool) -> str:
    return "met" if met else "not met"


def _number(value: int | None, absent: str = NONE) -> str:
    return absent if value is None else f"{value:,}"


def _times(theirs: int | None, ours: int | None) -> str:
    return NONE if theirs is None or not ours else f"{theirs / ours:.1f}"


def _ratio(part: int | None, whole: int | None, *, digits: int = 2) -> str:
    return NONE if part is None or not whole else f"{part / whole:.{digits}f}"


def _table(*columns: str) -> Table:
    """A table without lines: names to the left, figures to the right, and verdicts, which have no title, beside their figures."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, title in enumerate(columns):
        table.add_column(title, justify="left" if number == 0 or title in LEFT else "right", no_wrap=True)
    return table


def _section(title: str, *parts: RenderableType) -> Iterator[RenderableType]:
    yield Group(Text(title, style="bold"), *parts, Text(""))


def _list(title: str, lines: Iterable[str], *, empty: bool = False) -> Iterator[RenderableType]:
    """A heading and its lines; nothing where there are none, unless `empty`."""
    texts = [Text(f"  {line}") for line in lines]
    if texts or empty:
        yield from _section(title, *texts)
