"""Firmware -> RunResult: load samples, run them, bring back what the target computed and counted."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinyc.board import load
from tinyc.build import Firmware, Where
from tinyc.build.sizes import symbols
from tinyc.errors import TargetFault
from tinyc.ir.types import Array
from tinyc.run import qemu
from tinyc.run.classes import Classes, class_counter, unavailable
from tinyc.run.fault import Fault
from tinyc.run.protocol import Client, CounterKind, Description, Run
from tinyc.run.stream import PipeStream, SerialStream, Stream

TIMEOUT = 120.0
Sample = tuple[Array, ...]
RowCrcs = tuple[tuple[int, int], ...]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a target computed: `outputs` per sample in the program's order, as stored.

    `instructions` (emulator) and `cycles` (board) are of one inference; `layer_instructions` by layer index, in the same unit.
    `row_crcs` per sample are (layer, CRC-32 of the bytes written) of every layer call, in order.  `stack_used_bytes` is the deepest stack
    of an inference below the caller's frame, None where it is not measured.
    """

    outputs: tuple[Sample, ...]
    instructions: int | None
    cycles: int | None
    layer_instructions: tuple[int, ...] | None
    row_crcs: tuple[RowCrcs, ...] | None
    stack_used_bytes: int | None
    arena_used_bytes: int
    machine: str
    stand_in: bool
    classes: Classes | None = None
    """What kinds of instructions one inference executes, where that was asked for and can be told."""
    classes_note: str = ""
    """Why it cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """One conversation about all samples of it: outputs and runs, in the order of the samples."""

    description: Description
    outputs: tuple[Sample, ...]
    runs: tuple[Run, ...]


def run(
    firmware: Firmware,
    samples: Sequence[Sample],
    *,
    probe: bool = True,
    profile: bool = False,
    classes: bool = False,
    timeout: float = TIMEOUT,
    progress: Progress = lambda message: None,
) -> RunResult:
    """Run every sample (a tuple of stored input arrays).

    `probe`: also run the instrumented link, for row CRCs; `profile`: also count every layer; `classes`: also what kinds of
    instructions it executes.  `timeout` is for one answer of the target.
    """
    conversation = _Conversation(firmware=firmware, timeout=timeout)
    if firmware.target.where is Where.SERIAL:
        return _on_board(conversation, samples)
    emulated = firmware.target.where is Where.QEMU
    progress("running")
    note = unavailable() or "" if classes and emulated else ""
    with _together(conversation) as start, tempfile.TemporaryDirectory(prefix="tinyc-classes-") as folder:
        counter = class_counter(firmware, Path(folder)) if classes and emulated and not note else None
        counting = start(firmware.run_elf, samples[:1], seed=len(samples), counted=emulated)
        plain = start(firmware.run_elf, samples)
        probing = start(firmware.probe_elf, samples) if probe else None
        profiling = start(firmware.probe_elf, samples[:1], counted=True) if profile and emulated else None
        classifying = start(firmware.run_elf, samples[:1], options=counter.options) if counter else None
        found = counter.counts() if counter and classifying and classifying.result() else None
    first, every = counting.result(), plain.result()
    if not np.array_equal(_flat(first.outputs[0]), _flat(every.outputs[0])):
        raise TargetFault(
            "one sample gave two different outputs in two runs: the model reads memory that it has not written."
        )
    return RunResult(
        outputs=every.outputs,
        instructions=qemu.instructions(first.description, first.runs[0].ticks) if emulated else None,
        cycles=None,
        layer_instructions=_per_layer(profiling.result()) if profiling else None,
        row_crcs=_row_crcs(probing.result()) if probing else None,
        stack_used_bytes=_stack([*first.runs, *every.runs]),
        arena_used_bytes=max(each.arena_bytes for each in every.runs),
        machine=firmware.board.machine if emulated else "host",
        stand_in=emulated and firmware.board.stand_in,
        classes=found,
        classes_note=note,
    )


@contextlib.contextmanager
def _together(conversation: _Conversation) -> Iterator[Callable[..., Future[_Session]]]:
    """Sessions side by side; the first that fails, or an interrupt, ends the others at once."""
    sessions: list[Future[_Session]] = []

    def start(*arguments: object, **options: object) -> Future[_Session]:
        sessions.append(pool.submit(conversation.hold, *arguments, **options))  # type: ignore[arg-type]
        return sessions[-1]

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        try:
            yield start
            for session in as_completed(sessions):
                session.result()
        except BaseException:
            for session in sessions:
                session.cancel()
            conversation.kill()
            raise


def _on_board(conversation: _Conversation, samples: Sequence[Sample]) -> RunResult:
    """A board that was flashed with its firmware.elf: the plain link, all samples, cycles of the first."""
    session = conversation.hold(conversation.firmware.run_elf, samples)
    return RunResult(
        outputs=session.outputs,
        instructions=None,
        cycles=session.runs[0].ticks if session.description.counter_kind is CounterKind.CYCLES else None,
        layer_instructions=None,
        row_crcs=None,
        stack_used_bytes=_stack(session.runs),
        arena_used_bytes=max(each.arena_bytes for each in session.runs),
        machine=conversation.firmware.board.name,
        stand_in=False,
    )


def _row_crcs(session: _Session) -> tuple[RowCrcs, ...]:
    return tuple(tuple((record.layer, record.crc) for record in each.records) for each in session.runs)


def _flat(outputs: Sample) -> Array:
    return np.concatenate([array.reshape(-1).view(np.uint8) for array in outputs])


def _stack(runs: Sequence[Run]) -> int | None:
    return max(each.stack_bytes for each in runs) or None


def _per_layer(session: _Session) -> tuple[int, ...]:
    """Instructions of each layer: every call's ticks, rounded to instructions, less what the probe itself takes."""
    (only,) = session.runs
    cost = qemu.instructions(session.description, only.empty_ticks)
    counts = [0] * session.description.layer_count
    for record in only.records:
        counts[record.layer] += qemu.instructions(session.description, record.ticks) - cost
    return tuple(counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversation:
    """How to reach a target with one of the firmware's images."""

    firmware: Firmware
    timeout: float
    programs: list[PipeStream] = field(default_factory=list)
    """Those that run."""

    def kill(self) -> None:
        """End every program at once."""
        for program in tuple(self.programs):
            program.kill()

    def hold(
        self,
        elf: Path,
        samples: Sequence[Sample],
        *,
        seed: int = 0,
        counted: bool = False,
        options: Sequence[str] = (),
    ) -> _Session:
        """Start `elf`, run all samples, stop; unwritten arena bytes follow from `seed` and the sample's number."""
        raw = [tuple(np.ascontiguousarray(array).tobytes() for array in sample) for sample in samples]
        with self._open(elf, raw, counted=counted, options=options) as (stream, addresses):
            client = Client(stream, timeout=self.timeout, explain=lambda fault: self._explain(fault, elf))
            description = client.describe()
            self._check(description)
            outputs, runs = [], []
            for number, sample in enumerate(raw):
                client.reset(seed + number)
                for index, data in enumerate(sample):
                    address = addresses.get((number, index))
                    if address is not None:
                        client.input_at(index, address, data)
                        continue
                    step = len(data) // max(description.input_rows, 1)
                    for start in range(0, len(data), step):
                        client.input(index, data[start : start + step])
                runs.append(self._checked(client.run()))
                outputs.append(self._outputs(client))
        return _Session(description=description, outputs=tuple(outputs), runs=tuple(runs))

    @contextlib.contextmanager
    def _open(
        self, elf: Path, samples: Sequence[tuple[bytes, ...]], *, counted: bool, options: Sequence[str]
    ) -> Iterator[tuple[Stream, dict[tuple[int, int], int]]]:
        """The stream, and where the target's own memory holds inputs: (sample, input) -> address."""
        target, board = self.firmware.target, self.firmware.board
        if target.where is Where.SERIAL:
            assert board.uart is not None
            with contextlib.closing(SerialStream(target.port, board.uart.baud)) as serial:
                yield serial, {}
        elif target.where is Where.HOST:
            with self._started([str(elf)], "the program") as pipe:
                yield pipe, {}
        else:
            emulator = load(board.stands_in).emulator
            assert emulator is not None
            with tempfile.TemporaryDirectory(prefix="tinyc-samples-") as folder:
                file = Path(folder) / "samples.bin"
                addresses = qemu.place_samples(samples, emulator, file)
                image = file if addresses else None
                command = qemu.command(emulator, elf, samples=image, counted=counted, options=options)
                with self._started(command, "QEMU") as pipe:
                    yield pipe, addresses

    @contextlib.contextmanager
    def _started(self, command: Sequence[str], name: str) -> Iterator[PipeStream]:
        with PipeStream(command, name) as pipe:
            self.programs.append(pipe)
            try:
                yield pipe
            finally:
                self.programs.remove(pipe)

    def _explain(self, fault: Fault, elf: Path) -> str:
        if self.firmware.target.where is Where.HOST:
            return fault.explain_signal()
        return fault.explain(symbols(elf))

    def _check(self, description: Description) -> None:
        """The target must hold this very model."""
        program = self.firmware.tree.program
        inputs = tuple(port.tensor.bytes for port in program.inputs)
        outputs = tuple(port.tensor.bytes for port in program.outputs)
        found = (description.sha256, description.input_bytes, description.output_bytes, description.arena_bytes)
        if found != (program.sha256, inputs, outputs, program.arena_bytes):
            raise TargetFault(f"the target holds another model ({description.name}).", hint="Flash it again.")

    def _checked(self, each: Run) -> Run:
        if each.status != 0:
            raise TargetFault(f"the model's run function returned {each.status}.")
        return each

    def _outputs(self, client: Client) -> Sample:
        tensors = [port.tensor for port in self.firmware.tree.program.outputs]
        stored = [client.output(index, tensor.bytes) for index, tensor in enumerate(tensors)]
        return tuple(
            np.frombuffer(data, dtype=tensor.dtype.numpy).reshape(tensor.shape)
            for data, tensor in zip(stored, tensors, strict=True)
        )
