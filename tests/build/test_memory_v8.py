"""The MPU of Armv8-M: it opens the linker's regions and the peripherals, to the byte, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyc.board import load
from tinyc.build.memory import MPU_REGIONS, MemoryMap, memory_map, stand_in_banks

BOARDS = ("stm32u585", "mps2_an505", "mps3_an547", "ra8m1")
READ, READ_WRITE, DEVICE = (6, 0), (3, 0), (3, 1)
"""Bits 2-0 of MPU_RBAR (access, execute never) and the memory type of MPU_RLAR."""


def spans(memory: MemoryMap) -> list[tuple[int, int, tuple[int, int]]]:
    """(first byte, byte after the last, what is open) of every MPU region, by address."""
    return sorted(
        (r.base & ~31, (r.attributes & ~31) + 32, (r.base & 7, r.attributes >> 1 & 7))
        for r in memory.mpu
        if r.attributes & 1
    )


@pytest.mark.parametrize("name", BOARDS)
@given(own=st.booleans(), arena=st.integers(1, 700 * 1024), static=st.integers(0, 500))
def test_the_map_is_exact(name: str, own: bool, arena: int, static: int) -> None:
    memory = memory_map(load(name) if own else stand_in_banks(load(name)), arenas={"arena": arena}, static_bytes=static)
    found = spans(memory)
    assert len(found) <= MPU_REGIONS
    assert all(below[1] <= above[0] for below, above in pairwise(found)), "regions must not overlap"
    wanted = [(region.address, region.end, READ if region.name == "flash" else READ_WRITE) for region in memory.regions]
    assert found == sorted([*wanted, (0x4000_0000, 0x6000_0000, DEVICE)])
