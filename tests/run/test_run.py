"""Build and run of a hand-written model on every kind of target: values, row CRCs, exact counts, faults, hangs."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import handmade
import numpy as np
import pytest

from tinyc.board import load
from tinyc.build import Firmware, Target, build
from tinyc.errors import TargetFault
from tinyc.run import RunResult, run

pytestmark = pytest.mark.tools

QEMU = Target.parse("qemu")
HOST = Target.parse("host")


def made(
    directory: Path, *, board: str = "stm32f746", target: Target = QEMU, sanitize: bool = False, **tree: Any
) -> Firmware:
    return build(handmade.tree(**tree), board=load(board), target=target, directory=directory, sanitize=sanitize)


def filled(value: int) -> np.ndarray[Any, Any]:
    """An input of one value; layer 0 adds one to it."""
    return np.full((1, handmade.ROWS, handmade.PIXELS, handmade.CHANNELS), value, np.int8)


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory, arm_tools: None) -> Firmware:
    """The model as it should be, for the stm32f746."""
    return made(tmp_path_factory.mktemp("firmware"))


def fault(firmware: Firmware, *, timeout: float = 20.0) -> str:
    with pytest.raises(TargetFault) as error:
        run(firmware, handmade.samples(1), probe=False, timeout=timeout)
    return str(error.value)


def check(result: RunResult) -> None:
    samples = handmade.samples()
    for (x,), (found,) in zip(samples, result.outputs, strict=True):
        np.testing.assert_array_equal(found, handmade.expected(x))
    assert result.row_crcs is not None
    for (x,), rows in zip(samples, result.row_crcs, strict=True):
        first = handmade.first_layer(x).reshape(handmade.ROWS, -1)
        crcs = [(0, zlib.crc32(row.tobytes())) for row in first]
        assert list(rows) == [*crcs, (1, zlib.crc32(handmade.expected(x).tobytes()))]
    assert result.arena_used_bytes == 2 * handmade.BYTES


BOARDS = (
    *("stm32f746", "stm32f407", "nrf52840", "stm32u585", "ra8m1"),
    *("mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547"),
)


@pytest.mark.parametrize("board", BOARDS)
def test_boards_in_qemu(board: str, tmp_path: Path, arm_tools: None) -> None:
    result = run(made(tmp_path, board=board), handmade.samples(), profile=True)
    check(result)
    assert (result.machine, result.stand_in) == (load(board).machine, not board.startswith("mps"))
    assert result.instructions is not None and result.layer_instructions is not None
    assert 0 < sum(result.layer_instructions) < result.instructions
    assert result.stack_used_bytes is not None and 16 <= result.stack_used_bytes <= 200


@pytest.mark.parametrize("sanitize", [False, True])
def test_host(sanitize: bool, tmp_path: Path) -> None:
    result = run(made(tmp_path, board="host", target=HOST, sanitize=sanitize), handmade.samples())
    check(result)
    assert (result.machine, result.stand_in, result.instructions) == ("host", False, None)


SPINS = (1, 2, 3, 1000, 50_000)
SPIN = f"""
    static const uint32_t spins[] = {{{", ".join(map(str, SPINS))}}};
    uint32_t spin = spins[source[0] - 1];
    __asm__ volatile("1: subs %0, #1\\n bne 1b" : "+r"(spin)::"cc");
