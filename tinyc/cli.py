"""The command line: the only place that prints or exits.

Exit codes: 0 done and equal; 1 outputs differ; 2 usage; 3 model invalid or unsupported; 4 does not fit the board; 5 a tool is missing;
6 the target faulted or timed out; 70 a bug of tinyc; 130 interrupted.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, RenderableType
from rich.measure import Measurement

from tinyc import __version__
from tinyc.errors import OutputsDiffer, TinycError, UsageError

if TYPE_CHECKING:
    from tinyc.pipeline import Options
    from tinyc.report import Inputs, Report

BUG_EXIT_CODE = 70
INTERRUPTED_EXIT_CODE = 130
BROKEN_PIPE_EXIT_CODE = 141
FIRMWARE = "firmware.elf"
REPORT = "report.json"
CERTIFICATE = "certificate.json"
UNLIMITED_WIDTH = 1000
DEFAULT_TARGET = "qemu"
QUIET_SECONDS = 2.0
"""A command says what it is doing once it has taken this long."""


def size(text: str) -> int:
    """A size in bytes: 65536, 64k or 64K (1024 each), 1M."""
    match = re.fullmatch(r"(\d+)([kKmM]?)", text.strip())
    if match is None or int(match[1]) == 0:
        raise click.BadParameter(f"{text!r} is not a size; write 65536, 64k or 1M")
    return int(match[1]) * {"": 1, "k": 1024, "m": 1024**2}[match[2].lower()]


def main() -> None:
    """The entry point of the `tinyc` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """One command, errors turned into one sentence on stderr; returns the exit code."""
    try:
        return int(tinyc.main(args=list(arguments), prog_name="tinyc", standalone_mode=False) or 0)
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED_EXIT_CODE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "tinyc"
        _say(f"{_sentence(error.format_message())} See {command} --help.")
        return UsageError.exit_code
    except click.ClickException as error:
        _say(_sentence(error.format_message()))
        return UsageError.exit_code
    except TinycError as error:
        _debug()
        _say(str(error))
        return error.exit_code
    except SystemExit:  # click's way out of a broken pipe, with a code that would mean "outputs differ"
        return BROKEN_PIPE_EXIT_CODE
    except OSError as error:
        _debug()
        _say(f"{error.filename or 'input or output'}: {error.strerror or error}.")
        return UsageError.exit_code
    except Exception as error:
        _debug()
        summary = " ".join(f"{type(error).__name__}: {error}".split())
        _say(f"bug: {summary} Please report it with what the same command prints under TINYC_DEBUG=1.")
        return BUG_EXIT_CODE


