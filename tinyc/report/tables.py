"""Reports for people, as rich renderables without box drawing, so that a terminal and a pipe show the same text."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from importlib import metadata

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tinyc import board as board_catalogue
from tinyc.board import HOST, Board
from tinyc.build.tools import ARM_GCC, QEMU_ARM, tools
from tinyc.checker import Verdict
from tinyc.emit import SourceTree
from tinyc.frontends.tflite_operators import IMPORTERS
from tinyc.lower import Program, predicted_layers, predicted_total
from tinyc.ops import ALL
from tinyc.passes import overflowing
from tinyc.report.document import Document, to_json, weights_bytes
from tinyc.report.fit import arena_room, way_to_fit
from tinyc.report.inputs import Inputs
from tinyc.report.predictions import Prediction, predictions
from tinyc.report.report import Analysis, Report
from tinyc.run.classes import CLASSES

PLAIN_WIDTH = 140
SHOWN_PREDICTIONS = 20
BAR_WIDTH = 20
NEEDED_TO_DEPLOY = (ARM_GCC.name, QEMU_ARM.name)
WITNESS = "tflite-runtime"
Fact = tuple[str, str, str]


def plain_text(part: RenderableType) -> str:
    """What a pipe gets: no colour, no trailing blanks."""
    buffer = io.StringIO()
    Console(file=buffer, width=PLAIN_WIDTH, color_system=None, highlight=False).print(
        part, soft_wrap=isinstance(part, str)
    )
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def report_tables(report: Report, *, inputs: Inputs | None = None) -> tuple[RenderableType, ...]:
    """A deployment: model and board, memory, flash, run, check; layers where they were counted; predictions on real inputs."""
    analysis, document = report.analysis, to_json(report)
    counts, total = report.result.layer_instructions, report.result.instructions or 0
    return (
        _heading(analysis),
        _facts("Memory", _memory(document, analysis.board)),
        *_flash_facts(document, analysis.board),
        _facts("Run", _run(report)),
        *([] if counts is None else [_layers(analysis.program, counts, total), *_classes(report)]),
        *_predicted(predictions(report, inputs)),
        _facts("Check", _check(report)),
    )


def analysis_tables(analysis: Analysis) -> tuple[RenderableType, ...]:
    """A plan: memory, layers, and the boards that have room for it."""
    document = to_json(analysis)
    return (
        _heading(analysis),
        _facts("Memory", _memory(document, analysis.board)),
        _facts(
            "Flash", [("weights", f"{weights_bytes(analysis):,}", "bytes; the code's size is known once it is built")]
        ),
        *_work(analysis),
        *_pareto(document),
        _layers(analysis.program, None, 0),
        _peak(analysis.program),
        _room(analysis),
    )


def difference(report: Report) -> str:
    """The sentence for outputs that differ: where, how much, and the first of them."""
    check, analysis = report.check, report.analysis
    board = "" if analysis.board is None else f" on {analysis.board.name}"
    return (
        f"{analysis.model.path.name}{board}: {check.mismatches:,} of {check.values:,} values and {check.row_mismatches:,} of "
        f"{check.tensor_rows:,} rows differ from the reference, by up to {check.max_abs_difference:g}; first: {check.first}. "
        "This is a bug of tinyc: please report it with the model."
    )


def source_table(tree: SourceTree, folder: object) -> RenderableType:
    """The files of a source tree."""
    table = _table(f"{folder}", right=("bytes",))
    for name, text in sorted(tree.files.items()):
        table.add_row(name, f"{len(text.encode()):,}")
    program = tree.program
    arenas = [
        f"an arena of {arena.bytes:,} bytes{f' in {arena.bank}' if len(program.arenas) > 1 else ''}"
        for arena in program.arenas
    ]
    use = f"Give {program.prefix}_init() {' and '.join(arenas)}, aligned by {program.arena_align}."
    return Group(table, Text(use), Text(""))


def verdict_table(verdict: Verdict) -> RenderableType:
    """What replaying a certificate showed; one that does not hold is an error instead."""
    certificate, trace, claims = verdict.certificate, verdict.trace, verdict.certificate.claims
    derived = (
        "follows from the buffers"
        if verdict.bound_derived
        else f"a solver's claim; the buffers give {verdict.lower_bound:,}"
    )
    facts = [
        ("kernel calls", f"{trace.calls:,}", "replayed in order"),
        ("bytes read", f"{trace.bytes_read:,}", "each the right byte of the right tensor"),
        ("bytes written", f"{trace.bytes_written:,}", "none over something still needed"),
        ("MACs computed again", f"{trace.extra_macs:,.0f}", f"{claims.extra_macs:,} declared"),
        *(
            (bank.name, f"{bank.bytes:,}", f"never left; {trace.reach.get(bank.name, 0):,} reached")
            for bank in certificate.banks.values()
        ),
        ("live at once", f"{trace.live_bytes:,}", "at most, between two calls"),
        ("lower bound", f"{claims.lower_bound_bytes:,}", derived),
        (
            "placement",
            "",
            "optimal: the lower bound is reached" if claims.placement_optimal else "not claimed to be optimal",
        ),
        (
            "search",
            "",
            "claimed exhaustive, which a replay cannot show" if claims.search_exhaustive else "not claimed exhaustive",
        ),
    ]
    return _facts(f"{certificate.model}: the plan holds", facts)


def boards_table() -> RenderableType:
    """Every board."""
    table = _table("board", "", "core", right=("MHz", "SRAM", "flash"), after=("runs on",))
    for name in board_catalogue.names():
        board = board_catalogue.load(name)
        stand_in = f" (stands in: same {board.shares}, {board.name}'s memory sizes)" if board.stand_in else ""
        where = "this computer" if board.is_host else f"QEMU {board.machine}{stand_in}"
        clock = f"{board.clock_hz // 1_000_000}" if board.clock_hz else "-"
        sizes = ("-", "-") if board.is_host else (_k(board.sram_bytes), _k(board.flash.bytes))
        table.add_row(board.name, board.title, board.core, clock, *sizes, where)
    return table


def ops_table() -> RenderableType:
    """What is imported, then every operator that it becomes, each constraint a line; what passes make of these is checked by themselves."""
    imported = {importer.op for importer in IMPORTERS.values()}
    lines = [Text(f"TensorFlow Lite operators: {', '.join(sorted(IMPORTERS))}."), Text("")]
    for op in (op for op in ALL if op in imported):
        lines.append(Text(op.kind, style="bold"))
        lines += [Text(f"  {constraint.sentence}") for constraint in op.constraints]
    return Group(*lines)


def tools_report() -> tuple[bool, RenderableType]:
    """Whether everything that `tinyc deploy` needs is there, and where each tool is or how to get it."""
    table = _table("tool", "version", "needed for", "where, or how to get it")
    found = tools()
    for tool in found:
        place = str(tool.path) if tool.path else f"missing: {tool.install_command}"
        table.add_row(tool.name, tool.version or "-", tool.needed_for, place)
    table.add_row(*_witness_row())
    return all(tool.path for tool in found if tool.name in NEEDED_TO_DEPLOY), table


def _witness_row() -> tuple[str, str, str, str]:
    purpose = "confirming the reference (optional)"
    try:
        return WITNESS, metadata.version(WITNESS), purpose, "in this Python"
    except metadata.PackageNotFoundError:
        return WITNESS, "-", purpose, "missing: it has wheels for Python 3.11 and older"


def _heading(analysis: Analysis) -> RenderableType:
    model, program = analysis.model, analysis.program
    macs, executed = model.graph.macs(), analysis.macs_executed
    dead = macs - program.plan.graph.macs()
    work = f"{macs / 1e6:.3g} M multiply-accumulates"
    notes = [f"{dead / 1e6:.3g} M of them dead"] if dead > 0 else []
    notes += [f"channels removed: {analysis.removed_channels}"] if analysis.removed_channels else []
    notes += [f"{executed / 1e6:.3g} M executed"] if executed != macs else []
    work += f" ({', '.join(notes)})" if notes else ""
    lines = [Text.assemble((model.path.name, "bold"), f"  {model.format}, {len(program.layers)} layers, {work}")]
    board = analysis.board
    if board is not None and not board.is_host:
        sizes = f"{board.clock_hz // 1_000_000} MHz, {_k(board.sram_bytes)} SRAM, {_k(board.flash.bytes)} flash"
        lines.append(Text.assemble((board.name, "bold"), f"  {board.title}, {board.core}, {sizes}"))
    elif board is not None:
        lines.append(Text.assemble((board.name, "bold"), f"  {board.title}"))
    risky = overflowing(model.graph)
    if risky:
        names = ", ".join(_short(name) for name in risky)
        lines.append(Text(f"The 32-bit accumulator may overflow on some input: {names}.", style="yellow"))
    return Group(*lines, Text(""))


def _memory(document: Document, board: Board | None) -> Iterable[Fact]:
    memory = document["memory"]
    optimal = "the smallest possible for this schedule" if memory["placement_optimal"] else "not proven smallest"
    yield "arena", f"{memory['arena_bytes']:,}", f"{optimal}; lower bound {memory['lower_bound_bytes']:,}"
    yield "schedule", document["schedule"]["mode"], _schedule(document)
    proof = "nothing needs less" if memory["search_exhaustive"] else f"at least {memory['search_bound_bytes'] or 0:,}"
    yield "searched", "", f"{memory['search_class']}: {proof}"
    peak, unknown = memory["peak_sram_bytes"], "not measured there" if document["run"] else "known once it is built"
    if peak is None:
        yield "stack", "", unknown
    else:
        used = document["run"]["stack_used_bytes"]
        note = "the most that its calls can take" + (f"; {used:,} used" if used is not None else "")
        yield "stack", f"{memory['stack_bytes']:,}", note
        yield "static", f"{memory['static_bytes']:,}", ""
        yield "peak SRAM", f"{peak:,}", _share(peak, None if board is None else board.sram_bytes, board)
    yield from _banks(memory["banks"])
    plain = f"{memory['layers_arena_bytes']:,}"
    yield "layer by layer", plain, "the arena that plain execution without overlap would need"


def _banks(banks: Sequence[Document]) -> Iterable[Fact]:
    """What is in each bank, where the board has several."""
    for bank in banks if len(banks) > 1 else ():
        parts = {word: bank[f"{word}_bytes"] for word in ("arena", "stack", "static")}
        if any(parts.values()):
            what = ", ".join(f"{word} {size:,}" for word, size in parts.items() if size)
            yield f"  in {bank['name']}", f"{sum(filter(None, parts.values())):,}", f"of {bank['bytes']:,}: {what}"


def _schedule(document: Document) -> str:
    schedule, macs = document["schedule"], document["model"]["macs"]
    regions, extra = schedule["regions"], schedule["extra_macs"]
    if not regions:
        return "each layer from its first row to its last"
    rows = f"{regions} region{'s' if regions > 1 else ''} of layers that run row by row"
    return f"{rows}; {extra / macs:.1%} of the work done twice" if extra and macs else f"{rows}; nothing computed twice"


def _pareto(document: Document) -> Iterable[RenderableType]:
    """The ways to pay for less memory with more work; nothing where there is only one."""
    points = document["schedule"]["pareto"]
    if len(points) < 2:
        return
    table = _table(right=("arena", "extra MACs", "--ram"))
    for point in points:
        table.add_row(f"{point['arena_bytes']:,}", f"{point['extra_macs_ratio']:.1%}", f"{point['ram_bytes']}")
    yield Group(Text("Less memory for more work (--ram chooses)", style="bold"), table, Text(""))


def _flash_facts(document: Document, board: Board | None) -> Iterable[RenderableType]:
    """Nothing for this computer, which has no flash."""
    if board is None or not board.is_host:
        yield _facts("Flash", _flash(document, board))


def _flash(document: Document, board: Board | None) -> Iterable[Fact]:
    flash = document["flash"]
    total = flash["total_bytes"]
    if total is None:
        yield "weights", f"{flash['weights_bytes']:,}", "the code's size is known once it is built"
        return
    yield "weights", f"{flash['weights_bytes']:,}", ""
    yield "code", f"{flash['code_bytes']:,}", ""
    yield "total", f"{total:,}", _share(total, None if board is None else board.flash.bytes, board)


def _share(part: int, whole: int | None, board: Board | None) -> str:
    return "" if whole is None or board is None or board.is_host else f"{part / whole:.1%} of the board's {whole:,}"


def _run(report: Report) -> Iterable[Fact]:
    result, analysis = report.result, report.analysis
    where = f"{report.firmware.target} {result.machine}" if result.machine != HOST else "this computer"
    if result.stand_in and analysis.board is not None:
        where += (
            f", the stand-in for {analysis.board.name}: same {analysis.board.shares}, same model objects,"
            " memory limited to the board's"
        )
    yield "target", "", where
    macs = analysis.model.graph.macs()
    for name, count in (("instructions", result.instructions), ("cycles", result.cycles)):
        if count is not None:
            yield (
                name,
                f"{count:,}",
                f"one inference; {count / macs:.2f} per multiply-accumulate" if macs else "one inference",
            )


def _check(report: Report) -> Iterable[Fact]:
    check = report.check
    verdict = "equal" if not check.mismatches else f"{check.mismatches:,} DIFFER, by up to {check.max_abs_difference:g}"
    rows = "equal" if not check.row_mismatches else f"{check.row_mismatches:,} DIFFER"
    parties = "target, rewritten model and witness" if check.witness else "target and rewritten model"
    yield "reference", "", check.oracle
    yield "witness", "", "; ".join(part for part in (check.witness or "none", check.witness_note) if part)
    yield "values", f"{check.values:,}", f"{verdict}, over {report.samples} samples: {parties}"
    yield "tensor rows", f"{check.tensor_rows:,}", f"{rows}, of {check.tensors} tensors"


def _work(analysis: Analysis) -> Iterable[RenderableType]:
    """What one inference will take, by the catalogue's costs; nothing without a board, whose kernels they are of."""
    if analysis.board is None or analysis.board.is_host:
        return
    total, macs = predicted_total(analysis.program), analysis.model.graph.macs()
    note = f"predicted; {total / macs:.2f} per multiply-accumulate" if macs else "predicted"
    yield _facts("One inference", [("instructions", f"{total:,}", note)])


