"""The bench: what is measured, in which settings, several processes at a time."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from tinyc.bench.collection import CATALOGUE, Listed, read_collection
from tinyc.bench.layers import LAYERS
from tinyc.bench.measure import LayerJob, ModelJob, Setting
from tinyc.bench.peers import Peers
from tinyc.bench.results import ArenaResult, LayerCount, LayerResult, ModelResult, Outcome, Results
from tinyc.build.tools import ARM_GCC, QEMU_ARM, tools
from tinyc.errors import UsageError

M4, M7, M55 = "mps2_an386", "stm32f746", "mps3_an547"
BOARDS = (M4, M7, M55)
PROFILED = (M4, M55)
"""Where the layers are counted too, by default settings; Cortex-M7 runs the kernels of Cortex-M4."""
Job = ModelJob | LayerJob
Measured = Outcome | LayerResult
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What was measured, and the layers of the models, predicted and counted."""

    results: Results
    layer_counts: tuple[LayerCount, ...]


def settings(boards: Collection[str]) -> Iterator[Setting]:
    """Every model on each board; on Cortex-M4 also for size, layer by layer, and with its input by rows."""
    yield from (Setting(board=board) for board in boards)
    if M4 in boards:
        yield Setting(board=M4, optimize="size")
        yield Setting(board=M4, schedule="layers")
        yield Setting(board=M4, input="rows")


def run_bench(
    peers: Peers,
    *,
    models: Path,
    boards: Collection[str],
    only: Collection[str],
    jobs: int,
    progress: Progress,
    calibrate: bool = False,
) -> Bench:
    """Measure the models in the folder `models` whose names contain one of `only`, on `boards`; all where these are empty.

    To calibrate, the layers of the whole collection are counted, not only those of the models that peers have figures for.
    """
    listed = {name: each for name, each in read_collection(models).items() if _is_wanted(name, only)}
    every = _jobs(models, peers, listed, boards or BOARDS, only, calibrate=calibrate)
    todo = sorted(every, key=lambda job: -job.macs)
    if not todo:
        raise UsageError(f"nothing to measure is called {' or '.join(only)}.")
    missing = [name for name in listed if not _file(models, name).exists()]
    if missing:
        progress(f"not measured, though {models / CATALOGUE} lists them: {', '.join(missing)}; their files are missing")
    outcomes = _measure(todo, jobs, progress)
    results = Results(
        tools={tool.name: tool.version or "" for tool in tools() if tool.name in (ARM_GCC.name, QEMU_ARM.name)},
        models=_models(peers, outcomes),
        layers=_layers(outcomes),
        arenas=_arenas(listed, outcomes),
    )
    counts = tuple(count for outcome in outcomes.values() if isinstance(outcome, Outcome) for count in outcome.layers)
    return Bench(results=results, layer_counts=counts)


def _jobs(
    folder: Path,
    peers: Peers,
    listed: Mapping[str, Listed],
    boards: Collection[str],
    only: Collection[str],
    *,
    calibrate: bool,
) -> Iterator[Job]:
    for name in (name for name in peers.models if _is_wanted(name, only)):
        path, macs = _file(folder, name), listed[name].macs if name in listed else 0
        if not path.exists():
            raise UsageError(f"{folder} has no {path.name}.", hint="Say --models DIR, or --only NAME.")
        for setting in settings(boards):
            yield ModelJob(path=path, setting=setting, profile=setting.key in PROFILED, macs=macs)
    for index, layer in enumerate(LAYERS):
        if _is_wanted(layer.name, only):
            yield from (LayerJob(index=index, board=board, optimize="speed") for board in PROFILED if board in boards)
            yield from (LayerJob(index=index, board=M4, optimize="size") for _ in range(M4 in boards))
    collected = [board for board in (PROFILED if calibrate else (M4,)) if board in boards]
    for name, each in listed.items():
        path = _file(folder, name)
        if name not in peers.models and path.exists():
            for board in collected:
                yield ModelJob(path=path, setting=Setting(board=board), profile=calibrate, macs=each.macs)


def _is_wanted(name: str, only: Collection[str]) -> bool:
    return not only or any(part in name for part in only)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.tflite"


def _measure(todo: list[Job], jobs: int, progress: Progress) -> dict[Job, Measured]:
    """Every job's outcome, `jobs` processes at a time; says which are done."""
    started = time.monotonic()
    found: dict[Job, Measured] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=context, initializer=_prepare) as pool:
        futures: dict[Future[Measured], Job] = {pool.submit(_run, job): job for job in todo}
        try:
            for future in as_completed(futures):
                job = futures[future]
                found[job] = future.result()
                progress(
                    f"{len(found)}/{len(todo)}  {time.monotonic() - started:4.0f} s  {job.title}: {_brief(found[job])}"
                )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    return {job: found[job] for job in todo}


def _prepare() -> None:
    """In each process: the user interrupts the bench, which then ends its processes; each ends with it, and ends its emulators."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_the_bench, daemon=True).start()


def _end_with_the_bench() -> None:
    """Whichever way the bench ends: a process that is killed ends nobody."""
    bench = multiprocessing.parent_process()
    assert bench is not None
    bench.join()
    main = threading.main_thread().ident  # which may wait for work: the signal must wake it, not this thread
    assert main is not None
    while True:  # the pool takes the first for a job's exception, the next ends the wait for another job
        signal.pthread_kill(main, signal.SIGTERM)
        time.sleep(1.0)


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _run(job: Job) -> Measured:
    return job.measure()


def _brief(outcome: Measured) -> str:
    if isinstance(outcome, LayerResult):
        return ", ".join(f"{count or 0:,}" for count in outcome.instructions.values())
    if outcome.counts is None:
        return outcome.verdict
    return f"{outcome.counts.instructions:,} instructions, {outcome.counts.arena_bytes:,} B arena, {outcome.verdict}"


def _models(peers: Peers, outcomes: Mapping[Job, Measured]) -> dict[str, ModelResult]:
    models: dict[str, ModelResult] = {}
    for job, outcome in outcomes.items():
        if not isinstance(outcome, Outcome) or not isinstance(job, ModelJob) or job.name not in peers.models:
            continue
        so_far = models.get(job.name, ModelResult(macs=0, model_weights_bytes=0, runs={}))
        models[job.name] = ModelResult(
            macs=so_far.macs or outcome.macs,
            model_weights_bytes=so_far.model_weights_bytes or outcome.model_weights_bytes,
            runs={**so_far.runs, job.setting.key: replace(outcome, layers=())},
        )
    return models


def _layers(outcomes: Mapping[Job, Measured]) -> dict[str, LayerResult]:
    layers: dict[str, LayerResult] = {}
    for job, outcome in outcomes.items():
        if isinstance(outcome, LayerResult):
            so_far = layers[job.name].instructions if job.name in layers else {}
            layers[job.name] = replace(outcome, instructions={**so_far, **outcome.instructions})
    return layers


def _arenas(listed: Mapping[str, Listed], outcomes: Mapping[Job, Measured]) -> dict[str, ArenaResult]:
    arenas = {}
    for job, outcome in outcomes.items():
        if not isinstance(job, ModelJob) or not isinstance(outcome, Outcome) or job.setting != Setting(board=M4):
            continue
        if job.name in listed:
            arena = outcome.counts.arena_bytes if outcome.counts is not None and outcome.equal else None
            theirs = listed[job.name].tflm_arena_bytes
            arenas[job.name] = ArenaResult(verdict=outcome.verdict, arena_bytes=arena, tflm_arena_bytes=theirs)
    return arenas
