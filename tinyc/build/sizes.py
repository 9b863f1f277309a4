"""What objects and images weigh: bytes of flash, of static RAM, and the image as the flash holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyc.board import MemoryBank


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Bytes in flash (code, constants and the image of .data) and in static RAM (.data and .bss)."""

    flash: int
    static: int


def object_size(paths: Iterable[Path]) -> Size:
    """The sum over object files of the sections that the linker would load."""
    flash = static = 0
    for path in paths:
        with path.open("rb") as file:
            for section in ELFFile(file).iter_sections():
                flags, size = section["sh_flags"], section["sh_size"]
                if not flags & SH_FLAGS.SHF_ALLOC or section.name.startswith((".ARM", ".eh_frame", ".note")):
                    continue
                flash += size if section["sh_type"] != "SHT_NOBITS" else 0
                static += size if flags & SH_FLAGS.SHF_WRITE and not section.name.startswith(".data.rel.ro") else 0
    return Size(flash=flash, static=static)


def image(elf: Path, flash: MemoryBank) -> bytes:
    """What the flash holds, from its lowest load address on; gaps are 0xFF, as erased flash is."""
    with elf.open("rb") as file:
        segments = [
            (segment["p_paddr"], segment.data())
            for segment in ELFFile(file).iter_segments()
            if segment["p_type"] == "PT_LOAD"
            and segment["p_filesz"]
            and flash.address <= segment["p_paddr"] < flash.end
        ]
    start = min(address for address, _ in segments)
    end = max(address + len(data) for address, data in segments)
    content = bytearray(b"\xff" * (end - start))
    for address, data in segments:
        content[address - start : address - start + len(data)] = data
    return bytes(content)


def symbols(elf: Path) -> list[tuple[int, int, str]]:
    """The functions of an image: (address, bytes, name), by address."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        found = list(table.iter_symbols()) if isinstance(table, SymbolTableSection) else []
        functions = [symbol for symbol in found if symbol["st_info"]["type"] == "STT_FUNC"]
        return sorted((symbol["st_value"] & ~1, symbol["st_size"], symbol.name) for symbol in functions)


def undefined_symbols(path: Path) -> set[str]:
    """What an object asks of others, by name."""
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        found = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
        return {symbol.name for symbol in found if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name}
