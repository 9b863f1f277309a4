"""Where everything lies in a board's memory, and the MPU regions that close the rest.

The stack is at the bottom of its bank, so that an overflow leaves the memory; an arena ends where its bank ends, so that an overrun
does too; the unused bytes below an arena are closed by regions of their own.  A bank that nothing uses stays closed.  On a stand-in the
banks keep their sizes and move to the machine's addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tinyc.board import BANK_ALIGNMENT, Board, MemoryBank, load
from tinyc.errors import DoesNotFit

HARNESS_BYTES = 1024
"""What the harness may have of .data and .bss; the linker holds it to that."""

MPU_REGIONS = 8
PERIPHERALS = (0x4000_0000, 0x2000_0000)
QEMU_PAGE = 1024
BANK_SPACING = 0x10_0000
"""Between the banks of a stand-in, so that no overrun of one reaches the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A linker region."""

    name: str
    access: str
    address: int
    bytes: int

    @property
    def end(self) -> int:
        return self.address + self.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MpuRegion:
    """One MPU region: the values of its two registers (RBAR and RASR on Armv7-M, RBAR and RLAR on Armv8-M), and what they say."""

    base: int
    attributes: int
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMap:
    """The linker regions flash, stack, data and the arenas, and the MPU's regions, of one image."""

    regions: tuple[Region, ...]
    mpu: tuple[MpuRegion, ...]
    arenas: tuple[Region, ...]
    """Those of `regions` that are arenas, in the model's order."""

    def region(self, name: str) -> Region:
        (region,) = (region for region in self.regions if region.name == name)
        return region