def _say(sentence: str) -> None:
    click.echo(f"tinyc: {sentence}", err=True)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _debug() -> None:
    if os.environ.get("TINYC_DEBUG"):
        traceback.print_exc()


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, "--version", message="tinyc %(version)s")
@click.pass_context
def tinyc(context: click.Context) -> None:
    """Compile a trained, quantized model to microcontroller firmware, and prove the firmware equal to the model."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


MODEL = click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
JSON = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, allow_dash=True), help="Write the report here; - is stdout."
)
CERTIFICATE_FILE = click.option(
    "--certificate",
    "certificate_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan, its lower bound and its claims here, for tinyc check.",
)
FORCE = click.option("--force", is_flag=True, help="Replace the --out folder even if tinyc did not make it.")
PLANNING = (
    click.option(
        "--ram",
        type=size,
        metavar="SIZE",
        help="Use at most this much SRAM, stack and static data included: 65536, 64k.",
    ),
    click.option(
        "--schedule", type=click.Choice(["auto", "layers", "patches", "stream"]), default="auto", show_default=True
    ),
    click.option("--input", type=click.Choice(["whole", "rows"]), default="whole", show_default=True),
    click.option(
        "--io",
        type=click.Choice(["quantized", "model"]),
        default="quantized",
        show_default=True,
        help="Drop a float model boundary and convert on the host, or keep it.",
    ),
    click.option("--optimize", type=click.Choice(["speed", "size"]), default="speed", show_default=True),
)
RUNNING = (
    click.option("--on", help="Where to run: qemu (the default), host (this computer) or serial:DEVICE."),
    click.option("--samples", type=click.IntRange(min=1), default=8, show_default=True, help="How many inputs to run."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random inputs."),
    click.option(
        "--inputs",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Real inputs, samples first: .npy, or .npz with an array per input and, to be scored, 'labels'.",
    ),
    click.option("--profile", is_flag=True, help="Count the instructions of every layer, and of each kind."),
)


def _with(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@tinyc.command()
@MODEL
@click.option("--board", required=True, help="The board to deploy to; tinyc boards lists them.")
@_with(PLANNING)
@_with(RUNNING)
@click.option("--out", type=click.Path(path_type=Path), help="Keep sources, .elf, .bin, report and certificate here.")
@FORCE
@click.option(
    "--flash", "to_flash", is_flag=True, help="Then write the firmware, proven equal, into the board's flash."
)
@CERTIFICATE_FILE
@JSON
def deploy(
    model: Path,
    board: str,
    on: str | None,
    out: Path | None,
    force: bool,
    to_flash: bool,
    certificate_file: Path | None,
    json_file: Path | None,
    **chosen: Any,
) -> int:
    """Build MODEL's firmware, run it, prove it equal."""
    from tinyc import pipeline
    from tinyc.lower.certificate import certificate_text
    from tinyc.report import json_text, to_json
    from tinyc.report.write import write_file

    _check_outputs(json_file, out, force=force, certificate=certificate_file)
    if to_flash:
        _check_programmer(board)
    inputs = _inputs(chosen)
    with _folder(out, force=force) as folder, _progress() as progress:
        report = pipeline.deploy(
            model,
            board=board,
            on=on or DEFAULT_TARGET,
            options=_options(chosen),
            progress=progress,
            directory=folder,
            inputs=inputs,
        )
        write_file(folder / REPORT, json_text(to_json(report, inputs=inputs)))
        certificate = certificate_text(report.analysis.program)
        write_file(folder / CERTIFICATE, certificate)
        if certificate_file is not None:
            write_file(certificate_file, certificate)
        if to_flash and report.check.equal:
            progress("flashing")
            _flash(board, folder)
    return _finish(report, inputs, json_file)


@tinyc.command()
@MODEL
@click.option("--board", required=True, help="The board to run for; tinyc boards lists them.")
@_with(PLANNING)
@_with(RUNNING)
@JSON
def validate(model: Path, board: str, on: str | None, json_file: Path | None, **chosen: Any) -> int:
    """Run MODEL and compare every value; keep nothing."""
    from tinyc import pipeline

    _check_outputs(json_file, None, force=False)
    inputs = _inputs(chosen)
    with _progress() as progress:
        report = pipeline.deploy(
            model, board=board, on=on or DEFAULT_TARGET, options=_options(chosen), progress=progress, inputs=inputs
        )
    return _finish(report, inputs, json_file)


@tinyc.command()
@MODEL
@click.option("--board", help="The board to plan for; without it, the table says which boards have room.")
@_with(PLANNING)
@CERTIFICATE_FILE
@JSON
def analyze(
    model: Path, board: str | None, certificate_file: Path | None, json_file: Path | None, **chosen: Any
) -> int:
    """Plan MODEL's memory, list its layers; build nothing."""
    from tinyc import pipeline
    from tinyc.lower.certificate import certificate_text
    from tinyc.report import analysis_tables, to_json
    from tinyc.report.write import write_file

    _check_outputs(json_file, None, force=False, certificate=certificate_file)
    with _progress() as progress:
        analysis = pipeline.analyze(model, board=board, options=_options(chosen), progress=progress)
    if certificate_file is not None:
        write_file(certificate_file, certificate_text(analysis.program))
    _print(json_file, to_json(analysis), analysis_tables(analysis))
    return 0


@tinyc.command("compile")
@MODEL
@click.option("--board", required=True, help="The board to compile for; tinyc boards lists them.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder for the C sources.")
@_with(PLANNING)
@FORCE
@CERTIFICATE_FILE
def compile_(model: Path, board: str, out: Path, force: bool, certificate_file: Path | None, **chosen: Any) -> int:
    """Write MODEL as C99 sources."""
    from tinyc import pipeline
    from tinyc.lower.certificate import certificate_text
    from tinyc.report import source_table
    from tinyc.report.write import write_file

    _check_outputs(None, out, force=force, certificate=certificate_file)
    with _folder(out, force=force) as folder, _progress() as progress:
        tree = pipeline.compile_model(model, board=board, options=_options(chosen), progress=progress)
        for name, text in tree.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        certificate = certificate_text(tree.program)
        (folder / CERTIFICATE).write_text(certificate)
        if certificate_file is not None:
            write_file(certificate_file, certificate)
    _show(source_table(tree, out))
    return 0


