"""The command line: what each verb prints and writes, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tinyc import cli
from tinyc.frontends.tflite_operators import IMPORTERS

KEYS = {
    "model": {"file", "sha256", "format", "io", "macs", "macs_executed"},
    "board": {"name", "core", "clock_hz", "sram_bytes", "flash_bytes"},
    "memory": {
        *("arena_bytes", "stack_bytes", "static_bytes", "peak_sram_bytes", "lower_bound_bytes"),
        *("placement_optimal", "search_exhaustive", "layers_arena_bytes"),
    },
    "schedule": {"mode", "input", "regions", "extra_macs", "pareto"},
    "flash": {"weights_bytes", "code_bytes", "total_bytes"},
    "run": {"target", "machine", "stand_in", "samples", "instructions", "stack_used_bytes", "arena_used_bytes"},
    "check": {"oracle", "witness", "values", "mismatches", "max_abs_difference", "tensors", "tensor_rows"},
    "seconds": {"analyze", "build", "run", "total"},
}
"""Promised by design.md section 9: more may be added, none renamed."""
LAYER_KEYS = {"index", "name", "op", "kernel", "macs", "instructions", "arena_live_bytes"}

Tinyc = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tinyc(capsys: pytest.CaptureFixture[str]) -> Tinyc:
    """Runs one command in this process; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = cli.run([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory, digits: Path, root: Path, arm_tools: None) -> dict[str, Any]:
    """The digit model on the emulated board with real inputs: the JSON, the text and the folder."""
    folder = tmp_path_factory.mktemp("deploy")
    inputs = root / "examples" / "digits" / "digits_test.npz"
    command = [sys.executable, "-m", "tinyc", "deploy", digits, "--board", "stm32f746", "--profile"]
    files = ["--inputs", inputs, "--samples", "20", "--out", folder / "out", "--json", folder / "report.json"]
    done = subprocess.run([*map(str, command), *map(str, files)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {
        "json": json.loads((folder / "report.json").read_text()),
        "text": done.stdout,
        "stderr": done.stderr,
        "folder": folder / "out",
    }


def test_deploy_proves_the_digit_model_equal(deployed: dict[str, Any]) -> None:
    report = deployed["json"]
    assert report["check"]["mismatches"] == 0
    assert report["check"]["row_mismatches"] == 0
    assert min(report["check"][key] for key in ("values", "tensors", "tensor_rows")) > 0
    assert report["run"]["stand_in"] is True
    assert report["run"]["samples"] == 20
    assert report["model"]["file"] == "digits.tflite"


def test_the_json_has_the_promised_keys(deployed: dict[str, Any]) -> None:
    report = deployed["json"]
    assert {key: set(report[key]) & names for key, names in KEYS.items()} == KEYS
    assert all(set(layer) >= LAYER_KEYS for layer in report["layers"])
    assert all(set(point) >= {"arena_bytes", "extra_macs_ratio"} for point in report["schedule"]["pareto"])


def test_the_figures_hold_together(deployed: dict[str, Any]) -> None:
    report = deployed["json"]
    memory, flash, run = report["memory"], report["flash"], report["run"]
    assert memory["peak_sram_bytes"] == memory["arena_bytes"] + memory["stack_bytes"] + memory["static_bytes"]
    assert memory["lower_bound_bytes"] <= memory["arena_bytes"] <= memory["layers_arena_bytes"]
    assert run["arena_used_bytes"] <= memory["arena_bytes"]
    assert flash["total_bytes"] == flash["weights_bytes"] + flash["code_bytes"]
    layers = sum(layer["instructions"] for layer in report["layers"])
    assert 0.9 * run["instructions"] < layers <= run["instructions"]
    assert report["model"]["macs_executed"] == sum(layer["macs"] for layer in report["layers"])


def test_real_inputs_get_predictions(deployed: dict[str, Any]) -> None:
    found = deployed["json"]["predictions"]
    assert [prediction["label"] for prediction in found[:8]] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert sum(prediction["label"] == prediction["predicted"] for prediction in found) >= 18
    assert re.search(r"^\d+ of 20 right", deployed["text"], re.MULTILINE)


def test_out_keeps_sources_images_and_report(deployed: dict[str, Any]) -> None:
    folder = deployed["folder"]
    assert (folder / "firmware.elf").read_bytes()[:4] == b"\x7fELF"
    assert (folder / "firmware.bin").stat().st_size > deployed["json"]["flash"]["weights_bytes"]
    assert (folder / "src" / "digits.c").exists()
    assert json.loads((folder / "report.json").read_text()) == deployed["json"]


def test_the_certificate_of_a_deployment_holds_until_it_is_changed(
    deployed: dict[str, Any], tinyc: Tinyc, tmp_path: Path
) -> None:
    kept = deployed["folder"] / "certificate.json"
    code, out, err = tinyc("check", kept)
    assert (code, err) == (0, "")
    assert out.startswith("digits: the plan holds\n")
    document = json.loads(kept.read_text())
    document["banks"][0]["bytes"] -= 512
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document))
    assert tinyc("check", changed)[0] == 1


def test_flash_writes_what_was_proven(
    deployed: dict[str, Any], tinyc: Tinyc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openocd = tmp_path / "openocd"
    openocd.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\n')
    openocd.chmod(0o755)
    monkeypatch.setenv("TINYC_OPENOCD", str(openocd))
    code, out, err = tinyc("flash", deployed["folder"], "--board", "stm32f746")
    assert (code, err) == (0, "")
    assert out == f"{deployed['folder'] / 'firmware.elf'} is in the flash of stm32f746, verified by openocd.\n"
    assert f"program {{{deployed['folder'] / 'firmware.elf'}}}" in (tmp_path / "words").read_text()


def test_deploy_flashes_only_what_is_equal(
    tinyc: Tinyc, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arm_tools: None
) -> None:
    from tinyc import pipeline

    openocd, words = tmp_path / "openocd", tmp_path / "words"
    openocd.write_text(f'#!/bin/sh\necho "$@" > {words}\n')
    openocd.chmod(0o755)
    monkeypatch.setenv("TINYC_OPENOCD", str(openocd))
    command = ("deploy", digits, "--board", "stm32f746", "--samples", "1", "--flash")
    real = pipeline.check
    monkeypatch.setattr(pipeline, "check", lambda **arguments: replace(real(**arguments), mismatches=1))
    assert tinyc(*command)[0] == 1
    assert not words.exists()
    monkeypatch.setattr(pipeline, "check", real)
    assert tinyc(*command)[0] == 0
    assert "firmware.elf} verify reset exit" in words.read_text()


def test_piped_text_is_plain(deployed: dict[str, Any]) -> None:
    text = deployed["text"]
    assert text.isascii()
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert deployed["stderr"] == ""


def test_profile_lists_every_layer(deployed: dict[str, Any]) -> None:
    for layer in deployed["json"]["layers"]:
        row = rf"^{layer['index']} +{layer['op']} .* {layer['kernel']} .*\b{layer['instructions']:,}\b"
        assert re.search(row, deployed["text"], re.MULTILINE)


def test_profile_tells_the_kinds_of_instructions_apart(deployed: dict[str, Any]) -> None:
    """They add up to what the timer counts, but for a few that each call's arguments take."""
    for layer in deployed["json"]["layers"]:
        kinds, count = layer["classes"], layer["instructions"]
        assert 0 < sum(kinds.values()) <= count < sum(kinds.values()) * 1.01
        share = f"{kinds['multiplies'] / sum(kinds.values()):.0%}"
        row = rf"^{layer['index']} +{layer['kernel']} +{sum(kinds.values()):,} .* {share} "
        assert re.search(row, deployed["text"], re.MULTILINE)


def test_validate_on_this_computer(tinyc: Tinyc, digits: Path) -> None:
    code, out, err = tinyc("validate", digits, "--board", "host", "--samples", "2", "--json", "-")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["run"]["instructions"] is None
    assert report["memory"]["peak_sram_bytes"] is None
    assert report["check"]["mismatches"] == 0
    assert report["predictions"] == []


def test_analyze_builds_nothing(tinyc: Tinyc, digits: Path) -> None:
    code, out, _ = tinyc("analyze", digits, "--json", "-")
    report = json.loads(out)
    assert code == 0
    assert (report["board"], report["run"], report["check"]) == (None, None, None)
    assert report["model"]["predicted_instructions"] is None
    assert {layer["predicted_instructions"] for layer in report["layers"]} == {None}


def test_analyze_predicts_instructions_for_a_board(tinyc: Tinyc, digits: Path) -> None:
    _, out, _ = tinyc("analyze", digits, "--board", "stm32f746", "--json", "-")
    report = json.loads(out)
    total, layers = report["model"]["predicted_instructions"], report["layers"]
    assert sum(layer["predicted_instructions"] for layer in layers) < total
    assert f"{total:,}  predicted" in tinyc("analyze", digits, "--board", "stm32f746")[1]
    assert set(report["memory"]) >= KEYS["memory"]
    assert report["memory"]["arena_bytes"] > 0


def test_analyze_says_where_there_is_room(tinyc: Tinyc, digits: Path) -> None:
    _, out, _ = tinyc("analyze", digits)
    assert re.search(r"^stm32f746 +[\d,]+ +[\d,]+ +fits$", out, re.MULTILINE)


def test_compile_writes_the_same_bytes_every_time(tinyc: Tinyc, digits: Path, tmp_path: Path) -> None:
    trees = []
    for name in ("a", "b"):
        code, _, _ = tinyc("compile", digits, "--board", "stm32f746", "--out", tmp_path / name)
        assert code == 0
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        trees.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files})
    assert trees[0] == trees[1]
    assert {"digits.c", "digits.h", "digits_weights.c", "kernels/tinyc_kernel.h"} <= set(trees[0])
    for name, content in trees[0].items():
        assert str(tmp_path).encode() not in content, name