def _classes(report: Report) -> Iterable[RenderableType]:
    """What kinds of instructions each layer executes, in per cent of its own; why that is not known where it is not."""
    classes, layers = report.result.classes, report.analysis.program.layers
    if classes is None:
        if report.result.classes_note:
            yield Group(Text(f"Kinds of instructions: not counted: {report.result.classes_note}"), Text(""))
        return
    table = _table("layer", "kernel", right=("instructions", *CLASSES))
    rows = [(f"{layer.index}", layer.kernel.name, classes.layers[layer.index]) for layer in layers]
    for index, kernel, counts in (*rows, ("", "the schedule", classes.schedule)):
        shares = [f"{getattr(counts, name) / max(counts.total, 1):.0%}" for name in CLASSES]
        table.add_row(index, kernel, f"{counts.total:,}", *shares)
    yield Group(table, Text(""))


def _layers(program: Program, counts: Sequence[int] | None, total: int) -> RenderableType:
    """One line a layer: `live` bytes of arena while it runs.

    With counts, their share of `total` and how many per MAC; without, how many are predicted, and the live bytes as a bar.
    """
    columns = ("MACs", *(("predicted",) if counts is None else ("instructions", "share", "i/MAC")), "live")
    table = _table(
        "layer", "op", "output", "kernel", right=columns, after=("", "tensor") if counts is None else ("tensor",)
    )
    predicted = predicted_layers(program)
    for layer in program.layers:
        shape = "x".join(map(str, layer.tensor.shape))
        cells = [f"{layer.macs:,}" if layer.macs else "-"]
        live, name = f"{layer.arena_live_bytes:,}", _short(layer.tensor.name)
        if counts is None:
            cells += [f"{predicted[layer.index]:,}", live, _bar(layer.arena_live_bytes, program.arena_bytes)]
        else:
            count = counts[layer.index]
            per_mac = f"{count / layer.macs:.2f}" if layer.macs else "-"
            cells += [f"{count:,}", f"{count / max(total, 1):.1%}", per_mac, live]
        table.add_row(f"{layer.index}", layer.op, shape, layer.kernel.name, *cells, name)
    return Group(table, Text(""))


