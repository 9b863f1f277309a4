"""The stages in their order, in straight lines: import, rewrite, plan, lower, emit, build, run, compare."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinyc.board import Board, load
from tinyc.build import Firmware, Target, arena_banks, build
from tinyc.emit import SourceTree, emit
from tinyc.errors import DoesNotFit, TargetFault, UsageError
from tinyc.frontends import tflite
from tinyc.ir import Graph, Tensor
from tinyc.kernels.contract import USUAL_STACK, Isa
from tinyc.lower import Program, lower
from tinyc.oracle.tflite import open_witness
from tinyc.passes import input_by_rows, quantized_boundary, removed_channels, rewrite
from tinyc.plan import Bank, make_front, make_plan
from tinyc.report import Analysis, Inputs, Model, Report, Seconds
from tinyc.report.compare import Sample, check, make_samples
from tinyc.run import RunResult, run

Progress = Callable[[str], None]
PLAIN_CORE = (Isa.SCALAR,)
CALLERS_STACK = 160
"""Bytes set aside for what calls kernels: the functions of the model, of a region and of a layer."""
STACK_ALLOWANCE = USUAL_STACK + CALLERS_STACK
"""Bytes set aside for the model's stack while planning; what it really takes is measured, and held to the limit, afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user may choose; the command line's options of the same names."""

    ram: int | None = None
    schedule: str = "auto"
    input: str = "whole"
    io: str = "quantized"
    samples: int = 8
    seed: int = 0
    optimize: str = "speed"
    profile: bool = False


def analyze(path: Path, *, board: str | None, options: Options, progress: Progress, front: bool = True) -> Analysis:
    """Import and plan; nothing is built.  `front`: also every way to trade work for memory, which takes longer."""
    started = time.monotonic()
    target = None if board is None else load(board)
    progress("importing")
    imported = tflite.load(path)
    progress("planning")
    bounded = _with_io(imported.graph, options.io)
    rewritten = rewrite(bounded)
    graph = _with_input(rewritten, path, options.input)
    banks = () if target is None else arena_banks(target, graph)
    allowance, program = _planned(graph, target, banks, options, name=path.stem, sha256=imported.sha256)
    plan = program.plan
    progress("weighing memory against work")
    ways = make_front(graph, isas=_isas(target)) if front and options.schedule == "auto" else (plan,)
    return Analysis(
        model=Model(path=path, sha256=imported.sha256, format="tflite", graph=imported.graph),
        io=options.io,
        board=target,
        removed_channels=removed_channels(bounded, rewritten),
        program=program,
        schedule=options.schedule,
        input=options.input,
        ways=ways,
        stack_allowance=allowance,
        seconds=Seconds(analyze=time.monotonic() - started),
    )


def compile_model(path: Path, *, board: str, options: Options, progress: Progress) -> SourceTree:
    """The model as C sources, for a board that it fits."""
    analysis = analyze(path, board=board, options=options, progress=progress, front=False)
    _require_fit(analysis, options)
    return emit(analysis.program)


def deploy(
    path: Path,
    *,
    board: str,
    on: str,
    options: Options,
    progress: Progress,
    directory: Path | None = None,
    inputs: Inputs | None = None,
) -> Report:
    """Everything: build for the board, run on a target, compare every value; firmware is left in `directory`, if given.

    `inputs` are the user's own; by default random and edge ones are made.
    """
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="tinyc-") as scratch:
            return deploy(
                path, board=board, on=on, options=options, progress=progress, directory=Path(scratch), inputs=inputs
            )
    analysis = analyze(path, board=board, options=options, progress=progress, front=False)
    assert analysis.board is not None
    _require_fit(analysis, options)
    tree = emit(analysis.program)

    started = time.monotonic()
    progress("building")
    firmware = build(tree, board=analysis.board, target=Target.parse(on), directory=directory)
    built = time.monotonic()
    _require_stack(analysis, firmware)

    progress("running")
    ports = [port.tensor for port in analysis.program.inputs]
    chosen = _samples(ports, options, inputs)
    profile = options.profile
    result = run(firmware, chosen, probe=True, profile=profile, classes=profile, progress=progress)
    progress("comparing")
    compared = check(
        original=analysis.model.graph,
        program=analysis.program,
        samples=chosen,
        result=result,
        witness=open_witness(path, analysis.model.graph),
    )
    _require_peak(analysis, firmware, result, options)
    finished = time.monotonic()
    return Report(
        analysis=analysis,
        firmware=firmware,
        result=result,
        check=compared,
        samples=len(chosen),
        seconds=replace(analysis.seconds, build=built - started, run=finished - built),
    )


def _samples(ports: Sequence[Tensor], options: Options, inputs: Inputs | None) -> tuple[Sample, ...]:
    return make_samples(ports, count=options.samples, seed=options.seed) if inputs is None else inputs.samples(ports)


def _with_io(graph: Graph, io: str) -> Graph:
    return quantized_boundary(graph) if io == "quantized" else graph


def _isas(board: Board | None) -> tuple[Isa, ...]:
    return PLAIN_CORE if board is None else tuple(Isa(name) for name in board.isas)


def _with_input(graph: Graph, path: Path, how: str) -> Graph:
    if how != "rows":
        return graph
    try:
        return input_by_rows(graph)
    except ValueError as reason:
        raise UsageError(f"{path.name} cannot take its input by rows: {reason}.", hint="Use --input whole.") from None


def _planned(
    graph: Graph, target: Board | None, banks: Sequence[Bank], options: Options, *, name: str, sha256: str
) -> tuple[int, Program]:
    """The program, after the stack that it is given room for: more, where the compact forms of kernels go deeper than what was planned."""
    allowance, several = STACK_ALLOWANCE, banks if len(banks) > 1 else ()
    while True:
        limits = [] if options.ram is None else [options.ram - allowance]
        limits += [bank.bytes for bank in banks] if len(banks) == 1 else []
        budget = min(limits, default=None)
        plan = make_plan(graph, isas=_isas(target), schedule=options.schedule, budget=budget, banks=several)
        program = lower(plan, model_name=name, sha256=sha256, share=options.optimize == "size")
        needed = STACK_ALLOWANCE + program.plan.extra_stack - plan.extra_stack
        if needed <= allowance or budget is None or plan.needed_bytes + needed - allowance <= budget:
            return max(needed, allowance), program
        allowance = needed


def _require_fit(analysis: Analysis, options: Options) -> None:
    """DoesNotFit where arena or weights exceed the board, or the arena exceeds `--ram`; the linker checks the rest."""
    board, program = analysis.board, analysis.program
    assert board is not None
    name, rooms = analysis.model.path.name, arena_banks(board, program.plan.graph)
    room = sum(bank.bytes for bank in rooms)
    limit = room if options.ram is None else min(options.ram, room)
    if program.arena_bytes <= limit and not program.plan.placement.fits:
        banks = ", ".join(f"{bank.name} {bank.bytes:,}" for bank in rooms)
        raise DoesNotFit(
            f"{name} on {board.name}: needs {program.arena_bytes:,} B of SRAM for the arena, which cannot be cut up so that it fits"
            f" beside stack and harness into {banks}; the largest layer is {_largest(program)}.",
            hint=_way_out(analysis, min(limit, max(bank.bytes for bank in rooms))),
        )
    if program.arena_bytes > limit:
        has = f"the board has {room:,} B beside stack and harness" if limit == room else f"the limit is {limit:,} B"
        raise DoesNotFit(
            f"{name} on {board.name}: needs {program.arena_bytes:,} B of SRAM for the arena alone, {has}"
            f" ({program.arena_bytes - limit:,} B too many); the largest layer is {_largest(program)}.",
            hint=_way_out(analysis, limit),
        )
    flash = sum(constant.bytes for constant in program.constants)
    if flash > board.flash.bytes:
        raise DoesNotFit(
            f"{name} on {board.name}: its weights need {flash:,} B of flash, the board has {board.flash.bytes:,} B."
        )


def _require_stack(analysis: Analysis, firmware: Firmware) -> None:
    """DoesNotFit where the model's calls may go deeper than the stack of the board's image."""
    bound, board = firmware.stack_bound_bytes, firmware.board
    if bound is not None and bound > board.stack_bytes:
        raise DoesNotFit(
            f"{analysis.model.path.name} on {board.name}: its calls may take {bound:,} B of stack, the board's image has"
            f" {board.stack_bytes:,} B ({bound - board.stack_bytes:,} B too many)."
        )


def _require_peak(analysis: Analysis, firmware: Firmware, result: RunResult, options: Options) -> None:
    """DoesNotFit where arena, stack and static data together exceed `--ram`; the stack must stay within its bound."""
    arena, static = analysis.program.arena_bytes, firmware.static_bytes
    stack, used = firmware.stack_bound_bytes or 0, result.stack_used_bytes or 0
    if firmware.stack_bound_bytes is not None and used > stack:
        raise TargetFault(
            f"{firmware.board.name}: the model used {used:,} B of stack, its call graph allows {stack:,} B."
        )
    over = 0 if options.ram is None else arena + stack + static - options.ram
    if over > 0:
        raise DoesNotFit(
            f"{analysis.model.path.name} on {firmware.board.name}: needs {arena + stack + static:,} B of SRAM (arena {arena:,},"
            f" stack {stack:,}, static {static:,}), the limit is {options.ram:,} B ({over:,} B too many).",
            hint="Raise --ram.",
        )


def _way_out(analysis: Analysis, limit: int) -> str:
    """What to try for a model that does not fit: another schedule, more of the board's SRAM, the input by rows, or another board."""
    board, graph = analysis.board, analysis.program.plan.graph
    least = make_front(graph, isas=_isas(board))[-1].block_bytes
    if least <= limit and analysis.schedule != "auto":
        return "Try --schedule auto."
    has_more = board is not None and least <= max(bank.bytes for bank in arena_banks(board, graph))
    more = "raise --ram" if has_more else "choose a board with more SRAM"
    by_rows = "" if analysis.input == "rows" else ", or try --input rows"
    return f"No schedule searched needs less than {least:,} B: {more}{by_rows}."


def _largest(program: Program) -> str:
    layer = max(program.layers, key=lambda each: each.arena_live_bytes)
    return f"{layer.index} {layer.op} ({layer.name}) with {layer.arena_live_bytes:,} B live"
