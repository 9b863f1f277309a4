"""QEMU: its command line, samples in memory beside the board's, ticks as instructions.

Under `-icount shift=S,sleep=off` every instruction takes 2^S ns of virtual time and nothing else passes time, so a timer counts
instructions.  With S = 7 one instruction is 3.2 ticks of the 25 MHz timer: rounding gives the exact count.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from tinyc.board import Emulator
from tinyc.build import tools
from tinyc.run.protocol import Description

ICOUNT_SHIFT = 7
ALIGNMENT = 16


def command(
    emulator: Emulator, elf: Path, *, samples: Path | None, counted: bool, options: Sequence[str] = ()
) -> list[str]:
    """QEMU with its serial port on standard input and output; `counted` makes virtual time follow the instructions."""
    words = [tools.find(tools.QEMU_ARM), *f"-M {emulator.machine} -display none -monitor none -serial stdio".split()]
    words += ["-icount", f"shift={ICOUNT_SHIFT},sleep=off"] if counted else []
    if samples is not None:
        words += ["-device", f"loader,file={samples},addr={emulator.samples_address:#x},force-raw=on"]
    return [*words, *options, "-kernel", str(elf)]


def instructions(description: Description, ticks: int) -> int:
    """The instructions executed while the emulated timer made `ticks`."""
    return round(Fraction(ticks * 1_000_000_000, description.counter_hz * (1 << ICOUNT_SHIFT)))


def place_samples(samples: Sequence[tuple[bytes, ...]], emulator: Emulator, file: Path) -> dict[tuple[int, int], int]:
    """Write the memory image `file` and return where in it each (sample, input) is; what does not fit is sent as frames."""
    content = bytearray()
    addresses: dict[tuple[int, int], int] = {}
    for number, sample in enumerate(samples):
        for index, data in enumerate(sample):
            if len(content) + len(data) > emulator.samples_bytes:
                continue
            addresses[number, index] = emulator.samples_address + len(content)
            content += data
            content += bytes(-len(content) % ALIGNMENT)
    if addresses:
        file.write_bytes(content)
    return addresses