def _bar(part: int, whole: int) -> str:
    """`part` of `whole` as a bar; something is always seen of what is not zero."""
    return "#" * max(round(BAR_WIDTH * part / max(whole, 1)), 1 if part else 0)


def _peak(program: Program) -> RenderableType:
    """What the arena holds when it is fullest, the largest first; an output that is written over its input shows at the same place."""
    table = _table(right=("bytes", "from", "to"), after=("held at the peak",))
    for buffer in sorted(program.plan.peak, key=lambda each: -each.bytes):
        placement = program.plan.placement
        offset, bank = placement.offsets[buffer.name], placement.banks[placement.bank(buffer.name)]
        name = "scratch" if buffer.name.startswith(":scratch") else _short(buffer.name)
        name += f" in {bank}" if len(placement.banks) > 1 else ""
        table.add_row(f"{buffer.bytes:,}", f"{offset:,}", f"{offset + buffer.bytes:,}", name)
    return Group(table, Text(""))


def _room(analysis: Analysis) -> RenderableType:
    """Which boards have SRAM for the arena and flash for the weights, and what work it takes where this arena is too large."""
    table = _table("board", right=("SRAM left", "flash left"), after=("",))
    macs = max(analysis.model.graph.macs(), 1)
    for name in board_catalogue.names():
        board = board_catalogue.load(name)
        if board.is_host:
            continue
        sram, flash = arena_room(board), board.flash.bytes - weights_bytes(analysis)
        way = way_to_fit(analysis, board)
        extra, arena = way or (0, analysis.program.arena_bytes)
        verdict = (
            "does not fit"
            if flash < 0 or way is None
            else f"fits; {extra / macs:.1%} of the work done twice"
            if extra
            else "fits"
        )
        table.add_row(board.name, f"{sram - arena:,}", f"{flash:,}", verdict)
    return Group(table, Text(""))


