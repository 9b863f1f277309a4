"""Measuring: which jobs there are, and that the recorded counts are what is measured now."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyc import cli
from tinyc.bench import changes, read_peers, read_record, run_bench
from tinyc.bench.bench import BOARDS, M4, M55, settings
from tinyc.bench.measure import ModelJob, Setting
from tinyc.bench.results import ModelResult, Results

FAST = ("mlperf_kws_dscnn_int8", "mlperf_ad_ae_int8", "mlperf_strww_int8", "mlperf_ic_resnet8_int8")


@pytest.mark.parametrize("name", FAST)
def test_nothing_is_worse_than_recorded(name: str, models: Path, arm_tools: None) -> None:
    """Nothing has got worse; what has got better is written down by `make bench-update`."""
    outcome = ModelJob(path=models / f"{name}.tflite", setting=Setting(board=M4)).measure()
    assert outcome.verdict == "equal"
    model = ModelResult(macs=outcome.macs, model_weights_bytes=outcome.model_weights_bytes, runs={M4: outcome})
    worse, _ = changes(read_record(), Results(models={name: model}))
    assert worse == (), f"where that is meant: tinyc bench --update --only {name} --models DIR"


def test_a_damaged_model_costs_only_its_own_figures(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"no model")
    outcome = ModelJob(path=damaged, setting=Setting(board=M4)).measure()
    assert not outcome.equal
    assert outcome.counts is None
    assert "damaged.tflite" in outcome.verdict


def test_settings_are_named_by_what_is_not_the_default() -> None:
    assert [setting.key for setting in settings(BOARDS)] == [
        *("mps2_an386", "stm32f746", "mps3_an547"),
        *("mps2_an386 size", "mps2_an386 layers", "mps2_an386 rows"),
    ]
    assert [setting.key for setting in settings(("nrf52840",))] == ["nrf52840"]


def test_processes_measure_a_layer_and_say_so(tmp_path: Path, arm_tools: None) -> None:
    said: list[str] = []
    found = run_bench(
        read_peers(), models=tmp_path, boards=(M4, M55), only=("dense 640",), jobs=2, progress=said.append
    ).results
    counts = found.layers["dense 640->128"].instructions
    assert set(counts) == {"mps2_an386", "mps2_an386 size", "mps3_an547"}
    assert all(counts.values())
    assert [line.split()[0] for line in said] == ["1/3", "2/3", "3/3"]
    assert set(found.tools) == {"arm-none-eabi-gcc", "qemu-system-arm"}


def test_recorded_shows_the_record_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "--recorded", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["models"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bench"], "tinyc: bench needs --models, the folder of the models.\n"),
        (["bench", "--models", ".", "--only", "nothing"], "tinyc: nothing to measure is called nothing.\n"),
        (
            ["bench", "--models", ".", "--calibrate", "--update"],
            "tinyc: --update would record what kernels need that are chosen by costs which --calibrate replaces. Run bench with"
            " --calibrate first, then again with --update.\n",
        ),
        *(
            (
                ["bench", "--recorded", *option],
                f"tinyc: --recorded measures nothing, {option[0]} is about measuring. Leave out one of them.\n",
            )
            for option in (["--calibrate"], ["--profile"], ["--update"], ["--board", "nrf52840"], ["--only", "kws"])
        ),
        *(
            (
                ["bench", "--models", ".", "--page", "README.md", *option],
                "tinyc: --page shows the record, which is not written. Say --update or --recorded too.\n",
            )
            for option in ([], ["--calibrate"], ["--only", "nothing"])
        ),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINYC_MODELS", raising=False)
    assert cli.run(arguments) == 2
    assert capsys.readouterr().err == sentence


def test_no_process_outlives_a_bench_that_is_killed(tmp_path: Path, arm_tools: None) -> None:
    command = [sys.executable, "-m", "tinyc", "bench", "--models", str(tmp_path), "--only", "dense 640"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as bench:
        assert bench.stderr is not None
        bench.stderr.readline()  # one is measured, so its processes are there
        children = children_of(bench.pid)
        bench.kill()
    assert len(children) >= 2
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []


def children_of(parent: int) -> list[int]:
    folder = Path(f"/proc/{parent}/task")
    return [int(word) for task in folder.iterdir() for word in (task / "children").read_text().split()]