def room(arena_bytes: int) -> int:
    """The arena's size rounded up to what the MPU can close."""
    return -(-arena_bytes // BANK_ALIGNMENT) * BANK_ALIGNMENT


def stand_in_banks(board: Board) -> Board:
    """`board` with its flash and banks at the addresses of the machine that stands in for it, sizes unchanged."""
    machine = load(board.stands_in)
    base = machine.banks[0].address
    moved = []
    for bank in board.banks:
        moved.append(replace(bank, address=base))
        base = -(-(base + bank.bytes + 1) // BANK_SPACING) * BANK_SPACING
    return replace(board, flash=replace(board.flash, address=machine.flash.address), banks=tuple(moved))


def arena_rooms(board: Board, *, static_bytes: int) -> dict[str, int]:
    """The bytes that an arena may have in each bank: what stack, harness and the model's `static_bytes` leave."""
    stack, data = _lower_regions(board, static_bytes)
    return {bank.name: bank.end - _used_end(bank, stack, data) for bank in board.arena_banks}


def memory_map(board: Board, *, arenas: Mapping[str, int], static_bytes: int) -> MemoryMap:
    """Lay out one image of `board`: arenas of so many bytes in the banks of these names; `static_bytes` are the model's own .data and .bss.

    An arena that is the only one lies in the board's first bank for it, where there is none of its bank's name.
    """
    stack, data = _lower_regions(board, static_bytes)
    flash = Region(name="flash", access="rx", address=board.flash.address, bytes=board.flash.bytes)
    banks = [_arena_bank(board, name, only=len(arenas) == 1) for name in arenas]
    placed = tuple(
        _arena(
            board, bank, size, _used_end(bank, stack, data), name="arena" if len(arenas) == 1 else f"arena_{bank.name}"
        )
        for bank, size in zip(banks, arenas.values(), strict=True)
    )
    regions = (flash, stack, data, *placed)
    if board.is_armv8m:
        return MemoryMap(regions=regions, mpu=_open_v8(*regions), arenas=placed)
    opened, gaps = _opened(board, stack, data, dict(zip(banks, placed, strict=True)))
    open_regions = [
        *_cover(flash.address, flash.bytes, READ_ONLY_CODE, "flash: read and execute"),
        *opened,
        *_cover(*PERIPHERALS, DEVICE, "peripherals"),
    ]
    closed: list[MpuRegion] = []
    for number, (least, arena) in enumerate(sorted(gaps, key=lambda gap: gap[0] - gap[1])):
        left = MPU_REGIONS - len(open_regions) - len(closed)
        closed += _close_below(least, arena, -(-left // (len(gaps) - number)))
    return MemoryMap(regions=regions, mpu=(*open_regions, *closed), arenas=placed)


def _lower_regions(board: Board, static_bytes: int) -> tuple[Region, Region]:
    """Stack and data, at the bottom of their banks."""
    stack_bank, data_bank = board.bank("stack"), board.bank("data")
    stack = Region(name="stack", access="rw", address=stack_bank.address, bytes=board.stack_bytes)
    start = stack.end if data_bank == stack_bank else data_bank.address
    return stack, Region(name="data", access="rw", address=start, bytes=room(HARNESS_BYTES + static_bytes))


def _used_end(bank: MemoryBank, *regions: Region) -> int:
    """Where the regions at the bottom of a bank end."""
    return max([bank.address, *(region.end for region in regions if bank.address <= region.address < bank.end)])


def _arena_bank(board: Board, name: str, *, only: bool) -> MemoryBank:
    found = next((bank for bank in board.arena_banks if bank.name == name), board.arena_banks[0] if only else None)
    if found is None:
        raise DoesNotFit(f"{board.name}: has no bank {name} for an arena; the model was planned for another board.")
    return found


def _arena(board: Board, bank: MemoryBank, size: int, used_end: int, *, name: str) -> Region:
    wanted, free = room(size), bank.end - used_end
    if wanted > free:
        raise DoesNotFit(
            f"{board.name}: the arena needs {wanted:,} B of {bank.name}, which has {free:,} B beside the stack and"
            f" the harness ({wanted - free:,} B too few)."
        )
    return Region(name=name, access="rw", address=bank.end - wanted, bytes=wanted)


def _opened(
    board: Board, stack: Region, data: Region, arenas: Mapping[MemoryBank, Region]
) -> tuple[list[MpuRegion], list[tuple[int, int]]]:
    """Regions that open the banks in use, and the gaps that should be closed again: (where it may start, the arena above it).

    Where there are several arenas, a bank with nothing but an arena is opened from its end down to the arena only.
    """
    opened: list[MpuRegion] = []
    gaps: list[tuple[int, int]] = []
    for bank in board.banks:
        arena, bottom = arenas.get(bank), _used_end(bank, stack, data)
        if arena is not None and bottom == bank.address and len(arenas) > 1:
            tail = _open_down_to(arena.address, bank)
            opened += tail
            bottom = _lowest(tail[-1])
        elif arena is not None or bottom > bank.address:
            opened += _bank_regions(bank)
        if arena is not None and bottom < arena.address:
            gaps.append((bottom, arena.address))
    return opened, gaps


# MPU_RASR: execute never (bit 28), access (26-24), type (TEX 21-19, S 18, C 17, B 16), disabled subregions (15-8), size (5-1), enable.
EXECUTE_NEVER = 1 << 28
READ_ONLY_CODE = 6 << 24 | 0b000_0_1_0 << 16
READ_WRITE = EXECUTE_NEVER | 3 << 24 | 0b001_0_1_1 << 16
DEVICE = EXECUTE_NEVER | 3 << 24 | 0b000_0_0_1 << 16
NO_ACCESS = EXECUTE_NEVER


def _bank_regions(bank: MemoryBank) -> list[MpuRegion]:
    return _cover(bank.address, bank.bytes, READ_WRITE, f"{bank.name}: read and write")


def _cover(address: int, size: int, attributes: int, comment: str) -> list[MpuRegion]:
    """One region that opens exactly [address, address + size), by subregions where the size is no power of two."""
    power = max(size - 1, 31).bit_length()
    if address % (1 << power) or size % max(1 << (power - 3), 32):
        raise DoesNotFit(f"no MPU region opens exactly {size:#x} bytes at {address:#x}.")
    used = size // (1 << (power - 3)) if power >= 8 else 8
    return [_region(address, power, 0xFF & ~((1 << used) - 1), attributes, f"{comment}, {size:,} B")]


def _region(base: int, power: int, disabled: int, attributes: int, comment: str) -> MpuRegion:
    return MpuRegion(base=base, attributes=attributes | disabled << 8 | (power - 1) << 1 | 1, comment=comment)


def _open_down_to(start: int, bank: MemoryBank) -> list[MpuRegion]:
    """Regions that open a bank from its end down to `start`, or as little below as their granules allow."""
    regions: list[MpuRegion] = []
    end = bank.end
    while end > start:
        powers = [power for power in range(8, 29) if end % (1 << (power - 3)) == 0]
        reached = {power: _opened_start(start, end, power) for power in powers}
        reached = {power: at for power, at in reached.items() if at >= bank.address}
        enough = [power for power, at in reached.items() if at <= start]
        power = (
            max(enough, key=lambda each: (reached[each], -each))
            if enough
            else min(reached, key=lambda each: reached[each])
        )
        regions.append(_part_of_region(reached[power], end, power, READ_WRITE, f"{bank.name}: read and write"))
        end = reached[power]
    return regions


def _opened_start(start: int, end: int, power: int) -> int:
    """Where the open part of the region of 2^power bytes that holds `end - 1` starts, if it need not reach below `start`."""
    granule = 1 << (power - 3)
    return max((end - 1) >> power << power, start // granule * granule)


def _part_of_region(start: int, end: int, power: int, attributes: int, what: str) -> MpuRegion:
    """[start, end) of the region of 2^power bytes that holds it."""
    granule = 1 << (power - 3)
    base = (end - 1) >> power << power
    enabled = (1 << ((end - base) // granule)) - (1 << ((start - base) // granule))
    return _region(base, power, 0xFF & ~enabled, attributes, f"{what}: 0x{start:08x} to 0x{end:08x}")


def _lowest(region: MpuRegion) -> int:
    """The first byte that a region rules."""
    granule = 1 << ((region.attributes >> 1 & 31) - 2)
    enabled = ~(region.attributes >> 8) & 0xFF
    return region.base + granule * ((enabled & -enabled).bit_length() - 1)


def _close_below(least: int, arena: int, available: int) -> list[MpuRegion]:
    """At most `available` regions without access from `arena` downwards, each as large as it can be; none reaches below `least`.

    The first has no subregions where it lies in a page with the arena: QEMU then checks that page byte for byte, which it does not
    do for disabled subregions alone.
    """
    regions: list[MpuRegion] = []
    end = arena
    if available and arena % QEMU_PAGE and arena > least:
        end -= BANK_ALIGNMENT
        regions.append(_region(end, 5, 0, NO_ACCESS, f"closed: 0x{end:08x} to 0x{arena:08x}"))
    while len(regions) < available:
        powers = [power for power in range(8, 29) if end % (1 << (power - 3)) == 0]
        start, power = min((_closed_start(least, end, power), power) for power in powers)
        if start >= end:
            break
        regions.append(_part_of_region(start, end, power, NO_ACCESS, "closed"))
        end = start
    return regions


def _closed_start(least: int, end: int, power: int) -> int:
    """Where the closed part of the region of 2^power bytes that holds `end - 1` starts."""
    granule = 1 << (power - 3)
    return max((end - 1) >> power << power, -(-least // granule) * granule)


# Armv8-M: regions of any multiple of 32 bytes, of which no two may overlap; nothing need be closed that was not opened.
# MPU_RBAR: shareability (bits 4-3), access (2-1), execute never (0); MPU_RLAR: memory type of mpu_v8.c (3-1), enable (0).
V8_READ_ONLY_CODE = 0b11_0
V8_READ_WRITE = 0b01_1
V8_NORMAL, V8_DEVICE = 0, 1


def _open_v8(flash: Region, *ram: Region) -> tuple[MpuRegion, ...]:
    peripherals = Region(name="peripherals", access="rw", address=PERIPHERALS[0], bytes=PERIPHERALS[1])
    return (
        _region_v8(flash, V8_READ_ONLY_CODE, V8_NORMAL),
        *(_region_v8(region, V8_READ_WRITE, V8_NORMAL) for region in ram if region.bytes),
        _region_v8(peripherals, V8_READ_WRITE, V8_DEVICE),
    )


def _region_v8(region: Region, access: int, memory_type: int) -> MpuRegion:
    last = region.end - BANK_ALIGNMENT
    return MpuRegion(
        base=region.address | access,
        attributes=last | memory_type << 1 | 1,
        comment=f"{region.name}: 0x{region.address:08x} to 0x{region.end:08x}",
    )