@tinyc.command()
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(certificate: Path) -> int:
    """Replay a plan's CERTIFICATE without the planner."""
    from tinyc import checker
    from tinyc.report import verdict_table

    _show(verdict_table(checker.check(certificate.read_text(encoding="utf-8", errors="replace"))))
    return 0


@tinyc.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--board", required=True, help="The board at the programmer; tinyc boards lists them.")
def flash(folder: Path, board: str) -> int:
    """Write the firmware in FOLDER into a board's flash."""
    with _progress() as progress:
        progress("flashing")
        tool = _flash(board, folder)
    click.echo(f"{folder / FIRMWARE} is in the flash of {board}, verified by {tool}.")
    return 0


@tinyc.command()
def boards() -> int:
    """List the boards."""
    from tinyc.report import boards_table

    _show(boards_table())
    return 0


@tinyc.command()
def ops() -> int:
    """List the supported operators and their limits."""
    from tinyc.report import ops_table

    _show(ops_table())
    return 0


@tinyc.command()
@click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="TINYC_MODELS",
    help="The folder of the models; TINYC_MODELS names it too.",
)
@click.option("--board", "boards", multiple=True, help="Only this board; may be given again.")
@click.option("--only", multiple=True, metavar="NAME", help="Only what has NAME in its name; may be given again.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes at a time.")
@click.option(
    "--calibrate",
    is_flag=True,
    help="Also refit the costs that predict instructions to what is counted, kernel by kernel, and write them down.",
)
@click.option("--profile", is_flag=True, help="Also list every layer, with the kinds of its instructions.")
@click.option("--update", is_flag=True, help="Write the counts into the record instead of holding them to it.")
@click.option("--recorded", is_flag=True, help="Show the record; measure nothing.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --update or --recorded: also write the record as Markdown between the markers of this file.",
)
@JSON
def bench(recorded: bool, page: Path | None, json_file: Path | None, **chosen: Any) -> int:
    """Measure public models beside what other tools reach."""
    from tinyc import bench as benches
    from tinyc.kernels.calibration import factors

    _check_bench(recorded=recorded, page=page, **chosen)
    _check_outputs(json_file, None, force=False)
    if page is not None:
        benches.check_page(page)
    record, peers = benches.read_record(), benches.read_peers()
    if recorded:
        if page is not None:
            benches.write_page(page, record, peers)
        _print(json_file, benches.to_document(record), benches.bench_tables(record, peers))
        return 0
    if chosen["models"] is None:
        raise UsageError("bench needs --models, the folder of the models.")
    update, profile, calibrate = chosen.pop("update"), chosen.pop("profile"), chosen["calibrate"]
    if calibrate:
        benches.check_calibration()
    found = benches.run_bench(peers, progress=lambda text: click.echo(text, err=True), **chosen)
    worse, better = benches.changes(record, found.results)
    layers = found.layer_counts
    tables = [*benches.bench_tables(found.results, peers), *benches.prediction_tables(layers, found.results)]
    tables += benches.calibration_tables(layers) if calibrate else ()
    tables += benches.profile_tables(layers) if profile else ()
    tables += benches.change_tables(worse, better)
    _print(json_file, benches.to_document(found.results), tables)
    if calibrate:
        benches.write_calibration(benches.refitted(factors(), layers))
    if update:
        record = record.updated(found.results)
        benches.write_record(record)
        if page is not None:
            benches.write_page(page, record, peers)
    if not worse or update:
        return 0
    tools = ", ".join(f"{name} {version}" for name, version in record.tools.items())
    made = "" if record.tools == found.results.tools else f" The record was made with other tools: {tools}."
    _say(f"worse than recorded: {len(worse)}, the first {worse[0]}. Where that is meant, say --update.{made}")
    return OutputsDiffer.exit_code


