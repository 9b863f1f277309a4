"""Boards: what boards/*.toml says of each one, read strictly.

Every key is known and of its type, no memory bank overlaps another, and each purpose of RAM has one bank; an error names file and key.
"""

from __future__ import annotations

import difflib
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tinyc import paths
from tinyc.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HOST = "host"
PURPOSES = ("arena", "data", "stack")
ARMV8M_CORES = ("cortex-m33", "cortex-m55", "cortex-m85")
BANK_ALIGNMENT = 32
"""The least region an MPU can open or close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBank:
    """One contiguous memory; `use` says what the linker puts there: arena, data (.data and .bss), stack; `code` for flash.

    `tier` 0 is as fast as the core, a higher one slower; `dma` is whether the peripherals' DMA controllers reach it.
    """

    name: str
    address: int
    bytes: int
    use: tuple[str, ...]
    tier: int = 0
    dma: bool = True

    @property
    def end(self) -> int:
        return self.address + self.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Uart:
    """The serial port that carries the protocol; pins are empty where the board has no choice of them."""

    name: str
    baud: int
    tx: str
    rx: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """The QEMU machine that is this board, and its memory beyond the board's own, where samples are placed.

    `boot` is where its core fetches the first two vectors, None where that is the start of the flash.
    """

    machine: str
    samples_address: int
    samples_bytes: int
    boot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One board.  `isas` are folders of codegen/kernels, the fastest first; `family` is the folder of firmware/ that starts it.

    `stands_in` names the board whose emulated machine runs this board's programs (its own name where QEMU models it).
    """

    name: str
    title: str
    core: str
    fpu: str
    isas: tuple[str, ...]
    clock_hz: int
    family: str
    flash: MemoryBank
    banks: tuple[MemoryBank, ...]
    stack_bytes: int
    stands_in: str
    uart: Uart | None
    emulator: Emulator | None
    programmer: Mapping[str, str]

    @property
    def stand_in(self) -> bool:
        """Whether another board's machine runs this board's programs."""
        return self.stands_in != self.name

    @property
    def shares(self) -> str:
        """What it has in common with the machine that runs its programs: the core, or that core's instruction set."""
        return "core" if load(self.stands_in).core == self.core else "instruction set"

    @property
    def is_host(self) -> bool:
        return self.core == HOST

    @property
    def is_armv8m(self) -> bool:
        """Whether the core is an Armv8-M Mainline one, whose MPU differs."""
        return self.core in ARMV8M_CORES

    @property
    def machine(self) -> str:
        """The QEMU machine that runs this board's programs; `host` for this computer."""
        if self.is_host:
            return HOST
        emulator = load(self.stands_in).emulator if self.stand_in else self.emulator
        assert emulator is not None, f"{self.stands_in} has no machine"
        return emulator.machine

    @property
    def flash_bytes(self) -> int:
        return self.flash.bytes

    @property
    def sram_bytes(self) -> int:
        """All RAM, whatever its use."""
        return sum(bank.bytes for bank in self.banks)

    def bank(self, purpose: str) -> MemoryBank:
        """The bank that holds the data or the stack."""
        (bank,) = (bank for bank in self.banks if purpose in bank.use)
        return bank

    @property
    def arena_banks(self) -> tuple[MemoryBank, ...]:
        """The banks that may hold an arena, the preferred first."""
        return tuple(bank for bank in self.banks if "arena" in bank.use)


def names() -> tuple[str, ...]:
    """Every board, sorted."""
    return tuple(sorted(path.stem for path in paths.BOARDS.glob("*.toml")))


def load(name: str) -> Board:
    """The board of that name, or UsageError with the nearest names."""
    if name not in names():
        near = difflib.get_close_matches(name.lower(), names(), n=3, cutoff=0.4)
        known = f"Did you mean {' or '.join(near)}?" if near else f"Boards: {', '.join(names())}."
        raise UsageError(f"there is no board named {name!r}.", hint=known)
    return read(paths.BOARDS / f"{name}.toml")


