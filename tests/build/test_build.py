"""What a build leaves: the same model objects in every image, real addresses, reproducible bytes, one sentence when a tool fails."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import handmade
import pytest
from elftools.elf.elffile import ELFFile

from tinyc.board import load
from tinyc.build import Firmware, Target, build
from tinyc.build.tools import tools
from tinyc.errors import DoesNotFit, ToolMissing, UsageError

pytestmark = pytest.mark.tools

QEMU = Target.parse("qemu")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory, arm_tools: None) -> Firmware:
    return build(handmade.tree(), board=load("stm32f746"), target=QEMU, directory=tmp_path_factory.mktemp("firmware"))


def symbol(elf: Path, name: str) -> int:
    with elf.open("rb") as file:
        (found,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(name)
        return int(found["st_value"])


def function(elf: Path, name: str) -> bytes:
    """The machine code of a function in an image, or in an object with a section per function."""
    with elf.open("rb") as file:
        parsed = ELFFile(file)
        (found,) = parsed.get_section_by_name(".symtab").get_symbol_by_name(name)
        section = parsed.get_section(found["st_shndx"])
        start = (found["st_value"] & ~1) - section["sh_addr"]
        return bytes(section.data()[start : start + found["st_size"]])


def test_the_objects_are_those_of_every_image(firmware: Firmware) -> None:
    model = firmware.directory / "build" / "stm32f746" / "model"
    assert set(firmware.objects) == {"tiny.o", "tiny_layers.o", "tiny_weights.o"}
    for name, digest in firmware.objects.items():
        assert hashlib.sha256((model / name).read_bytes()).hexdigest() == digest
    assert firmware.board_elf is not None
    images = (firmware.board_elf, firmware.run_elf, firmware.probe_elf)
    assert len({function(image, "tiny_l00") for image in images}) == 1
    assert function(firmware.run_elf, "tiny_l00") == function(model / "tiny_layers.o", "tiny_l00")


def test_a_build_is_reproducible(firmware: Firmware, tmp_path: Path) -> None:
    again = build(handmade.tree(), board=load("stm32f746"), target=QEMU, directory=tmp_path / "elsewhere")
    assert again.objects == firmware.objects
    for one, other in zip(
        (firmware.board_elf, firmware.board_bin, firmware.run_elf, firmware.probe_elf),
        (again.board_elf, again.board_bin, again.run_elf, again.probe_elf),
        strict=True,
    ):
        assert one is not None and other is not None
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("name", "flash", "stack_end", "arena_end"),
    [
        ("stm32f746", 0x0800_0000, 0x2000_1000, 0x2005_0000),
        ("stm32f407", 0x0800_0000, 0x1000_1000, 0x2002_0000),
        ("nrf52840", 0x0, 0x2000_1000, 0x2004_0000),
        ("mps2_an500", 0x0, 0x2000_1000, 0x2040_0000),
    ],
)
def test_the_boards_own_image(
    name: str, flash: int, stack_end: int, arena_end: int, tmp_path: Path, arm_tools: None
) -> None:
    built = build(handmade.tree(), board=load(name), target=QEMU, directory=tmp_path)
    assert built.board_elf is not None and built.board_bin is not None
    stack, reset, *handlers = struct.unpack_from("<16I", built.board_bin.read_bytes())
    assert stack == stack_end
    assert reset == symbol(built.board_elf, "tinyc_reset") and reset & 1
    assert set(handlers[1:5]) == {symbol(built.board_elf, "tinyc_fault_handler")}
    assert flash <= reset < flash + load(name).flash_bytes
    assert symbol(built.board_elf, "__tinyc_arena_end") == arena_end
    assert symbol(built.board_elf, "__tinyc_arena_start") == arena_end - 160
    assert symbol(built.board_elf, "tinyc_vectors") == flash


def test_sizes(firmware: Firmware) -> None:
    assert firmware.board_bin is not None
    assert firmware.weights_bytes == 256
    assert 100 < firmware.code_bytes < 400
    assert 1000 < firmware.harness_bytes < 5000
    assert len(firmware.board_bin.read_bytes()) == firmware.weights_bytes + firmware.code_bytes + firmware.harness_bytes
    assert firmware.static_bytes == 0


def test_static_data_of_the_model_is_counted(tmp_path: Path, arm_tools: None) -> None:
    tree = handmade.tree(helpers="static uint8_t kept[100];", mischief="kept[x1 % 100]++; target[0] = (int8_t)kept[0];")
    built = build(tree, board=load("stm32f746"), target=QEMU, directory=tmp_path)
    assert built.static_bytes == 100


def test_code_that_does_not_fit_the_flash(tmp_path: Path, arm_tools: None) -> None:
    big = "const uint8_t big[1100000] = {1};"
    tree = handmade.tree(helpers=big, mischief="target[0] = (int8_t)big[x1 + x0];")
    with pytest.raises(DoesNotFit, match=r"firmware.elf needs [0-9,]+ B more of flash than the board has\."):
        build(tree, board=load("stm32f746"), target=QEMU, directory=tmp_path)


def test_c_that_does_not_compile(tmp_path: Path, arm_tools: None) -> None:
    with pytest.raises(ToolMissing, match=r"arm-none-eabi-gcc failed on tiny_layers.c: .*error: 'nonsense' undeclared"):
        build(handmade.tree(mischief="nonsense;"), board=load("stm32f746"), target=QEMU, directory=tmp_path)


def test_a_warning_is_an_error(tmp_path: Path, arm_tools: None) -> None:
    with pytest.raises(ToolMissing, match=r"error: .*Werror=conversion"):
        build(handmade.tree(mischief="target[0] = x1;"), board=load("stm32f746"), target=QEMU, directory=tmp_path)


def test_a_compiler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TINYC_GCC", raising=False)
    with pytest.raises(ToolMissing) as error:
        build(handmade.tree(), board=load("stm32f746"), target=QEMU, directory=tmp_path / "out")
    assert str(error.value) == (
        "arm-none-eabi-gcc is not installed; it is needed for building firmware for Cortex-M boards."
        " Install it with: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi (or set TINYC_GCC to its path)."
    )
    assert not (tmp_path / "out").exists()


def test_a_variable_that_points_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYC_GCC", "/nowhere/gcc")
    with pytest.raises(ToolMissing, match="TINYC_GCC is /nowhere/gcc, which is no program"):
        build(handmade.tree(), board=load("stm32f746"), target=QEMU, directory=tmp_path)


def test_a_compiler_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "gcc"
    fake.write_text("#!/bin/sh\necho 'x.c:1:10: fatal error: string.h: No such file or directory' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("TINYC_GCC", str(fake))
    with pytest.raises(ToolMissing, match=r"string\.h.*apt-get install .*libnewlib-arm-none-eabi"):
        build(handmade.tree(), board=load("stm32f746"), target=QEMU, directory=tmp_path / "out")


def test_doctor_lists_every_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\necho 'QEMU emulator version 7.2.22 (Debian 1:7.2)'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("TINYC_QEMU", str(fake))
    monkeypatch.setenv("TINYC_GCC", "/nowhere")
    found = {tool.name: tool for tool in tools()}
    assert (found["qemu-system-arm"].path, found["qemu-system-arm"].version) == (str(fake), "7.2.22")
    assert (found["arm-none-eabi-gcc"].path, found["arm-none-eabi-gcc"].version) == (None, None)
    assert "apt-get install" in found["arm-none-eabi-gcc"].install_command


@pytest.mark.parametrize("text", ["", "kemu", "serial", "serial:", "qemu:x", "host:y"])
def test_a_wrong_target(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a target\. Use qemu, host or serial:DEVICE"):
        Target.parse(text)


def test_targets() -> None:
    assert [str(Target.parse(text)) for text in ("qemu", "host", "serial:/dev/ttyACM0")] == [
        "qemu",
        "host",
        "serial:/dev/ttyACM0",
    ]