"""


@pytest.mark.parametrize("board", ["stm32f746", "mps2_an505"])
def test_instruction_counts_are_exact(board: str, tmp_path: Path, arm_tools: None) -> None:
    """A loop of two instructions that goes round n times takes 2 * n, to the instruction."""
    firmware = made(tmp_path, board=board, mischief=SPIN)
    totals, layers = [], []
    for index in range(len(SPINS)):
        result = run(firmware, [(filled(index),)], probe=False, profile=True)
        assert result.instructions is not None and result.layer_instructions is not None
        totals.append(result.instructions - 2 * SPINS[index])
        layers.append((result.layer_instructions[0], result.layer_instructions[1] - 2 * SPINS[index]))
    assert len(set(totals)) == 1, totals
    assert len(set(layers)) == 1, layers


STACK = """
static uint32_t __attribute__((noinline)) dig(uint32_t depth)
{
    uint32_t (*volatile deeper)(uint32_t) = dig; /* recursion by name is refused when the stack is bounded */
    volatile uint32_t here[16];
    here[depth % 16] = depth;
    return depth == 0 ? 0 : deeper(depth - 1) + here[depth % 16];
}
"""
CLOSED = "MemManage fault at tiny_l01\\+0x.*DACCVIOL: accessed a protected address"
FAULTS = {
    "past-arena": ("((volatile uint8_t *)scratch)[32] = 1;", CLOSED),
    "below-arena": ("((volatile uint8_t *)(uintptr_t)in[0])[-1] = 1;", CLOSED),
    "far-below-arena": ("(void)((const volatile uint8_t *)in[0])[-2000];", CLOSED),
    "write-flash": ("*(volatile int8_t *)(uintptr_t)&tiny_table[3] = 1;", CLOSED),
    "ram-the-board-lacks": ("(void)*(volatile uint32_t *)(uintptr_t)0x20200000u;", CLOSED),
    "stack": (
        "target[0] = (int8_t)dig(1000);",
        "MemManage.*(could not stack|accessed a protected address .address (0x1fffff|0x200fff|0x37ffff))",
    ),
    "execute-ram": ("((void (*)(void))((uintptr_t)out | 1u))();", "IACCVIOL: executed from a protected address"),
    "undefined": ('__asm__ volatile("udf #1");', "UsageFault at tiny_l01\\+0x.*UNDEFINSTR: executed an undefined"),
    "divide": ("volatile int32_t zero = 0; target[0] = (int8_t)(x1 / zero);", "UsageFault at tiny_l01\\+0x.*DIVBYZERO"),
    "unaligned": (
        '__asm__ volatile("ldrd r2, r3, [%0, #0]" :: "r"((uintptr_t)out + 1) : "r2", "r3");',
        "UsageFault at tiny_l01\\+0x.*UNALIGNED",
    ),
    "hang": ("for (volatile int forever = 1; forever != 0;) { }", "did not answer in time: it hangs"),
}
"""C that layer 1 runs, by the input's first byte (one firmware does it all), and what the user must be told."""


@pytest.fixture(scope="module", params=["stm32f746", "stm32f407", "stm32u585"])
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, arm_tools: None) -> Firmware:
    cases = " ".join(f"case {i}: {{ {c} break; }}" for i, (c, _) in enumerate(FAULTS.values(), 2))
    mischief = f"switch (source[0]) {{ {cases} default: break; }}"
    return made(tmp_path_factory.mktemp("broken"), board=request.param, mischief=mischief, helpers=STACK)


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_decoded(name: str, broken: Firmware) -> None:
    x = filled(list(FAULTS).index(name) + 1)
    with pytest.raises(TargetFault) as error:
        run(broken, [(x,)], probe=False, timeout=2.0 if name == "hang" else 20.0)
    assert re.search(FAULTS[name][1], str(error.value)), str(error.value)
    if name != "hang":
        assert re.search(
            r"CFSR=0x[0-9a-f]{8} HFSR=0x[0-9a-f]{8} MMFAR=0x[0-9a-f]{8} BFAR=0x[0-9a-f]{8} SP=0x", str(error.value)
        )


def test_the_address_past_the_arena_is_named(broken: Firmware) -> None:
    assert broken.memory is not None
    with pytest.raises(TargetFault, match=f"address {broken.memory.region('arena').end:#010x}"):
        run(broken, [(filled(1),)], probe=False)


def test_reading_what_was_never_written_is_seen(tmp_path: Path, arm_tools: None) -> None:
    """The arena is painted differently in every run."""
    text = fault(made(tmp_path, mischief="((uint8_t *)(uintptr_t)in[0])[5] = ((uint8_t *)scratch)[3];"))
    assert "two different outputs in two runs" in text


def test_stack_high_water_mark(tmp_path: Path, arm_tools: None) -> None:
    mischief = "volatile uint8_t room[1000]; room[0] = 1; target[0] = (int8_t)room[0];"
    result = run(made(tmp_path, mischief=mischief), handmade.samples(1), probe=False)
    assert result.stack_used_bytes is not None and 1000 < result.stack_used_bytes < 1200


def test_a_hang_on_the_host(tmp_path: Path) -> None:
    firmware = made(tmp_path, board="host", mischief=FAULTS["hang"][0])
    assert "did not answer in time: it hangs" in fault(firmware, timeout=1.0)


INTERRUPTED = 99


