"""Byte streams to a target, each with a deadline: a program behind a pipe (QEMU, this computer) or a serial port."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from tinyc.errors import TargetFault, ToolMissing

MESSAGE_LINES = 12


class Stream(Protocol):
    """Bytes to and from a target; `deadline` is a time of time.monotonic()."""

    def write(self, data: bytes, deadline: float) -> None:
        """Send everything, or TargetFault."""
        ...

    def read(self, deadline: float) -> bytes:
        """At least one byte, or TargetFault."""
        ...

    def close(self) -> None: ...


class PipeStream:
    """A program that speaks the protocol over its standard input and output."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        self._name = name
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolMissing(f"{name} does not start: {error.strerror}.") from error
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        self._errors: list[str] = []
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()

    def __enter__(self) -> PipeStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            _, writable, _ = select.select([], [self._input], [], _left(deadline))
            if not writable:
                raise TargetFault(f"{self._name} took no input in time: it hangs.")
            try:
                view = view[os.write(self._input, view) :]
            except BrokenPipeError:
                raise self._ended() from None

    def read(self, deadline: float) -> bytes:
        readable, _, _ = select.select([self._output], [], [], _left(deadline))
        if not readable:
            raise TargetFault(f"{self._name} did not answer in time: it hangs.")
        data = os.read(self._output, 1 << 16)
        if not data:
            raise self._ended()
        return data

    def kill(self) -> None:
        """End the program and whatever it has started; a thread that waits for its answer then gets TargetFault."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self._process.wait()
        self._drain.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _ended(self) -> TargetFault:
        code = self._process.wait()
        self._drain.join()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = f" It said: {' / '.join(self._errors)}" if self._errors else ""
        return TargetFault(f"{self._name} ended early with {how}.{said}")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.decode(errors="replace").strip()
            if text and len(self._errors) < MESSAGE_LINES:
                self._errors.append(text)


class SerialStream:
    """A board at a serial port: a device, or a URL that pyserial knows (`socket://localhost:3456` for Renode's terminal)."""

    def __init__(self, port: str, baud: int) -> None:
        import serial

        self._port = port
        try:
            self._serial = serial.serial_for_url(port, baud, timeout=0.05)
        except (OSError, ValueError) as error:
            raise TargetFault(f"the serial port {port} cannot be opened: {error}.") from error
        self._serial.reset_input_buffer()

    def write(self, data: bytes, deadline: float) -> None:
        try:
            self._serial.write_timeout = max(_left(deadline), 0.001)
            self._serial.write(data)
        except OSError as error:
            raise TargetFault(f"the board at {self._port} takes no input: {error}.") from error

    def read(self, deadline: float) -> bytes:
        while True:
            try:
                data = bytes(self._serial.read(max(1, self._serial.in_waiting)))
            except OSError as error:
                raise TargetFault(f"the board at {self._port} is gone: {error}.") from error
            if data:
                return data
            if _left(deadline) == 0:
                raise TargetFault(
                    f"the board at {self._port} did not answer in time.",
                    hint="Is its firmware flashed, and the port right?",
                )

    def close(self) -> None:
        self._serial.close()


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