def _predicted(found: Sequence[Prediction]) -> Iterable[RenderableType]:
    """Every prediction, or where there are many and the labels are known, the wrong ones."""
    if not found:
        return
    labelled = [prediction for prediction in found if prediction.label is not None]
    wrong = [prediction for prediction in labelled if prediction.predicted != prediction.label]
    shown = wrong if labelled and len(found) > SHOWN_PREDICTIONS else found
    table = _table(
        right=("sample", "predicted", "score", *(("label",) if labelled else ())), after=("",) if labelled else ()
    )
    for prediction in shown[:SHOWN_PREDICTIONS]:
        cells = [f"{prediction.sample}", f"{prediction.predicted}", f"{prediction.score:.3f}"]
        if labelled:
            cells += [f"{prediction.label}", "wrong" if prediction.predicted != prediction.label else ""]
        table.add_row(*cells)
    yield table
    hidden = len(shown) - SHOWN_PREDICTIONS
    if hidden > 0:
        yield Text(f"and {hidden} more")
    if labelled:
        right = len(labelled) - len(wrong)
        yield Text(f"{right} of {len(labelled)} right ({right / len(labelled):.1%})")
    yield Text("")


def _facts(title: str, facts: Iterable[Fact]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, min_width=16)
    table.add_column(justify="right", no_wrap=True, min_width=12)
    table.add_column(style="dim")
    for name, value, note in facts:
        if value or note:
            table.add_row(f"  {name}", value, note) if value else table.add_row(f"  {name}", "", note)
    return Group(Text(title, style="bold"), table, Text(""))


def _table(*left: str, right: Sequence[str] = (), after: Sequence[str] = ()) -> Table:
    """A table without lines: text columns, number columns, text columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    for name in after:
        table.add_column(name)
    return table


def _k(size: int) -> str:
    return f"{size // 1024:,} K"


def _short(name: str) -> str:
    """A tensor name's last 32 characters: converters write whole paths."""
    return name if len(name) <= 32 else f"...{name[-29:]}"