def test_compile_replaces_its_own_folder_only(tinyc: Tinyc, digits: Path, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("keep")
    for _ in range(2):
        assert tinyc("compile", digits, "--board", "stm32f746", "--out", mine)[0] == 0
    code, _, err = tinyc("compile", digits, "--board", "stm32f746", "--out", theirs)
    assert code == 2
    assert "was not made by tinyc" in err
    assert (theirs / "notes.txt").read_text() == "keep"
    assert tinyc("compile", digits, "--board", "stm32f746", "--out", theirs, "--force")[0] == 0
    assert not (theirs / "notes.txt").exists()


def test_boards_ops_and_doctor(tinyc: Tinyc) -> None:
    code, out, _ = tinyc("boards")
    assert code == 0
    assert re.search(r"^stm32f746 .* cortex-m7 +216 +320 K +1,024 K ", out, re.MULTILINE)
    code, out, _ = tinyc("ops")
    assert code == 0
    assert "CONV_2D" in out
    assert "\nconv2d\n  input 0 and the output are int8\n" in out
    listed = set(re.findall(r"^(\w+)$", out, re.MULTILINE))
    assert listed == {importer.op.kind for importer in IMPORTERS.values()}
    assert {"conv2d", "mul", "shape"} <= listed and not listed & {
        "lut",
        "input_rows",
        "inverted_bottleneck",
        "average_of_sum",
    }
    code, out, _ = tinyc("doctor")
    assert code in (0, 5)
    assert "arm-none-eabi-gcc" in out


def test_doctor_says_what_is_missing_and_how_to_get_it(tinyc: Tinyc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYC_QEMU", "/nope")
    code, out, _ = tinyc("doctor")
    assert code == 5
    assert re.search(r"^qemu-system-arm +- .* missing: apt-get install qemu-system-arm$", out, re.MULTILINE)


def test_progress_is_for_terminals_and_for_what_takes_long(
    tinyc: Tinyc, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("validate", digits, "--board", "host", "--samples", "1")
    monkeypatch.setattr(cli, "QUIET_SECONDS", 0.0)
    assert tinyc(*command)[2] == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "building" in tinyc(*command)[2]
    monkeypatch.setattr(cli, "QUIET_SECONDS", 1000.0)
    assert "building" not in tinyc(*command)[2]


@pytest.mark.parametrize(
    "option",
    [
        ("--optimize", "size"),
        ("--schedule", "layers"),
        ("--schedule", "stream"),
        ("--schedule", "patches"),
        ("--input", "rows"),
    ],
    ids=" ".join,
)
def test_every_way_to_compile_is_equal(tinyc: Tinyc, digits: Path, option: tuple[str, str], arm_tools: None) -> None:
    code, out, err = tinyc("validate", digits, "--board", "stm32f407", "--samples", "1", "--json", "-", *option)
    assert (code, err) == (0, "")
    assert json.loads(out)["check"]["mismatches"] == 0


@pytest.mark.parametrize("command", sorted(cli.tinyc.commands))
def test_every_command_explains_itself(tinyc: Tinyc, command: str) -> None:
    code, out, _ = tinyc(command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: tinyc {command}")
    assert f"  {command} " in tinyc()[1]


@pytest.mark.parametrize(("text", "bytes_"), [("65536", 65536), ("64k", 65536), ("64K", 65536), ("1M", 1048576)])
def test_sizes(text: str, bytes_: int) -> None:
    assert cli.size(text) == bytes_


@pytest.mark.parametrize("text", ["", "0", "k", "-1", "1.5k", "64kB!", "64 k"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(cli.click.BadParameter, match="is not a size; write 65536, 64k or 1M"):
        cli.size(text)


def test_a_difference_is_exit_code_1_after_the_report(
    tinyc: Tinyc, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyc import pipeline

    real = pipeline.check

    def wrong(**arguments: Any) -> Any:
        return replace(real(**arguments), mismatches=3, max_abs_difference=2.0, first="output y[1] is 4, should be 2")

    monkeypatch.setattr(pipeline, "check", wrong)
    report = tmp_path / "report.json"
    code, out, err = tinyc("validate", digits, "--board", "host", "--samples", "1", "--json", report)
    assert code == 1
    assert re.fullmatch(
        r"tinyc: digits\.tflite on host: 3 of \d+ values and 0 of \d+ rows differ from the reference, by up to 2; "
        r"first: output y\[1\] is 4, should be 2\. This is a bug of tinyc: please report it with the model\.\n",
        err,
    )
    assert "3 DIFFER, by up to 2" in out
    assert json.loads(report.read_text())["check"]["mismatches"] == 3


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes every analysis raise what it is given."""
    from tinyc import pipeline

    def install(error: BaseException) -> None:
        def fail(*arguments: object, **options: object) -> None:
            raise error

        monkeypatch.setattr(pipeline, "analyze", fail)

    return install


def test_a_bug_is_one_sentence_and_its_own_code(
    tinyc: Tinyc, digits: Path, failing: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINYC_DEBUG", raising=False)
    failing(KeyError("conv\n2d"))
    code, out, err = tinyc("analyze", digits)
    assert (code, out) == (70, "")
    assert err.count("\n") == 1
    assert re.match(r"tinyc: bug: KeyError: .* Please report it .*TINYC_DEBUG=1\.", err)
    monkeypatch.setenv("TINYC_DEBUG", "1")
    assert "Traceback" in tinyc("analyze", digits)[2]


def test_an_interrupt_is_130(tinyc: Tinyc, digits: Path, failing: Callable[[BaseException], None]) -> None:
    failing(KeyboardInterrupt())
    code, out, err = tinyc("analyze", digits)
    assert (code, out, err.strip()) == (130, "", "tinyc: interrupted")


def test_a_full_disk_is_a_sentence(tinyc: Tinyc, digits: Path, failing: Callable[[BaseException], None]) -> None:
    failing(OSError(28, "No space left on device", "/tmp/x"))
    assert tinyc("analyze", digits) == (2, "", "tinyc: /tmp/x: No space left on device.\n")


def test_a_reader_that_went_away_is_quiet() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "tinyc", "ops"]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")
