"""Board files: the shipped ones load and are what their data sheets say; a wrong one is refused with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc import board, paths
from tinyc.errors import UsageError

SHIPPED = ("host", "mps2_an386", "mps2_an500", "nrf52840", "ra8m1", "stm32f407", "stm32f746", "stm32h743")


def test_names() -> None:
    assert set(SHIPPED) <= set(board.names())


@pytest.mark.parametrize(
    ("name", "core", "clock", "flash", "banks", "machine", "stand_in"),
    [
        ("stm32f746", "cortex-m7", 216, (0x0800_0000, 1024), [("sram", 0x2000_0000, 320)], "mps2-an500", True),
        (
            "stm32f407",
            "cortex-m4",
            168,
            (0x0800_0000, 1024),
            [("sram", 0x2000_0000, 128), ("ccm", 0x1000_0000, 64)],
            "mps2-an386",
            True,
        ),
        (
            "stm32h743",
            "cortex-m7",
            480,
            (0x0800_0000, 2048),
            [("dtcm", 0x2000_0000, 128), ("axi", 0x2400_0000, 512), ("d2", 0x3000_0000, 288)],
            "mps2-an500",
            True,
        ),
        ("nrf52840", "cortex-m4", 64, (0, 1024), [("ram", 0x2000_0000, 256)], "mps2-an386", True),
        ("ra8m1", "cortex-m85", 480, (0x0200_0000, 2016), [("sram", 0x2200_0000, 896)], "mps3-an547", True),
        ("mps2_an386", "cortex-m4", 25, (0, 4096), [("sram", 0x2000_0000, 4096)], "mps2-an386", False),
        ("mps2_an500", "cortex-m7", 25, (0, 4096), [("sram", 0x2000_0000, 4096)], "mps2-an500", False),
    ],
)
def test_shipped_boards(
    name: str,
    core: str,
    clock: int,
    flash: tuple[int, int],
    banks: list[tuple[str, int, int]],
    machine: str,
    stand_in: bool,
) -> None:
    loaded = board.load(name)
    assert (loaded.name, loaded.core, loaded.clock_hz) == (name, core, clock * 1_000_000)
    assert (loaded.flash.address, loaded.flash.bytes // 1024) == flash
    assert [(bank.name, bank.address, bank.bytes // 1024) for bank in loaded.banks] == banks
    assert (loaded.machine, loaded.stand_in) == (machine, stand_in)
    assert loaded.sram_bytes == sum(kilobytes for _, _, kilobytes in banks) * 1024
    assert loaded.isas == (*(["mve"] if core == "cortex-m85" else []), "dsp", "scalar")


@pytest.mark.parametrize(
    ("name", "arenas"),
    [
        ("stm32f746", [("sram", 0, True)]),
        ("stm32f407", [("sram", 0, True), ("ccm", 0, False)]),
        ("stm32h743", [("dtcm", 0, False), ("axi", 1, True), ("d2", 2, True)]),
    ],
)
def test_banks_for_arenas(name: str, arenas: list[tuple[str, int, bool]]) -> None:
    assert [(bank.name, bank.tier, bank.dma) for bank in board.load(name).arena_banks] == arenas


@pytest.mark.parametrize("name", SHIPPED)
def test_every_purpose_has_a_bank_and_every_family_a_folder(name: str) -> None:
    loaded = board.load(name)
    assert loaded.arena_banks and {loaded.bank(purpose).name for purpose in ("data", "stack")}
    assert (paths.FIRMWARE / loaded.family).is_dir()
    same = board.load(loaded.stands_in).core == loaded.core
    assert loaded.shares == ("core" if same else "instruction set")
    assert same or board.load(loaded.stands_in).isas == loaded.isas


@pytest.mark.parametrize(
    ("name", "hint"),
    [("stm32f745", "stm32f746"), ("STM32F407", "stm32f407"), ("nrf52", "nrf52840"), ("an500", "mps2_an500")],
)
def test_an_unknown_board_gets_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no board named '{name}'. Did you mean .*{hint}"):
        board.load(name)


def test_an_unknown_board_without_a_near_name_gets_all() -> None:
    with pytest.raises(UsageError, match=r"no board named '\?\?'. Boards: host, mps2_an386"):
        board.load("??")


def edited(tmp_path: Path, old: str, new: str, *, source: str = "stm32f407") -> Path:
    text = (paths.BOARDS / f"{source}.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz", "clock_mhz", "wrong.toml: clock_hz is missing."),
        ("stack_bytes = 4096", "stack_bytes = 4096\ncolour = 1", "wrong.toml: colour is not a known key."),
        ("168_000_000", '"168 MHz"', "wrong.toml: clock_hz must be an integer, not '168 MHz'."),
        ("168_000_000", "true", "wrong.toml: clock_hz must be an integer, not True."),
        ("168_000_000", "-1", "wrong.toml: clock_hz must not be negative, it is -1."),
        ('["dsp", "scalar"]', "[1]", "wrong.toml: isas must be a list of strings, not [1]."),
        ('tx = "PA2"', "tx = 2", "wrong.toml: uart.tx must be a string, not 2."),
        ('tx = "PA2"', "pin = 2", "wrong.toml: uart.pin is not a known key."),
        ("bytes = 0x2_0000", "size = 1", "wrong.toml: ram[0].bytes is missing."),
        ("bytes = 0x2_0000", "bytes = 0", "wrong.toml: ram[0].bytes must not be zero."),
        ("bytes = 0x2_0000", "bytes = 100", "wrong.toml: ram[0].bytes must be a multiple of 32, it is 0x64."),
        (
            "address = 0x1000_0000",
            "address = 0x2001_0000",
            "wrong.toml: ram overlaps: sram ends at 0x20020000, ccm starts at 0x20010000.",
        ),
        (
            'use = ["arena"]',
            'use = ["arena", "heap"]',
            "wrong.toml: ram has an unknown use 'heap': arena, data and stack are known.",
        ),
        ("dma = false", "dma = 0", "wrong.toml: ram[1].dma must be true or false, not 0."),
        ('use = ["arena"]', 'use = ["arena", "data"]', "wrong.toml: ram must have one bank for data, it has 2."),
        (
            'use = ["arena", "data", "stack"]',
            'use = ["arena", "data"]',
            "wrong.toml: ram must have one bank for stack, it has 0.",
        ),
        (
            'stands_in = "mps2_an386"',
            "",
            "wrong.toml: stands_in is missing, and so is the table qemu: nothing can run this board's programs.",
        ),
        ("[[ram]]", "[[ram", "wrong.toml: not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        board.read(edited(tmp_path, old, new))
    assert str(error.value).startswith(message)
