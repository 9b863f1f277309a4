"""Every failure a user can cause: one sentence that says the way out, the right exit code, no traceback, nothing left behind."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tinyc import cli

Made = dict[str, Path]


@pytest.fixture
def made(tmp_path: Path, digits: Path) -> Made:
    """Files to fail with."""
    model = digits.read_bytes()
    files = {
        "text": b"this is no model\n" * 40,
        "empty": b"",
        "truncated": model[: len(model) // 2],
        "version": model.replace(b"TFL3", b"TFL9", 1),
        "zeros": model[:8] + bytes(len(model) - 8),
    }
    paths = {}
    for name, content in files.items():
        paths[name] = tmp_path / f"{name}.tflite"
        paths[name].write_bytes(content)
    paths["inputs"] = tmp_path / "inputs.npy"
    np.save(paths["inputs"], np.zeros((3, 9, 9), np.float32))
    paths["folder"] = tmp_path / "folder"
    paths["folder"].mkdir()
    (paths["folder"] / "file").write_text("")
    paths["new"] = tmp_path / "new"
    paths["digits"] = digits
    return paths


ON_BOARD = ["deploy", "{digits}", "--board", "stm32f746"]
CASES = {
    "no command of that name": (["deplay"], 2, r"No such command 'deplay'\. .* See tinyc --help\."),
    "no model": (["deploy", "--board", "host"], 2, r"Missing argument 'MODEL'\. See tinyc deploy --help\."),
    "no board": (["deploy", "{digits}"], 2, r"Missing option '--board'\. See tinyc deploy --help\."),
    "no such file": (["analyze", "{new}.tflite"], 2, r".*File '.*new\.tflite' does not exist\. See .*"),
    "a folder for a model": (["analyze", "{folder}"], 2, r".*folder' is a directory\. See .*"),
    "unknown board": (
        ["deploy", "{digits}", "--board", "stm32f764"],
        2,
        r".*'stm32f764'\. Did you mean stm32f746\b.*\?",
    ),
    "unknown board, far off": (
        ["analyze", "{digits}", "--board", "qqq"],
        2,
        r".*'qqq'\. Boards: host, .*stm32f746.*\.",
    ),
    "unknown target": (
        [*ON_BOARD, "--on", "moon"],
        2,
        r"--on moon is not a target\. Use qemu, host or serial:DEVICE\.",
    ),
    "unknown schedule": ([*ON_BOARD, "--schedule", "x"], 2, r"Invalid value for '--schedule'.*"),
    "no samples": ([*ON_BOARD, "--samples", "0"], 2, r"Invalid value for '--samples'.*"),
    "a size that is none": ([*ON_BOARD, "--ram", "lots"], 2, r".*'lots' is not a size; write 65536, 64k or 1M\. .*"),
    "out in a missing folder": (
        [*ON_BOARD, "--out", "{new}/a/b"],
        2,
        r"The folder .*a does not exist\. Make it with: .*",
    ),
    "out where nothing can be": ([*ON_BOARD, "--out", "/proc/out"], 2, r"The folder /proc cannot be written: .*"),
    "out is a file": ([*ON_BOARD, "--out", "{inputs}"], 2, r".*inputs\.npy is a file\. Name a folder .*"),
    "out is somebody's": (
        [*ON_BOARD, "--out", "{folder}"],
        2,
        r".*folder is not empty and was not made by tinyc\. .*--force\.",
    ),
    "json in a missing folder": ([*ON_BOARD, "--json", "{new}/x.json"], 2, r"The folder .*new does not exist\. .*"),
    "json is a folder": ([*ON_BOARD, "--json", "{folder}"], 2, r".*folder is a folder\. Name a file\."),
    "inputs of another shape": ([*ON_BOARD, "--inputs", "{inputs}"], 2, r".*a sample is 9x9, input image is 1x8x8x1\."),
    "inputs that are none": ([*ON_BOARD, "--inputs", "{text}"], 2, r".*text\.tflite is not a \.npy or \.npz file.*"),
    "not a model": (["analyze", "{text}"], 3, r"text\.tflite is not a \.tflite model.*"),
    "an empty file": (["analyze", "{empty}"], 3, r"empty\.tflite .*"),
    "truncated": (["analyze", "{truncated}"], 3, r"truncated\.tflite .*"),
    "another version": (["analyze", "{version}"], 3, r"version\.tflite .*TFL9.*"),
    "zeros": (["analyze", "{zeros}"], 3, r"zeros\.tflite .*"),
    "not a certificate": (["check", "{text}"], 3, r"not a certificate of tinyc: .*"),
    "no programmer": (["deploy", "{digits}", "--board", "host", "--flash"], 2, r"host has no flash to program\. .*"),
    "nothing to flash": (
        ["flash", "{folder}", "--board", "stm32f746"],
        2,
        r"there is no firmware at .*firmware\.elf\. .*",
    ),
    "too little memory": ([*ON_BOARD, "--ram", "1k"], 4, r"digits\.tflite on stm32f746: needs [\d,]+ B .*1,024 B.*"),
    "less memory than the stack": ([*ON_BOARD, "--ram", "100"], 4, r"digits\.tflite on stm32f746: .* limit is 100 B.*"),
    "a serial port that is none": (
        [*ON_BOARD, "--on", "serial:/dev/nope"],
        6,
        r".*serial port /dev/nope cannot be opened.*",
    ),
}


def fail(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str, str]:
    code = cli.run(arguments)
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.mark.parametrize("case", CASES)
def test_a_failure_is_one_sentence(case: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, code, sentence = CASES[case]
    before = sorted(tmp_path.rglob("*"))
    found, out, err = fail(capsys, [argument.format(**made) for argument in arguments])
    assert (found, out) == (code, ""), err
    assert err.count("\n") == 1
    assert re.fullmatch(f"tinyc: {sentence}\n", err), err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        (
            "TINYC_GCC",
            r"TINYC_GCC is /nope, .* building firmware .* Install it with: apt-get install gcc-arm-none-eabi .*",
        ),
        (
            "TINYC_QEMU",
            r"TINYC_QEMU is /nope, .* running firmware .* Install it with: apt-get install qemu-system-arm.*",
        ),
    ],
)
def test_a_missing_tool_names_the_command_that_installs_it(
    variable: str,
    sentence: str,
    made: Made,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arm_tools: None,
) -> None:
    monkeypatch.setenv(variable, "/nope")
    arguments = [argument.format(**made) for argument in [*ON_BOARD, "--out", "{new}"]]
    code, out, err = fail(capsys, arguments)
    assert (code, out) == (5, "")
    assert re.fullmatch(f"tinyc: {sentence}\n", err), err
    assert not made["new"].exists()
    assert [path for path in made["new"].parent.iterdir() if path.name.startswith(".new")] == []


def test_a_damaged_model_never_gets_past_the_reader(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flipped bytes give the model's own error or a model that still holds together; never a bug."""
    model = np.frombuffer(digits.read_bytes(), np.uint8)
    random = np.random.default_rng(0)
    damaged = tmp_path / "damaged.tflite"
    codes = set()
    for _ in range(60):
        copy = model.copy()
        places = random.integers(0, copy.size, 8)
        copy[places] ^= random.integers(1, 256, places.size, dtype=np.uint8)
        damaged.write_bytes(copy.tobytes())
        code, _, err = fail(capsys, ["analyze", str(damaged)])
        assert code in (0, 3), err
        codes.add(code)
    assert codes == {0, 3}


@pytest.mark.parametrize("size", [1, 4, 8, 64, 1000, 6000, 12000])
def test_a_truncated_model_is_refused(
    size: int, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(digits.read_bytes()[:size])
    code, out, err = fail(capsys, ["analyze", str(damaged)])
    assert (code, out) == (3, "")
    assert err.startswith("tinyc: damaged.tflite ")


REJECTED = {
    "tflm_audio_frontend_i16.tflite": "operator 0 CUSTOM:SignalWindow",
    "tflm_person_detect_vela.tflite": "operator 0 CUSTOM:ethos-u",
    "coral_ssd_head_u8.tflite": "operator 16 CUSTOM:TFLite_Detection_PostProcess",
    "st_svc_har.onnx": "is an ONNX model",
    "dee_kws_requantshift.onnx": "is an ONNX model",
}


@pytest.mark.parametrize("name", REJECTED)
def test_models_to_reject_are_rejected(name: str, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = fail(capsys, ["deploy", str(models / name), "--board", "stm32f746"])
    assert (code, out) == (3, "")
    assert REJECTED[name] in err
    assert err.count("\n") == 1
