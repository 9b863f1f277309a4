"""Where firmware runs: QEMU, this computer, a board at a serial port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tinyc.errors import UsageError


class Where(Enum):
    """The kinds of target; the value is the word on the command line."""

    QEMU = "qemu"
    HOST = "host"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target; `port` is the serial device of SERIAL, else empty."""

    where: Where
    port: str = ""

    @staticmethod
    def parse(text: str) -> Target:
        """`qemu`, `host` or `serial:/dev/ttyACM0`."""
        word, _, port = text.partition(":")
        if word == Where.SERIAL.value and port:
            return Target(where=Where.SERIAL, port=port)
        if not port and word in (Where.QEMU.value, Where.HOST.value):
            return Target(where=Where(word))
        raise UsageError(f"--on {text} is not a target.", hint="Use qemu, host or serial:DEVICE.")

    def __str__(self) -> str:
        return f"{self.where.value}:{self.port}" if self.port else self.where.value
