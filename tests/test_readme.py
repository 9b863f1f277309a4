"""README's sessions are what the commands print: each ```console block is run and compared, word for word.

`make readme` runs this with TINYC_UPDATE_README=1, which writes the new output into the page instead.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tinyc import cli

BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
UPDATE = bool(os.environ.get("TINYC_UPDATE_README"))


def session(block: str, folder: Path) -> str:
    """The block with the output that its commands print now; a command ends where the next prompt starts."""
    commands = [line.removeprefix(PROMPT) for line in block.splitlines() if line.startswith(PROMPT)]
    return "".join(f"{PROMPT}{command}\n{output(command, folder)}" for command in commands)


def output(command: str, folder: Path) -> str:
    """What a `tinyc` command prints, both streams, and its exit code where that is not 0."""
    program, *arguments = shlex.split(command)
    assert program == "tinyc", command
    done = subprocess.run(
        [sys.executable, "-m", "tinyc", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout.rstrip("\n") + "\n" + (f"(exit code {done.returncode})\n" if done.returncode else "")


def blocks(root: Path) -> list[str]:
    return BLOCK.findall((root / "README.md").read_text())


@pytest.mark.slow
def test_the_sessions_are_what_the_commands_print(root: Path, arm_tools: None) -> None:
    page = root / "README.md"
    found = blocks(root)
    assert found
    now = [session(block, root) for block in found]
    assert "tinyc: bug" not in "".join(now)
    if UPDATE:
        fresh = iter(now)
        page.write_text(BLOCK.sub(lambda match: next(fresh), page.read_text()))
    assert now == (now if UPDATE else found), "run `make readme` and look at the difference"


def test_what_does_not_work_fails(root: Path) -> None:
    """Each session below the sentence on what does not work shows one sentence and the exit code."""
    page = (root / "README.md").read_text()
    block = BLOCK.search(page, page.index("What does not work is said in one sentence:"))
    assert block
    sessions = re.split(rf"^{re.escape(PROMPT)}", block[0], flags=re.MULTILINE)[1:]
    assert len(sessions) > 1
    for shown in sessions:
        command, *said = shown.splitlines()
        assert len(said) == 2 and said[0].startswith("tinyc: "), command
        assert re.fullmatch(r"\(exit code [1-9]\d*\)", said[1]), command


@pytest.mark.tools
def test_the_c_example_builds_beside_what_compile_writes(root: Path, digits: Path, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```c\n(.*?)^```$", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    model = tmp_path / "model"
    assert cli.run(["compile", str(digits), "--board", "host", "--out", str(model)]) == 0
    (tmp_path / "classify.c").write_text(example)
    sources = [tmp_path / "classify.c", *sorted(model.rglob("*.c"))]
    assert len(sources) > 2
    command = ["gcc", "-std=c99", "-Wall", "-Werror", "-c", f"-I{model}", f"-I{model / 'kernels'}", *map(str, sources)]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    assert {path.stem for path in tmp_path.glob("*.o")} == {path.stem for path in sources}


def test_every_named_file_exists(root: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (root / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (root / link).exists()] == []


def test_the_make_targets_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", (root / "README.md").read_text()))
    assert named
    assert named <= targets


def test_the_operators_are_the_supported_ones(root: Path) -> None:
    from tinyc.frontends.tflite_operators import IMPORTERS

    listed = section((root / "README.md").read_text(), "Operators").split(";")[0]
    assert set(re.findall(r"[A-Z][A-Z0-9_]+", listed)) == set(IMPORTERS)


def test_the_limits_name_the_operators_for_which_recorded_models_are_refused(root: Path) -> None:
    from tinyc.bench import read_record
    from tinyc.bench.page import unsupported
    from tinyc.frontends.tflite_operators import IMPORTERS

    listed = set(re.findall(r"[A-Z][A-Z0-9_]+", section((root / "README.md").read_text(), "Limits")))
    met = {name for arena in read_record().arenas.values() for name in unsupported(arena.verdict)}
    assert met and met <= listed
    assert not listed & set(IMPORTERS)


def section(text: str, title: str) -> str:
    """The text below a heading, to the next of its height."""
    match = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"README has no section {title}"
    return match[1]
