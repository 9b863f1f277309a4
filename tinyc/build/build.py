"""SourceTree -> Firmware: the model's units compiled once, then linked into every image.

The board's own image has the board's addresses and start-up code; the run image is the same model and kernel objects at the addresses
of the machine that stands in, with the board's memory sizes; the probe image is the run image with every layer wrapped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyc.board import Board, load
from tinyc.build import templates
from tinyc.build.memory import MemoryMap, memory_map, stand_in_banks
from tinyc.build.sizes import image, object_size
from tinyc.build.stack import stack_bound
from tinyc.build.target import Target, Where
from tinyc.build.templates import BoardArena
from tinyc.build.toolchain import Toolchain, Unit, compile_all, cross_toolchain, host_toolchain, link
from tinyc.emit import SourceTree
from tinyc.errors import UsageError
from tinyc.paths import FIRMWARE

HARNESS_UNITS = ("harness.c", "protocol.c", "no_probe.c", "probe.c")
CORE_UNITS = ("startup.c", "port.c", "fault.c")
CACHED_CORES = ("cortex-m7", "cortex-m55", "cortex-m85")
FAMILIES_ON_SYSTICK = ("stm32f4", "stm32f7", "stm32h7", "nrf52", "stm32u5", "ra8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """What was built.  `objects` are the SHA-256 of the model's object files, the same files in every image.

    `board_elf` and `board_bin` are None for the board host.  `static_bytes` is the model's own .data and .bss, `harness_bytes` what the
    board's image holds in flash beside the model.  `memory` is the run image's map, None on the host.
    """

    tree: SourceTree
    board: Board
    target: Target
    directory: Path
    board_elf: Path | None
    board_bin: Path | None
    run_elf: Path
    probe_elf: Path
    objects: Mapping[str, str]
    weights_bytes: int
    code_bytes: int
    harness_bytes: int
    static_bytes: int
    stack_bytes: int
    stack_bound_bytes: int | None
    """The deepest stack of an inference that the call graph allows, None on this computer."""
    memory: MemoryMap | None

    @property
    def model_objects(self) -> tuple[Path, ...]:
        """The model's object files for the board's core."""
        return tuple(self.directory / "build" / self.board.name / "model" / name for name in self.objects)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Objects:
    """What one toolchain made of the model and of the harness around it; the same files go into every image."""

    toolchain: Toolchain
    model: tuple[Path, ...]
    weights: Path
    plain: tuple[Path, ...]
    instrumented: tuple[Path, ...]
    static_bytes: int
    """.data and .bss of the model, and what the harness keeps of an input that is pushed row by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """Where images run: the start-up sources, the folder of its board_config.h and objects, the linker script, the memory map."""

    folder: Path
    sources: tuple[Path, ...]
    script: Path | None
    memory: MemoryMap | None
    images: Mapping[Path, bool]
    """Output -> whether it is instrumented."""


def build(tree: SourceTree, *, board: Board, target: Target, directory: Path, sanitize: bool = False) -> Firmware:
    """Compile and link everything below `directory`; `sanitize` builds the host's images with ASan and UBSan."""
    if board.is_host and target.where is not Where.HOST:
        target = Target(where=Where.HOST)
    cross_tools = None if board.is_host else cross_toolchain(board)
    host_tools = host_toolchain(sanitize=sanitize) if target.where is Where.HOST else None
    _write(tree, directory)
    settings: list[_Setting] = []
    if cross_tools is not None:
        cross = _compile(tree, cross_tools, directory, folder=board.name)
        settings.append(_own(tree, board, cross, directory))
        if host_tools is None:
            settings.append(_emulated(tree, board, cross, directory, where=target.where))
        _link(tree, cross, settings)
    if host_tools is not None:
        host = _compile(tree, host_tools, directory, folder="host")
        settings.append(_native(tree, board, directory))
        _link(tree, host, settings[-1:])
    own = None if cross_tools is None else directory / "firmware.elf"
    if own is not None:
        own.with_suffix(".bin").write_bytes(image(own, board.flash))
    model = host if cross_tools is None else cross
    weights, total = object_size([model.weights]).flash, object_size(model.model)
    run, probe = settings[-1].images
    return Firmware(
        tree=tree,
        board=board,
        target=target,
        directory=directory,
        board_elf=own,
        board_bin=None if own is None else own.with_suffix(".bin"),
        run_elf=run,
        probe_elf=probe,
        objects={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in model.model},
        weights_bytes=weights,
        code_bytes=total.flash - weights,
        harness_bytes=0 if own is None else len(image(own, board.flash)) - total.flash,
        static_bytes=total.static,
        stack_bytes=board.stack_bytes,
        stack_bound_bytes=None if own is None else _stack_bound(tree, own, cross),
        memory=settings[-1].memory,
    )


def _stack_bound(tree: SourceTree, image: Path, objects: _Objects) -> int:
    program = tree.program
    root = f"{program.prefix}_push_row" if program.pushed else f"{program.prefix}_run"
    return stack_bound(image, [path.with_suffix(".su") for path in objects.model], root)


def _write(tree: SourceTree, directory: Path) -> None:
    sources = {**tree.files, **templates.harness_sources(tree.program)}
    for name, text in sources.items():
        path = directory / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}.") from error