def _run_until_interrupted(firmware: Firmware) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
    try:
        run(firmware, handmade.samples(1), timeout=500.0)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _children(pid: int) -> list[str]:
    return [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


def test_an_interrupt_ends_everything(tmp_path: Path) -> None:
    """Control-C while the target hangs: no waiting for the timeout, nothing left running."""
    firmware = made(tmp_path, board="host", mischief=FAULTS["hang"][0])
    process = multiprocessing.get_context("fork").Process(target=_run_until_interrupted, args=(firmware,))
    process.start()
    assert process.pid is not None
    while not (started := _children(process.pid)) and process.is_alive():
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    process.join(timeout=100)
    left = [pid for pid in started if Path("/proc", pid).exists()]
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    process.kill()
    assert process.exitcode == INTERRUPTED and not left


def test_a_failing_run_function_is_an_error(tmp_path: Path) -> None:
    assert "the model's run function returned -3" in fault(made(tmp_path, board="host", status=-3))


@pytest.mark.parametrize("overrun", ["target[-65] = 1;", "((volatile uint8_t *)scratch)[8] = 1;"])
def test_sanitizers_see_one_byte(overrun: str, tmp_path: Path) -> None:
    firmware = made(tmp_path, board="host", target=HOST, sanitize=True, mischief=overrun)
    assert "AddressSanitizer" in fault(firmware)


def test_the_host_reports_signals(tmp_path: Path) -> None:
    assert "stopped with SIGSEGV" in fault(
        made(tmp_path, board="host", mischief="((volatile uint8_t *)scratch)[16] = 1;")
    )


def test_an_emulator_that_exits_is_an_error(
    firmware: Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\necho no such machine >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("TINYC_QEMU", str(fake))
    assert re.search("QEMU ended early with exit code 3.*no such machine", fault(firmware))


def test_an_emulator_that_babbles_is_an_error(
    firmware: Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\nyes garbage\n")
    fake.chmod(0o755)
    monkeypatch.setenv("TINYC_QEMU", str(fake))
    assert "garbage" in fault(firmware)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, arm_tools: None) -> Firmware:
    """A board that QEMU models: its own image is what runs there."""
    return made(tmp_path_factory.mktemp("served"), board="mps2_an500", target=Target.parse("serial:/dev/null"))


def start(firmware: Firmware, wire: int) -> subprocess.Popen[bytes]:
    """The board's own image in QEMU, its serial port on a file descriptor."""
    command = ["qemu-system-arm", "-M", "mps2-an500", "-display", "none", "-monitor", "none", "-serial", "stdio"]
    return subprocess.Popen([*command, "-kernel", str(firmware.board_elf)], stdin=wire, stdout=wire)


def check_served(firmware: Firmware, port: str) -> None:
    target = Target.parse(f"serial:{port}")
    result = run(replace(firmware, target=target), handmade.samples(), timeout=20.0)
    for (x,), (found,) in zip(handmade.samples(), result.outputs, strict=True):
        np.testing.assert_array_equal(found, handmade.expected(x))
    assert (result.machine, result.stand_in, result.instructions) == ("mps2_an500", False, None)


def test_a_serial_port(served: Firmware) -> None:
    """A terminal device: what a real board does, byte for byte."""
    wire, port = os.openpty()
    with start(served, wire) as machine:
        try:
            check_served(served, os.ttyname(port))
        finally:
            machine.kill()
    os.close(wire)
    os.close(port)


def test_a_serial_port_behind_a_socket(served: Firmware) -> None:
    """As Renode's terminals are."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        connection = pool.submit(listener.accept)
        machine = pool.submit(lambda: start(served, connection.result()[0].fileno()))
        try:
            check_served(served, f"socket://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            with machine.result() as process:
                process.kill()
            connection.result()[0].close()


def test_a_serial_port_that_is_not_there(firmware: Firmware) -> None:
    missing = replace(firmware, target=Target.parse("serial:/dev/no-such-port"))
    assert "/dev/no-such-port cannot be opened" in fault(missing)


def test_another_model_on_the_target(tmp_path: Path) -> None:
    firmware = made(tmp_path, board="host")
    firmware.tree.program.sha256 = "00" * 32  # type: ignore[misc]
    assert "the target holds another model (tiny)" in fault(firmware)


def test_no_process_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    run(made(tmp_path, board="host"), handmade.samples(1))
    assert len(os.listdir("/proc/self/fd")) == before
