"""Models that need two memory banks, from the file to the emulated board, and what boards without a second bank say to them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from graphs import Builder, samples
from models import Operator, constant, tensor, write
from native import has_compiler, run_native
from whole import Net

from tinyc import cli, paths
from tinyc.board import Board, load
from tinyc.build import Target, arena_banks, build
from tinyc.checker import check
from tinyc.emit import SourceTree, emit
from tinyc.errors import DoesNotFit, TargetFault
from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.lower.certificate import certificate_text
from tinyc.ops import Add, Transpose
from tinyc.oracle import evaluate
from tinyc.passes import rewrite
from tinyc.pipeline import Options, analyze, deploy
from tinyc.plan import Bank, make_plan
from tinyc.report import to_json
from tinyc.report.compare import expected_rows
from tinyc.run import run

SIDE, CHANNELS = 48, 24
BYTES = SIDE * SIDE * CHANNELS
"""Of one of three tensors that are needed at once and that no streaming makes smaller."""


def model(side: int = SIDE) -> bytes:
    """x, x turned, x turned twice; then the sum of the three."""
    turn = constant("turn", [0, 2, 1, 3])
    names = ("x", "turned", "again", "both", "all")
    made = [tensor(name, 1, side, side, CHANNELS, scale=0.05, zero=3) for name in names]
    operators = [
        Operator(kind="TRANSPOSE", inputs=["x", "turn"], outputs=["turned"], table="TransposeOptions"),
        Operator(kind="TRANSPOSE", inputs=["turned", "turn"], outputs=["again"], table="TransposeOptions"),
        Operator(kind="ADD", inputs=["again", "x"], outputs=["both"], table="AddOptions"),
        Operator(kind="ADD", inputs=["both", "turned"], outputs=["all"], table="AddOptions"),
    ]
    return write([*made, turn], operators, ["x"], ["all"])


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """The model, which needs three times BYTES: more than the STM32F407's SRAM, less than SRAM and CCM."""
    path = tmp_path / "large.tflite"
    path.write_bytes(model())
    return path


def test_a_model_that_needs_both_banks(large: Path, tmp_path: Path, arm_tools: None) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    command = ["deploy", str(large), "--board", "stm32f407", "--samples", "2", "--out", str(out), "--json", str(report)]
    assert cli.run(command) == 0
    document = json.loads(report.read_text())
    memory, equal = document["memory"], document["check"]["mismatches"] == document["check"]["row_mismatches"] == 0
    assert equal and document["run"]["arena_used_bytes"] == memory["arena_bytes"] == 3 * BYTES > 128 * 1024
    sram, ccm = memory["banks"]
    assert (sram["name"], sram["arena_bytes"], sram["stack_bytes"]) == ("sram", 2 * BYTES, 0)
    assert (ccm["name"], ccm["arena_bytes"], ccm["stack_bytes"]) == ("ccm", BYTES, memory["stack_bytes"])
    assert memory["peak_sram_bytes"] == sum(
        bank[f"{what}_bytes"] for bank in (sram, ccm) for what in ("arena", "stack", "static")
    )
    certificate = json.loads((out / "certificate.json").read_text())
    homes = {each["name"]: each["bank"] for each in certificate["buffers"]}
    assert set(homes.values()) == {"sram", "ccm"} and homes["x"] == homes["all"] == "sram"
    assert cli.run(["check", str(out / "certificate.json")]) == 0
    header = (out / "src" / "large.h").read_text()
    assert "int large_init(large_t *model, void *arena_sram, size_t arena_sram_bytes, void *arena_ccm," in header
    assert f"#define LARGE_ARENA_SRAM_BYTES {2 * BYTES}u" in header
    assert f"#define LARGE_ARENA_CCM_BYTES {BYTES}u" in header


