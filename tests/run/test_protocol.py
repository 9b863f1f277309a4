"""The host's end of the protocol against a target that answers well, badly or not at all."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import pytest

from tinyc.errors import TargetFault
from tinyc.run.fault import Fault
from tinyc.run.protocol import Client, Frame


def frame(kind: int, payload: bytes, *, sequence: int = 1) -> bytes:
    body = struct.pack("<BBI", kind, sequence, len(payload)) + payload
    return b"TC" + body + struct.pack("<I", zlib.crc32(body))


class Scripted:
    """A target that sends these chunks, whatever it is asked, and is then silent."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.sent = b""

    def write(self, data: bytes, deadline: float) -> None:
        self.sent += data

    def read(self, deadline: float) -> bytes:
        try:
            return next(self.chunks)
        except StopIteration:
            raise TargetFault("silence") from None

    def close(self) -> None:
        pass


def client(*chunks: bytes) -> Client:
    return Client(Scripted(chunks), timeout=1.0, explain=lambda fault: fault.explain([(0x100, 16, "kws_l03")]))


RUN_REPLY = frame(Frame.RUN | Frame.REPLY, struct.pack("<iQII", 0, 123, 456, 789))


def test_a_command_is_framed() -> None:
    stream = Scripted([frame(Frame.INPUT | Frame.REPLY, b"")])
    Client(stream, timeout=1.0, explain=str).input(7, b"abc")
    assert stream.sent == frame(Frame.INPUT, b"\x07\0\0\0abc")


def test_a_reply_in_single_bytes() -> None:
    run = client(*(bytes([byte]) for byte in RUN_REPLY)).run()
    assert (run.status, run.ticks, run.stack_bytes, run.arena_bytes) == (0, 123, 456, 789)


def test_noise_before_a_reply_is_skipped() -> None:
    assert client(b"boot T TT\r\n" + b"T", RUN_REPLY).run().ticks == 123


def test_records_come_before_the_reply() -> None:
    records = struct.pack("<9I", 0xFFFFFFFF, 5, 0, 0, 17, 0xAAAA, 1, 18, 0xBBBB)
    run = client(frame(Frame.RECORDS, records, sequence=0) + RUN_REPLY).run()
    assert [(record.layer, record.ticks, record.crc) for record in run.records] == [(0, 17, 0xAAAA), (1, 18, 0xBBBB)]
    assert run.empty_ticks == 5


def test_a_stale_reply_is_skipped() -> None:
    assert client(frame(Frame.RUN | Frame.REPLY, b"old", sequence=9), RUN_REPLY).run().ticks == 123


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"x" * 5000, "garbage: 5,000 bytes that are no frame"),
        (RUN_REPLY[:-1] + bytes([RUN_REPLY[-1] ^ 1]), "a frame whose checksum is wrong"),
        (b"TC\x85\x01\xff\xff\xff\xff", "a frame of 4,294,967,295 bytes"),
        (RUN_REPLY[:-3], "silence"),
        (b"", "silence"),
        (frame(Frame.RUN | Frame.REPLY, b"short"), "5 bytes where 20 were due"),
        (frame(Frame.RECORDS, b"12345"), "a part of a record"),
        (frame(Frame.ERROR, struct.pack("<I", 3)), "refused RUN: the command arrived damaged"),
        (frame(Frame.ERROR, struct.pack("<I", 99)), "refused RUN: error 99"),
        (frame(Frame.FAULT, b"123"), "the target faulted, and its report has 3 bytes, not 64"),
    ],
)
def test_bad_answers(answer: bytes, message: str) -> None:
    with pytest.raises(TargetFault, match=message):
        client(answer).run()


def test_an_input_that_arrives_changed() -> None:
    answer = frame(Frame.INPUT_AT | Frame.REPLY, struct.pack("<I", zlib.crc32(b"abd")))
    with pytest.raises(TargetFault, match="input 0 did not arrive"):
        client(answer).input_at(0, 0x6000_0000, b"abc")


@pytest.mark.parametrize("payload", [b"", struct.pack("<13I", 1, *[0] * 12), struct.pack("<13I", 2, 9, *[0] * 11)])
def test_a_bad_description(payload: bytes) -> None:
    with pytest.raises(TargetFault, match=r"too few bytes|protocol version 1|contradicts itself"):
        client(frame(Frame.DESCRIBE | Frame.REPLY, payload)).describe()


def registers(**values: int) -> Fault:
    names = ("exception", "frame_valid", "r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
    names += ("sp", "exc_return", "cfsr", "hfsr", "mmfar", "bfar")
    return Fault.decode(struct.pack("<16I", *(values.get(name, 0) for name in names)))


def test_a_fault_in_words() -> None:
    fault = registers(exception=4, frame_valid=1, pc=0x104, lr=0x201, cfsr=0x82, mmfar=0x20050000, sp=0x20000F00)
    assert fault.explain([(0x100, 16, "kws_l03")]) == (
        "the target stopped with a MemManage fault at kws_l03+0x4, called from 0x00000201:"
        " DACCVIOL: accessed a protected address (address 0x20050000)."
        " CFSR=0x00000082 HFSR=0x00000000 MMFAR=0x20050000 BFAR=0x00000000 SP=0x20000f00 PC=0x00000104 LR=0x00000201."
    )


def test_a_fault_without_stacked_registers() -> None:
    text = registers(exception=4, cfsr=0x10, sp=0x1FFFFFE0).explain([])
    assert text.startswith(
        "the target stopped with a MemManage fault: MSTKERR: could not stack: the stack overflowed. CFSR"
    )
    assert "PC=" not in text
