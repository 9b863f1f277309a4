"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinyc.errors import UsageError
from tinyc.report.write import MARKER, check_file, check_folder, output_folder, write_file


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write_file(target, "old")
    write_file(target, "new")
    assert target.read_text() == "new"
    assert contents(tmp_path) == {"out.json"}


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_folder_appears_with_what_was_put_into_it(tmp_path: Path) -> None:
    with output_folder(tmp_path / "out", force=False) as folder:
        (folder / "kws.c").write_text("int x;")
        assert not (tmp_path / "out").exists()
    assert contents(tmp_path / "out") == {"kws.c", MARKER}
    assert contents(tmp_path) == {"out"}


def test_a_failure_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out", force=False) as folder:
        (folder / "kws.c").write_text("int x;")
        raise RuntimeError
    assert contents(tmp_path) == set()


def test_a_failure_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    with output_folder(tmp_path / "out", force=False) as folder:
        (folder / "old.c").write_text("")
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out", force=False):
        raise RuntimeError
    assert contents(tmp_path / "out") == {"old.c", MARKER}


def test_a_folder_of_ours_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("old.c", "new.c"):
        with output_folder(tmp_path / "out", force=False) as folder:
            (folder / name).write_text("")
    assert contents(tmp_path / "out") == {"new.c", MARKER}
    assert contents(tmp_path) == {"out"}


def test_a_folder_of_somebody_elses_is_refused_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("")
    with pytest.raises(UsageError, match="is not empty and was not made by tinyc"):
        check_folder(out, force=False)
    check_folder(out, force=True)
    assert contents(out) == {"chapter1.tex"}


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with output_folder(tmp_path / "out", force=False):
        pass
    assert contents(tmp_path / "out") == {MARKER}


def test_a_file_in_the_way_and_a_missing_parent_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        check_folder(tmp_path / "file", force=True)
    with pytest.raises(UsageError, match="does not exist"):
        check_folder(tmp_path / "no" / "where", force=False)
    with pytest.raises(UsageError, match="is a folder"):
        check_file(tmp_path)


def test_an_unwritable_parent_is_refused() -> None:
    with pytest.raises(UsageError, match=r"The folder /proc cannot be written: .*\. Name another one"):
        check_folder(Path("/proc/out"), force=False)