def test_a_board_without_the_second_bank_refuses_it(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    boards = tmp_path / "boards"
    shutil.copytree(paths.BOARDS, boards)
    text = (boards / "stm32f407.toml").read_text()
    assert '["arena", "data", "stack"]' in text
    (boards / "sram_only.toml").write_text(text.replace('["arena", "data", "stack"]', '["data", "stack"]'))
    monkeypatch.setattr(paths, "BOARDS", boards)
    assert cli.run(["deploy", str(large), "--board", "sram_only"]) == 4
    said = capsys.readouterr().err
    assert f"{3 * BYTES:,} B" in said and "131,072" in said


def test_a_buffer_larger_than_every_bank_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wide.tflite"
    path.write_bytes(write(*_copy_of(140_000)))
    assert cli.run(["compile", str(path), "--board", "stm32f407", "--out", str(tmp_path / "out")]) == 4
    said = capsys.readouterr().err
    assert "which cannot be cut up so that it fits beside stack and harness into sram 131,072, ccm 60,416" in said
    assert said.count("\n") == 1 and "choose a board with more SRAM" in said
    assert cli.run(["analyze", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    fits = {line.split()[0]: line.split()[-1] for line in lines if line.startswith(("stm32", "nrf"))}
    assert fits == {
        "nrf52840": "fits",
        "stm32f407": "fit",
        "stm32f746": "fits",
        "stm32h743": "fits",
        "stm32u585": "fits",
    }


def test_an_arena_may_have_all_that_stack_and_harness_leave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan of the least work needs a little more; another one needs less."""
    net = Net(0)
    path = tmp_path / "wide.tflite"
    path.write_bytes(net.file(net.conv(net.conv(net.input(1, 16, 512, 3), 148, 3), 16, 3, stride=2)))
    board = load("nrf52840")
    options = Options(schedule="auto")
    best = analyze(path, board="mps2_an386", options=options, progress=lambda message: None, front=False).program
    (bank,) = arena_banks(board, best.plan.graph)
    assert bank.bytes < best.arena_bytes < board.sram_bytes
    chosen = analyze(path, board="nrf52840", options=options, progress=lambda message: None, front=False).program
    assert chosen.arena_bytes <= bank.bytes
    assert cli.run(["compile", str(path), "--board", "nrf52840", "--out", str(tmp_path / "out")]) == 0


def tall(rows: int, folder: Path) -> Path:
    """A maximum over all of so many rows, whose addresses a call is given on the stack."""
    net = Net(0)
    path = folder / f"tall_{rows}.tflite"
    path.write_bytes(net.file(net.pool("MAX", net.conv(net.input(1, rows, 1, 2), 4, (3, 1)), (rows, 1), 1, "VALID")))
    return path


def test_the_printed_budget_has_room_for_the_addresses_of_many_rows(tmp_path: Path, arm_tools: None) -> None:
    path = tall(99, tmp_path)
    found = analyze(path, board="stm32f746", options=Options(), progress=lambda message: None)
    options = Options(ram=to_json(found)["schedule"]["pareto"][-1]["ram_bytes"], samples=1)
    assert deploy(path, board="stm32f746", on="qemu", options=options, progress=lambda message: None).check.equal


def test_calls_deeper_than_the_stack_are_refused(tmp_path: Path, arm_tools: None) -> None:
    options = Options(samples=1)
    with pytest.raises(DoesNotFit, match=r"calls may take [\d,]+ B of stack, the board's image has 4,096 B"):
        deploy(tall(1200, tmp_path), board="stm32f746", on="qemu", options=options, progress=lambda message: None)


def test_a_schedule_by_name_has_no_front(tmp_path: Path) -> None:
    options = Options(schedule="layers")
    found = analyze(tall(99, tmp_path), board="stm32f746", options=options, progress=lambda message: None)
    assert [way.arena_bytes for way in found.ways] == [found.program.plan.arena_bytes]


def _copy_of(size: int) -> tuple[list[object], list[Operator], list[str], list[str]]:
    """An addition of a constant in place."""
    x, y = (tensor(name, 1, 1, size // 100, 100, scale=0.05) for name in "xy")
    one = tensor("one", 1, 1, 1, 1, scale=0.05, data=constant("", [[[[7]]]]).values.astype("int8"))
    return [x, y, one], [Operator(kind="ADD", inputs=["x", "one"], outputs=["y"], table="AddOptions")], ["x"], ["y"]


def graph() -> Graph:
    """Turned and added, with convolutions around it."""
    b = Builder(1)
    x = b.conv2d(b.input(1, 12, 12, 6), 8, (1, 1))
    turned = b.apply(Transpose(permutation=(0, 2, 1, 3)), x, like=x)
    return rewrite(b.graph(b.conv2d(b.apply(Add(), x, turned), 6, (3, 3))))


def program(banks: tuple[Bank, ...]) -> Program:
    plan = make_plan(graph(), isas=(Isa.DSP, Isa.SCALAR), banks=banks)
    assert plan.placement.fits and len(plan.placement.banks) == len(banks)
    return lower(plan, model_name="model", sha256="0" * 64)


def halves(board: Board) -> tuple[Bank, ...]:
    """The first two of a board's banks, so small that the graph needs both."""
    return tuple(replace(bank, bytes=1800 + 600 * bank.tier) for bank in arena_banks(board, graph())[:2])


@pytest.mark.tools
@pytest.mark.parametrize("board", ["stm32f407", "stm32h743"])
def test_what_leaves_a_bank_faults(board: str, tmp_path: Path, arm_tools: None) -> None:
    made = program(halves(load(board)))
    check(certificate_text(made))
    drawn = [tuple(sample[port.name] for port in made.inputs) for sample in samples(made.plan.graph, count=1)][:1]
    for arena in made.arenas:
        for by in (-32, 32):
            start = f"model->{arena.name} = (uint8_t *){arena.name}"
            tree = emit(made)
            text = tree.files["model.c"].replace(f"{start};", f"{start} + ({by});")
            assert text != tree.files["model.c"]
            moved = SourceTree(program=made, files={**tree.files, "model.c": text})
            folder = tmp_path / f"{arena.name}{by}"
            firmware = build(moved, board=load(board), target=Target.parse("qemu"), directory=folder)
            with pytest.raises(TargetFault, match="accessed a protected address"):
                run(firmware, drawn, probe=False, timeout=20.0)


@pytest.mark.tools
def test_two_banks_under_sanitizers(tmp_path: Path) -> None:
    if not has_compiler():
        pytest.skip("gcc missing: apt-get install gcc")
    made = program(halves(load("stm32h743")))
    chosen = samples(made.plan.graph, count=2)
    (tmp_path / "programs").mkdir()
    for sample, ran in zip(chosen, run_native([made], chosen, tmp_path / "programs")[0], strict=True):
        values = evaluate(made.plan.graph, sample)
        assert list(ran.rows) == list(expected_rows(made, values))
        for port, found in zip(made.outputs, ran.outputs, strict=True):
            assert (found == values[port.name]).all()


@pytest.mark.models
@pytest.mark.parametrize("name", ["mlperf_ic_resnet8_int8", "mlperf_kws_dscnn_int8"])
def test_an_mlperf_model_on_the_stm32h743(name: str, models: Path, tmp_path: Path, arm_tools: None) -> None:
    report, certificate = tmp_path / "report.json", tmp_path / "certificate.json"
    command = ["deploy", str(models / f"{name}.tflite"), "--board", "stm32h743", "--samples", "1"]
    assert cli.run([*command, "--json", str(report), "--certificate", str(certificate)]) == 0
    document, plan = json.loads(report.read_text()), json.loads(certificate.read_text())
    assert document["check"]["mismatches"] == document["check"]["row_mismatches"] == 0
    ports = {port["tensor"] for way in ("inputs", "outputs") for port in plan[way]}
    for buffer in plan["buffers"]:
        assert buffer["bank"] == ("axi" if buffer["name"] in ports else "dtcm"), buffer["name"]
    dtcm, axi, d2 = document["memory"]["banks"]
    assert dtcm["arena_bytes"] + axi["arena_bytes"] == document["memory"]["arena_bytes"]
    assert d2["arena_bytes"] == 0 and axi["stack_bytes"] == 0 < dtcm["stack_bytes"]