@tinyc.command()
def doctor() -> int:
    """List the tools that tinyc uses, found or missing."""
    from tinyc.report import tools_report

    complete, table = tools_report()
    _show(table)
    return 0 if complete else 5


def _check_bench(
    *, recorded: bool, page: Path | None, calibrate: bool, profile: bool, update: bool, **chosen: Any
) -> None:
    """UsageError for options that would do nothing, or harm, together."""
    measuring = {
        "--calibrate": calibrate,
        "--profile": profile,
        "--update": update,
        "--board": chosen["boards"],
        "--only": chosen["only"],
    }
    asked = next((option for option, given in measuring.items() if given), None)
    if recorded and asked is not None:
        raise UsageError(f"--recorded measures nothing, {asked} is about measuring.", hint="Leave out one of them.")
    if calibrate and update:
        raise UsageError(
            "--update would record what kernels need that are chosen by costs which --calibrate replaces.",
            hint="Run bench with --calibrate first, then again with --update.",
        )
    if page is not None and not (recorded or update):
        raise UsageError("--page shows the record, which is not written.", hint="Say --update or --recorded too.")


def _options(chosen: dict[str, Any]) -> Options:
    from tinyc.pipeline import Options

    return Options(**chosen)


def _inputs(chosen: dict[str, Any]) -> Inputs | None:
    """The user's own inputs, as many as `--samples` asks for, or None."""
    from tinyc.report import read_inputs

    path = chosen.pop("inputs")
    return None if path is None else read_inputs(path, limit=chosen["samples"])


def _check_outputs(json_file: Path | None, out: Path | None, *, force: bool, certificate: Path | None = None) -> None:
    """Refuse what cannot be written before any work is done."""
    from tinyc.report.write import check_file, check_folder

    if json_file is not None and str(json_file) != "-":
        check_file(json_file)
    if certificate is not None:
        check_file(certificate)
    if out is not None:
        check_folder(out, force=force)


@contextmanager
def _folder(out: Path | None, *, force: bool) -> Iterator[Path]:
    """The user's folder, or one for the time of the command."""
    from tinyc.report.write import output_folder

    scratch = tempfile.TemporaryDirectory(prefix="tinyc-")
    with scratch as name, nullcontext(Path(name)) if out is None else output_folder(out, force=force) as folder:
        yield folder


def _check_programmer(board: str) -> None:
    """Refuse to flash what cannot be flashed before any work is done."""
    from tinyc.board import load
    from tinyc.run.flash import command_line

    command_line(load(board), Path(FIRMWARE))


def _flash(board: str, folder: Path) -> str:
    from tinyc.board import load
    from tinyc.run import flash as write

    return write(load(board), folder / FIRMWARE)


def _finish(report: Report, inputs: Inputs | None, json_file: Path | None) -> int:
    """Print the report; OutputsDiffer where the comparison failed."""
    from tinyc.report import difference, report_tables, to_json

    _print(json_file, to_json(report, inputs=inputs), report_tables(report, inputs=inputs))
    if not report.check.equal:
        raise OutputsDiffer(difference(report))
    return 0


def _print(json_file: Path | None, document: dict[str, Any], tables: Sequence[RenderableType]) -> None:
    from tinyc.report import json_text
    from tinyc.report.write import write_file

    if json_file is not None and str(json_file) == "-":
        click.echo(json_text(document), nl=False)
        return
    if json_file is not None:
        write_file(json_file, json_text(document))
    _show(*tables)


def _show(*parts: RenderableType) -> None:
    """To a terminal in colour, to a pipe as plain text."""
    from tinyc.report import plain_text

    if not sys.stdout.isatty():
        click.echo("".join(plain_text(part) for part in parts), nl=False)
        return
    terminal = Console()
    unlimited = terminal.options.update(width=UNLIMITED_WIDTH)
    for part in parts:
        least = Measurement.get(terminal, unlimited, part).minimum
        Console(width=max(terminal.width, least)).print(part)  # a table too wide wraps, but loses no figure


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A status line on a terminal's stderr, from the time the command has taken two seconds; elsewhere silence."""
    if not sys.stderr.isatty():
        yield lambda message: None
        return
    status = Console(stderr=True).status("starting")
    timer = Timer(QUIET_SECONDS, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield status.update
    finally:
        timer.cancel()
        status.stop()
