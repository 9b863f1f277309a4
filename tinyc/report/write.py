"""Files that appear whole or not at all: a report, an output folder.

Decision: an output folder is filled beside its place and renamed into it.  Because: a failure halfway leaves nothing, and an old result
stays until the new one is complete.  Rejected: deleting on failure, which a kill prevents.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyc.errors import UsageError

MARKER = ".tinyc"
"""The file that tells an output folder of ours, which may be replaced, from somebody's work, which may not."""


def check_file(path: Path) -> None:
    """UsageError where `path` cannot be written."""
    _check_parent(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name a file.")


def write_file(path: Path, text: str) -> None:
    """Write `text` to `path` in one step; a reader sees the old file or the new one.  A device or a pipe is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_text(text)
        return
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def check_folder(path: Path, *, force: bool) -> None:
    """UsageError where `path` cannot become an output folder; `force` allows to replace a folder that tinyc did not make."""
    _check_parent(path)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file.", hint="Name a folder that does not exist yet.")
    if path.is_dir() and any(path.iterdir()) and not (path / MARKER).exists() and not force:
        raise UsageError(f"{path} is not empty and was not made by tinyc.", hint="Name another folder, or say --force.")


@contextmanager
def output_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """A new folder to fill; at the end it replaces `path`, on an exception it vanishes."""
    check_folder(path, force=force)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.absolute().parent))
    try:
        yield temporary
        (temporary / MARKER).write_text("This folder was written by tinyc and is replaced by its next run.\n")
        temporary.chmod(0o777 & ~_umask())
        _replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    old = new.with_name(f"{new.name}-old")
    path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _check_parent(path: Path) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"The folder {parent} does not exist.", hint=f"Make it with: mkdir -p {parent}")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise UsageError(
            f"The folder {parent} cannot be written: {error.strerror}.", hint="Name another one."
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
