"""The memory map: nothing overlaps, the arena ends with its bank, and the MPU opens what it should and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyc.board import load
from tinyc.build.memory import MPU_REGIONS, MemoryMap, MpuRegion, arena_rooms, memory_map, stand_in_banks
from tinyc.errors import DoesNotFit

BOARDS = ("stm32f746", "stm32f407", "stm32h743", "nrf52840", "mps2_an386", "mps2_an500")
NONE, READ, READ_WRITE = 0, 6, 3


def access(memory: MemoryMap, address: int) -> tuple[int, bool]:
    """What Armv7-M lets a privileged program do at an address: (AP field, may execute).  The last matching region rules."""
    found = (NONE, False)
    for region in memory.mpu:
        if matches(region, address):
            found = (region.attributes >> 24 & 7, not region.attributes >> 28 & 1)
    return found


def matches(region: MpuRegion, address: int) -> bool:
    power = (region.attributes >> 1 & 31) + 1
    assert region.base % (1 << power) == 0, "a region is aligned to its size"
    assert power >= 5 and (power >= 8 or not region.attributes >> 8 & 0xFF), "small regions have no subregions"
    if not region.attributes & 1 or not region.base <= address < region.base + (1 << power):
        return False
    return power < 8 or not region.attributes >> (8 + ((address - region.base) >> (power - 3))) & 1


@given(
    name=st.sampled_from(BOARDS),
    own=st.booleans(),
    arena=st.integers(1, 118 * 1024),
    static=st.integers(0, 500),
)
def test_the_map_is_exact(name: str, own: bool, arena: int, static: int) -> None:
    board = load(name) if own else stand_in_banks(load(name))
    memory = memory_map(board, arenas={"arena": arena}, static_bytes=static)
    assert len(memory.mpu) <= MPU_REGIONS
    flash, stack, data, area = (memory.region(word) for word in ("flash", "stack", "data", "arena"))
    bank = board.arena_banks[0]
    assert area.end == bank.end and arena <= area.bytes < arena + 32
    assert stack.address == board.bank("stack").address and stack.bytes == board.stack_bytes
    assert data.bytes >= 1024 + static
    ordered = sorted((stack, data, area), key=lambda region: region.address)
    assert all(below.end <= above.address for below, above in pairwise(ordered))
    for region in (stack, data, area):
        assert access(memory, region.address) == access(memory, region.end - 1) == (READ_WRITE, False)
    assert access(memory, flash.address) == access(memory, flash.end - 1) == (READ, True)
    assert access(memory, area.end) == (NONE, False)
    assert access(memory, stack.address - 1) in (
        (NONE, False),
        (READ, True) if stack.address == flash.end else (NONE, False),
    )
    below = max([bank.address, *(region.end for region in (stack, data) if bank.address <= region.address < bank.end)])
    if below < area.address:
        assert access(memory, area.address - 1) == (NONE, False)
    for each in board.banks:
        assert access(memory, each.end) == (NONE, False)
        if "arena" in each.use and len(each.use) == 1 and each != bank:
            assert access(memory, each.address) == access(memory, each.end - 32) == (NONE, False)
    for address in range(below, area.address, 4096):
        assert access(memory, address)[0] in (NONE, READ_WRITE)


@given(arena=st.integers(1, 300 * 1024))
def test_sixteen_kilobytes_below_the_arena_are_closed(arena: int) -> None:
    memory = memory_map(stand_in_banks(load("stm32f746")), arenas={"arena": arena}, static_bytes=0)
    area, data = memory.region("arena"), memory.region("data")
    for address in range(max(data.end + 2048, area.address - 16 * 1024), area.address, 32):
        assert access(memory, address) == (NONE, False), hex(address)


@given(arena=st.integers(1, 120 * 1024))
def test_two_banks_leave_fewer_regions_to_close_with(arena: int) -> None:
    memory = memory_map(stand_in_banks(load("stm32f407")), arenas={"arena": arena}, static_bytes=0)
    area = memory.region("arena")
    for address in range(max(0x2000_0000 + 256, area.address - 2048), area.address, 32):
        assert access(memory, address) == (NONE, False), hex(address)


def test_banks_of_a_stand_in_keep_their_sizes() -> None:
    board, moved = load("stm32f407"), stand_in_banks(load("stm32f407"))
    assert [bank.bytes for bank in moved.banks] == [bank.bytes for bank in board.banks]
    assert [bank.address for bank in moved.banks] == [0x2000_0000, 0x2010_0000]
    assert (moved.flash.address, moved.flash.bytes) == (0, board.flash.bytes)


def test_an_arena_that_does_not_fit() -> None:
    with pytest.raises(DoesNotFit) as error:
        memory_map(load("stm32f746"), arenas={"arena": 320 * 1024}, static_bytes=0)
    assert str(error.value) == (
        "stm32f746: the arena needs 327,680 B of sram, which has 322,560 B beside the stack and the harness (5,120 B too few)."
    )


@settings(deadline=None)
@given(
    name=st.sampled_from(["stm32f407", "stm32h743"]),
    own=st.booleans(),
    sizes=st.lists(st.integers(1, 200 * 1024), min_size=2, max_size=3),
    static=st.integers(0, 500),
)
@example(name="stm32h743", own=False, sizes=[1, 257, 33153], static=0)
def test_several_arenas_are_exact(name: str, own: bool, sizes: list[int], static: int) -> None:
    board = load(name) if own else stand_in_banks(load(name))
    rooms = arena_rooms(board, static_bytes=static)
    wanted = {bank: min(size, rooms[bank]) for bank, size in zip(rooms, sizes, strict=False)}
    memory = memory_map(board, arenas=wanted, static_bytes=static)
    assert len(memory.mpu) <= MPU_REGIONS
    banks = {bank.name: bank for bank in board.banks}
    for (bank, size), area in zip(wanted.items(), memory.arenas, strict=True):
        assert area.name == f"arena_{bank}" and area.end == banks[bank].end and size <= area.bytes < size + 32
        for address in range(area.address, area.end, 256):
            assert access(memory, address) == (READ_WRITE, False), hex(address)
        assert access(memory, area.end - 1) == (READ_WRITE, False)
        assert access(memory, area.end) == (NONE, False)
        assert access(memory, banks[bank].address - 1)[0] != READ_WRITE
    for region in (memory.region("stack"), memory.region("data")):
        assert access(memory, region.address) == access(memory, region.end - 1) == (READ_WRITE, False)
        assert all(region.end <= area.address or area.end <= region.address for area in memory.arenas)


@settings(deadline=None)
@given(
    name=st.sampled_from(["stm32f407", "stm32h743"]),
    sizes=st.tuples(st.integers(1, 56 * 1024), st.integers(1, 56 * 1024)),
)
def test_below_each_of_two_arenas_it_is_closed(name: str, sizes: tuple[int, int]) -> None:
    board = stand_in_banks(load(name))
    memory = memory_map(
        board, arenas=dict(zip(arena_rooms(board, static_bytes=0), sizes, strict=False)), static_bytes=0
    )
    low = max(region.end for region in (memory.region("stack"), memory.region("data")))
    for area in memory.arenas:
        shared = area.address >> 20 == low >> 20
        if not shared or area.address - low >= 32:
            assert access(memory, area.address - 1) == access(memory, area.address - 32) == (NONE, False)


def test_an_arena_in_a_bank_that_the_board_does_not_have() -> None:
    with pytest.raises(DoesNotFit, match=r"stm32f407: has no bank dtcm for an arena"):
        memory_map(load("stm32f407"), arenas={"dtcm": 32, "sram": 32}, static_bytes=0)
    assert memory_map(load("stm32f407"), arenas={"dtcm": 32}, static_bytes=0).arenas[0].end == 0x2002_0000
