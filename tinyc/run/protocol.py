"""The host's end of the framed protocol that firmware/harness/protocol.h defines."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from tinyc.errors import TargetFault
from tinyc.run.fault import Fault
from tinyc.run.stream import Stream

VERSION = 2
MAGIC = b"TC"
HEADER = struct.Struct("<2sBBI")
LONGEST_PAYLOAD = 1 << 26
LONGEST_NOISE = 4096
"""Bytes that are no frame before the answer is called garbage."""

RECORD = struct.Struct("<III")
EMPTY_LAYER = 0xFFFFFFFF


class Frame(IntEnum):
    """Frame types; a reply is its command with REPLY set."""

    DESCRIBE = 0x01
    RESET = 0x02
    INPUT = 0x03
    INPUT_AT = 0x04
    RUN = 0x05
    OUTPUT = 0x06
    REPLY = 0x80
    RECORDS = 0xC0
    ERROR = 0xE0
    FAULT = 0xF0


ERRORS = {
    1: "it does not know the command",
    2: "the command has the wrong length",
    3: "the command arrived damaged",
    4: "the model has no such input or output",
    5: "the model refused its arena",
}


class CounterKind(IntEnum):
    """What a target's ticks are."""

    NONE = 0
    EMULATED = 1
    CYCLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a target says of itself and of the model in it; `input_rows` is 0 unless the input is pushed row by row."""

    counter_kind: CounterKind
    counter_hz: int
    clock_hz: int
    stack_bytes: int
    arena_bytes: int
    arena_align: int
    layer_count: int
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]
    input_rows: int
    sha256: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One layer call of an instrumented link: ticks it took, CRC-32 of the bytes it wrote."""

    layer: int
    ticks: int
    crc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One inference; `records` is empty in a plain link."""

    status: int
    ticks: int
    stack_bytes: int
    arena_bytes: int
    records: tuple[Record, ...]
    empty_ticks: int


class Client:
    """One conversation with a harness.  Every call answers within `timeout` seconds or raises TargetFault."""

    def __init__(self, stream: Stream, *, timeout: float, explain: Callable[[Fault], str]) -> None:
        self._stream = stream
        self._timeout = timeout
        self._explain = explain
        self._sequence = 0
        self._buffer = b""
        self._records: list[Record] = []

    def describe(self) -> Description:
        payload = self._ask(Frame.DESCRIBE)
        words = struct.Struct("<13I")
        if len(payload) < words.size:
            raise TargetFault("the target describes itself in too few bytes.")
        version, kind, hz, clock, stack, _, arena, align, layers, inputs, outputs, rows, sha = words.unpack_from(
            payload
        )
        if version != VERSION:
            raise TargetFault(f"the target speaks protocol version {version}, not {VERSION}.")
        text_at = words.size + 4 * (inputs + outputs)
        if kind not in set(CounterKind) or len(payload) < text_at + sha:
            raise TargetFault("the target's description contradicts itself.")
        sizes = struct.unpack_from(f"<{inputs + outputs}I", payload, words.size)
        return Description(
            counter_kind=CounterKind(kind),
            counter_hz=hz,
            clock_hz=clock,
            stack_bytes=stack,
            arena_bytes=arena,
            arena_align=align,
            layer_count=layers,
            input_bytes=sizes[:inputs],
            output_bytes=sizes[inputs:],
            input_rows=rows,
            sha256=payload[text_at : text_at + sha].decode("ascii", errors="replace"),
            name=payload[text_at + sha :].decode("ascii", errors="replace"),
        )

    def reset(self, seed: int) -> None:
        """Paint the arena, so that bytes read before they are written differ from run to run, and initialize the model."""
        self._records = []
        self._ask(Frame.RESET, struct.pack("<I", seed & 0xFFFFFFFF))

    def input(self, index: int, data: bytes) -> None:
        """Load a whole input, or push one row."""
        self._ask(Frame.INPUT, struct.pack("<I", index) + data)

    def input_at(self, index: int, address: int, data: bytes) -> None:
        """Have the target copy an input from its own memory, where `data` was placed before it started."""
        (crc,) = struct.unpack("<I", _exactly(self._ask(Frame.INPUT_AT, struct.pack("<II", index, address)), 4))
        if crc != zlib.crc32(data):
            raise TargetFault(f"input {index} did not arrive at the target as it was sent.")

    def run(self) -> Run:
        payload = _exactly(self._ask(Frame.RUN), 20)
        status, ticks, stack, arena = struct.unpack("<iQII", payload)
        layers = tuple(record for record in self._records if record.layer != EMPTY_LAYER)
        empty = min((record.ticks for record in self._records if record.layer == EMPTY_LAYER), default=0)
        return Run(status=status, ticks=ticks, stack_bytes=stack, arena_bytes=arena, records=layers, empty_ticks=empty)

    def output(self, index: int, size: int) -> bytes:
        return _exactly(self._ask(Frame.OUTPUT, struct.pack("<I", index)), size)

    def _ask(self, command: Frame, payload: bytes = b"") -> bytes:
        deadline = time.monotonic() + self._timeout
        self._sequence = (self._sequence + 1) % 256
        body = HEADER.pack(MAGIC, command, self._sequence, len(payload)) + payload
        self._stream.write(body + struct.pack("<I", zlib.crc32(body[2:])), deadline)
        while True:
            kind, sequence, answer = self._receive(deadline)
            if kind == Frame.FAULT:
                fault = Fault.decode(answer)
                raise TargetFault(self._explain(fault))
            if kind == Frame.RECORDS:
                self._records += [
                    Record(layer=a, ticks=b, crc=c) for a, b, c in RECORD.iter_unpack(_whole_records(answer))
                ]
            elif kind == Frame.ERROR and sequence == self._sequence:
                (code,) = struct.unpack("<I", _exactly(answer, 4))
                raise TargetFault(f"the target refused {command.name}: {ERRORS.get(code, f'error {code}')}.")
            elif kind == command | Frame.REPLY and sequence == self._sequence:
                return answer

    def _receive(self, deadline: float) -> tuple[int, int, bytes]:
        noise = 0
        while True:
            start = self._find_magic()
            noise += start
            if noise > LONGEST_NOISE:
                raise TargetFault(f"the target answered with garbage: {noise:,} bytes that are no frame.")
            self._buffer = self._buffer[start:]
            frame = self._take_frame(deadline) if self._buffer.startswith(MAGIC) else None
            if frame is not None:
                return frame
            if not self._buffer.startswith(MAGIC):
                self._buffer += self._stream.read(deadline)

    def _find_magic(self) -> int:
        """How many bytes at the start of the buffer can be no frame."""
        found = self._buffer.find(MAGIC)
        if found >= 0:
            return found
        return len(self._buffer) - (1 if self._buffer.endswith(MAGIC[:1]) else 0)

    def _take_frame(self, deadline: float) -> tuple[int, int, bytes]:
        self._fill(HEADER.size, deadline)
        _, kind, sequence, length = HEADER.unpack_from(self._buffer)
        if length > LONGEST_PAYLOAD:
            raise TargetFault(f"the target answered with garbage: a frame of {length:,} bytes.")
        end = HEADER.size + length
        self._fill(end + 4, deadline)
        (crc,) = struct.unpack_from("<I", self._buffer, end)
        if crc != zlib.crc32(self._buffer[2:end]):
            raise TargetFault("the target answered with garbage: a frame whose checksum is wrong.")
        payload = self._buffer[HEADER.size : end]
        self._buffer = self._buffer[end + 4 :]
        return kind, sequence, payload

    def _fill(self, size: int, deadline: float) -> None:
        parts = [self._buffer]
        have = len(self._buffer)
        while have < size:
            data = self._stream.read(deadline)
            parts.append(data)
            have += len(data)
        self._buffer = b"".join(parts)


def _exactly(payload: bytes, size: int) -> bytes:
    if len(payload) != size:
        raise TargetFault(f"the target answered with {len(payload)} bytes where {size} were due.")
    return payload


def _whole_records(payload: bytes) -> bytes:
    if len(payload) % RECORD.size:
        raise TargetFault("the target sent a part of a record.")
    return payload