def _compile(tree: SourceTree, toolchain: Toolchain, directory: Path, *, folder: str) -> _Objects:
    """Everything that does not depend on where the image runs."""
    source, output = directory / "src", directory / "build" / folder
    model = {name: output / "model" / f"{Path(name).stem}.o" for name in sorted(tree.model_units)}
    entry, wrappers = source / "harness" / "model_entry.c", source / "harness" / "probe.c"
    harness = {FIRMWARE / "harness" / name: output / "harness" / f"{Path(name).stem}.o" for name in HARNESS_UNITS}
    harness |= {path: output / "harness" / f"model_{path.stem}.o" for path in (entry, wrappers)}
    units = [
        Unit(source=source / name, object=path, includes=(source, source / "kernels"), flags=("-fstack-usage",))
        for name, path in model.items()
    ]
    units += [Unit(source=path, object=made, includes=(FIRMWARE / "harness", source)) for path, made in harness.items()]
    compile_all(toolchain, units)
    probe, no_probe = (FIRMWARE / "harness" / name for name in ("probe.c", "no_probe.c"))
    return _Objects(
        toolchain=toolchain,
        model=tuple(model.values()),
        weights=model[tree.weights_unit],
        plain=tuple(made for path, made in harness.items() if path not in (probe, wrappers)),
        instrumented=tuple(made for path, made in harness.items() if path != no_probe),
        static_bytes=object_size(model.values()).static + _row_bytes(tree),
    )


def _arenas(tree: SourceTree) -> dict[str, int]:
    """The model's arenas by the bank that each is planned for."""
    return {arena.bank: arena.bytes for arena in tree.program.arenas}


def _row_bytes(tree: SourceTree) -> int:
    """What the harness keeps of an input that is pushed row by row."""
    program = tree.program
    return program.inputs[0].row_bytes if program.pushed else 0


def _own(tree: SourceTree, board: Board, objects: _Objects, directory: Path) -> _Setting:
    """The image for the board itself: firmware.elf."""
    memory = memory_map(board, arenas=_arenas(tree), static_bytes=objects.static_bytes)
    folder = directory / "build" / board.name / "board"
    return _on_core(tree, board, board, memory, folder, {directory / "firmware.elf": False})


def _emulated(tree: SourceTree, board: Board, objects: _Objects, directory: Path, *, where: Where) -> _Setting:
    """The plain and the instrumented image for the machine that runs them; at a serial port that is the board itself."""
    if where is Where.SERIAL:
        machine, placed = board, board
    else:
        machine, placed = load(board.stands_in), stand_in_banks(board)
    memory = memory_map(placed, arenas=_arenas(tree), static_bytes=objects.static_bytes)
    folder = directory / "build" / board.name / "run"
    return _on_core(tree, board, machine, memory, folder, {folder / "run.elf": False, folder / "probe.elf": True})


def _on_core(
    tree: SourceTree, board: Board, machine: Board, memory: MemoryMap, folder: Path, images: Mapping[Path, bool]
) -> _Setting:
    """`machine`'s start-up code, with the memory of `board`."""
    purpose = "its own image" if machine == board else f"the image for {machine.title}, which stands in"
    config = templates.board_config(
        board,
        clock_hz=machine.clock_hz,
        memory=memory,
        arenas=[
            BoardArena(address=region.address, bytes=arena.bytes, room=region.bytes)
            for arena, region in zip(tree.program.arenas, memory.arenas, strict=True)
        ],
        purpose=purpose,
    )
    boot = machine.emulator.boot if machine.emulator else None
    script = folder / "linker.ld"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "board_config.h").write_text(config, encoding="utf-8")
    script.write_text(templates.linker_script(board, memory, purpose=purpose, boot=boot), encoding="utf-8")
    sources = [FIRMWARE / "cortex_m" / name for name in _core_units(machine)]
    sources.append(FIRMWARE / machine.family / "board.c")
    return _Setting(folder=folder, sources=tuple(sources), script=script, memory=memory, images=images)


def _core_units(machine: Board) -> tuple[str, ...]:
    mpu = "mpu_v8.c" if machine.is_armv8m else "mpu.c"
    caches = "caches_m7.c" if machine.core in CACHED_CORES else "caches_none.c"
    systick = "systick.c" if machine.family in FAMILIES_ON_SYSTICK else "no_systick.c"
    return (*CORE_UNITS, mpu, caches, systick)


def _native(tree: SourceTree, board: Board, directory: Path) -> _Setting:
    """The plain and the instrumented program for this computer."""
    arenas, align = tree.program.arenas, tree.program.arena_align
    folder = directory / "build" / "host"
    config = templates.board_config(
        board,
        clock_hz=0,
        memory=None,
        arenas=[BoardArena(address=0, bytes=each.bytes, room=-(-each.bytes // align) * align) for each in arenas],
        purpose="the image for this computer",
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "board_config.h").write_text(config, encoding="utf-8")
    images = {folder / "run": False, folder / "probe": True}
    sources = (FIRMWARE / "host" / "port.c",)
    return _Setting(folder=folder, sources=sources, script=None, memory=None, images=images)


def _link(tree: SourceTree, objects: _Objects, settings: list[_Setting]) -> None:
    """Compile what depends on the settings, then link every image: the model's objects go in as they are."""
    start_up = {
        (setting.folder, path): setting.folder / f"{path.parent.name}_{path.stem}.o"
        for setting in settings
        for path in setting.sources
    }
    shared = (FIRMWARE / "harness", FIRMWARE / "cortex_m")
    units = [Unit(source=path, object=made, includes=(folder, *shared)) for (folder, path), made in start_up.items()]
    compile_all(objects.toolchain, units)
    symbols = sorted(layer.symbol for layer in tree.program.layers)
    for setting in settings:
        own = [start_up[setting.folder, path] for path in setting.sources]
        for output, instrumented in setting.images.items():
            around = [*own, *(objects.instrumented if instrumented else objects.plain)]
            wrap = symbols if instrumented else ()
            link(objects.toolchain, [*around, *objects.model], output, script=setting.script, wrap=wrap)
