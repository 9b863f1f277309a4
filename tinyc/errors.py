"""One exception per kind of failure, each with its exit code.

Every message is one sentence that says where, how much, and the way out; `cli.py` prints it and exits, nothing else does.
"""

from __future__ import annotations

from typing import ClassVar


class TinycError(Exception):
    """The base of every failure that a user can cause or cure."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class OutputsDiffer(TinycError):
    """The target computed something else than the reference."""

    exit_code = 1


class UsageError(TinycError):
    """An option, a board name or an output folder is wrong."""

    exit_code = 2


class ModelError(TinycError):
    """The model file is damaged, contradicts itself, or uses something that is not supported."""

    exit_code = 3


class NotACertificate(TinycError):
    """A file is no certificate, or not one of a version that this tinyc reads."""

    exit_code = 3


class PlanRefuted(TinycError):
    """A certificate whose plan does not hold, or that claims more than is true."""

    exit_code = 1


class DoesNotFit(TinycError):
    """The model needs more memory than the board has."""

    exit_code = 4


class ToolMissing(TinycError):
    """A compiler or an emulator is not installed, or failed."""

    exit_code = 5


class TargetFault(TinycError):
    """The target hung, faulted, or answered with garbage."""

    exit_code = 6