def read(path: Path) -> Board:
    """The board that a TOML file describes, or UsageError that names the file and the key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name}: not valid TOML: {error}.") from error
    return _board(path.stem, _Table(path.name, "", document))


class _Table:
    """A TOML table of which every key must be taken exactly once, with its type."""

    def __init__(self, file: str, prefix: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self.prefix = prefix
        self.values = dict(values)

    def error(self, key: str, problem: str) -> UsageError:
        return UsageError(f"{self.file}: {self.prefix}{key} {problem}.")

    def has(self, key: str) -> bool:
        return key in self.values

    def take(self, key: str, kind: type, wording: str, default: Any = None) -> Any:
        if key not in self.values and default is not None:
            return default
        if key not in self.values:
            raise self.error(key, "is missing")
        value = self.values.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(key, f"must be {wording}, not {value!r}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        return str(self.take(key, str, "a string", default))

    def number(self, key: str, default: int | None = None) -> int:
        value = int(self.take(key, int, "an integer", default))
        if value < 0:
            raise self.error(key, f"must not be negative, it is {value}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        return bool(self.take(key, bool, "true or false")) if self.has(key) else default

    def words(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of strings")
        if not values or not all(isinstance(value, str) for value in values):
            raise self.error(key, f"must be a list of strings, not {values!r}")
        return tuple(values)

    def table(self, key: str) -> _Table:
        return _Table(self.file, f"{self.prefix}{key}.", self.take(key, dict, "a table"))

    def tables(self, key: str) -> Iterator[_Table]:
        for index, values in enumerate(self.take(key, list, "an array of tables")):
            if not isinstance(values, dict):
                raise self.error(f"{key}[{index}]", "must be a table")
            yield _Table(self.file, f"{self.prefix}{key}[{index}].", values)

    def close(self) -> None:
        for key in self.values:
            raise self.error(key, "is not a known key")


def _board(name: str, table: _Table) -> Board:
    board = Board(
        name=name,
        title=table.text("title"),
        core=table.text("core"),
        fpu=table.text("fpu", ""),
        isas=table.words("isas"),
        clock_hz=table.number("clock_hz"),
        family=table.text("family"),
        flash=_bank(table.table("flash"), name="flash", use=("code",)),
        banks=tuple(_bank(entry) for entry in table.tables("ram")),
        stack_bytes=table.number("stack_bytes"),
        stands_in=table.text("stands_in", name),
        uart=_uart(table.table("uart")) if table.has("uart") else None,
        emulator=_emulator(table.table("qemu")) if table.has("qemu") else None,
        programmer=_programmer(table.table("programmer")) if table.has("programmer") else MappingProxyType({}),
    )
    table.close()
    _check(board, table)
    return board


def _bank(table: _Table, *, name: str | None = None, use: tuple[str, ...] | None = None) -> MemoryBank:
    bank = MemoryBank(
        name=table.text("name") if name is None else name,
        address=table.number("address"),
        bytes=table.number("bytes"),
        use=table.words("use") if use is None else use,
        tier=table.number("tier", 0),
        dma=table.flag("dma", True),
    )
    table.close()
    for key, value in (("address", bank.address), ("bytes", bank.bytes)):
        if value % BANK_ALIGNMENT:
            raise table.error(key, f"must be a multiple of {BANK_ALIGNMENT}, it is {value:#x}")
    if bank.bytes == 0:
        raise table.error("bytes", "must not be zero")
    return bank


def _uart(table: _Table) -> Uart:
    uart = Uart(name=table.text("name"), baud=table.number("baud"), tx=table.text("tx", ""), rx=table.text("rx", ""))
    table.close()
    return uart


def _emulator(table: _Table) -> Emulator:
    samples = table.table("samples")
    emulator = Emulator(
        machine=table.text("machine"),
        samples_address=samples.number("address"),
        samples_bytes=samples.number("bytes"),
        boot=table.number("boot") if table.has("boot") else None,
    )
    samples.close()
    table.close()
    return emulator


def _programmer(table: _Table) -> Mapping[str, str]:
    tools = {key: table.text(key) for key in ("openocd", "pyocd") if table.has(key)}
    table.close()
    return MappingProxyType(tools)


def _check(board: Board, table: _Table) -> None:
    memories = sorted((board.flash, *board.banks), key=lambda bank: bank.address)
    for below, above in itertools.pairwise(memories):
        if below.end > above.address and not board.is_host:
            raise table.error(
                "ram", f"overlaps: {below.name} ends at {below.end:#x}, {above.name} starts at {above.address:#x}"
            )
    uses = [purpose for bank in board.banks for purpose in bank.use]
    for purpose in dict.fromkeys((*uses, *PURPOSES)):
        if purpose not in PURPOSES:
            raise table.error("ram", f"has an unknown use {purpose!r}: arena, data and stack are known")
        if uses.count(purpose) != 1 and (purpose != "arena" or purpose not in uses):
            raise table.error("ram", f"must have one bank for {purpose}, it has {uses.count(purpose)}")
    if not board.is_host and not board.stand_in and board.emulator is None:
        raise table.error("stands_in", "is missing, and so is the table qemu: nothing can run this board's programs")
