"""Firmware -> RunResult: one protocol over QEMU's serial port, a pipe to this computer's own build, or a real serial port."""

from tinyc.run.flash import flash
from tinyc.run.run import RunResult, run

__all__ = ["RunResult", "flash", "run"]
