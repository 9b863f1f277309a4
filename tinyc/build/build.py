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
from tinyc.build.target import Target, Where
from tinyc.build.toolchain import Toolchain, Unit, compile_all, cross_toolchain, host_toolchain, link
from tinyc.emit import SourceTree
from tinyc.errors import UsageError
from tinyc.paths import FIRMWARE

HARNESS_UNITS = ("harness.c", "protocol.c")
CORE_UNITS = ("startup.c", "port.c", "fault.c")
CACHED_CORES = ("cortex-m7", "cortex-m55", "cortex-m85")
FAMILIES_ON_SYSTICK = ("stm32f4", "stm32f7", "nrf52", "stm32u5", "ra8")


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
    memory: MemoryMap | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """The model's objects for one toolchain."""

    toolchain: Toolchain
    objects: tuple[Path, ...]
    weights: Path
    static_bytes: int


def build(tree: SourceTree, *, board: Board, target: Target, directory: Path, sanitize: bool = False) -> Firmware:
    """Compile and link everything below `directory`; `sanitize` builds the host's images with ASan and UBSan."""
    if board.is_host and target.where is not Where.HOST:
        target = Target(where=Where.HOST)
    cross_tools = None if board.is_host else cross_toolchain(board)
    host_tools = host_toolchain(sanitize=sanitize) if target.where is Where.HOST else None
    _write(tree, directory)
    cross = None if cross_tools is None else _compile_model(tree, cross_tools, directory, folder=board.name)
    own = None if cross is None else _board_image(tree, board, cross, directory)
    if host_tools is not None:
        host = _compile_model(tree, host_tools, directory, folder="host")
        run, probe, memory = _host_images(tree, board, host, directory)
    else:
        assert cross is not None
        run, probe, memory = _run_images(tree, board, cross, directory, where=target.where)
    model = cross or host
    weights = object_size([model.weights]).flash
    total = object_size(model.objects)
    return Firmware(
        tree=tree,
        board=board,
        target=target,
        directory=directory,
        board_elf=own,
        board_bin=None if own is None else own.with_suffix(".bin"),
        run_elf=run,
        probe_elf=probe,
        objects={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in model.objects},
        weights_bytes=weights,
        code_bytes=total.flash - weights,
        harness_bytes=0 if own is None else len(image(own, board.flash)) - total.flash,
        static_bytes=total.static,
        stack_bytes=board.stack_bytes,
        memory=memory,
    )


def _write(tree: SourceTree, directory: Path) -> None:
    sources = {**tree.files, **templates.harness_sources(tree.program)}
    for name, text in sources.items():
        path = directory / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}.") from error


def _compile_model(tree: SourceTree, toolchain: Toolchain, directory: Path, *, folder: str) -> _Model:
    source = directory / "src"
    includes = (source, source / "kernels")
    objects = {
        name: directory / "build" / folder / "model" / f"{Path(name).stem}.o" for name in sorted(tree.model_units)
    }
    units = [Unit(source=source / name, object=path, includes=includes) for name, path in objects.items()]
    compile_all(toolchain, units, root=directory)
    return _Model(
        toolchain=toolchain,
        objects=tuple(objects.values()),
        weights=objects[tree.weights_unit],
        static_bytes=object_size(objects.values()).static,
    )


def _board_image(tree: SourceTree, board: Board, model: _Model, directory: Path) -> Path:
    """The image for the board itself: firmware.elf and firmware.bin."""
    arena = tree.program.arena_bytes
    memory = memory_map(board, arena_bytes=arena, static_bytes=model.static_bytes + _row_bytes(tree))
    output = directory / "firmware.elf"
    _cross_images(tree, board, board, model, memory, directory, "board", {output: False})
    output.with_suffix(".bin").write_bytes(image(output, board.flash))
    return output


def _row_bytes(tree: SourceTree) -> int:
    """What the harness keeps of an input that is pushed row by row."""
    program = tree.program
    return program.inputs[0].row_bytes if program.pushed else 0


def _run_images(
    tree: SourceTree, board: Board, model: _Model, directory: Path, *, where: Where
) -> tuple[Path, Path, MemoryMap]:
    """The plain and the instrumented image for the machine that runs them; at a serial port that is the board itself."""
    if where is Where.SERIAL:
        machine, placed = board, board
    else:
        machine, placed = load(board.stands_in), stand_in_banks(board)
    arena = tree.program.arena_bytes
    memory = memory_map(placed, arena_bytes=arena, static_bytes=model.static_bytes + _row_bytes(tree))
    folder = directory / "build" / board.name / "run"
    run, probe = folder / "run.elf", folder / "probe.elf"
    _cross_images(tree, board, machine, model, memory, directory, "run", {run: False, probe: True})
    return run, probe, memory


def _cross_images(
    tree: SourceTree,
    board: Board,
    machine: Board,
    model: _Model,
    memory: MemoryMap,
    directory: Path,
    kind: str,
    images: Mapping[Path, bool],
) -> None:
    """Compile `machine`'s start-up code around the model and link `images`: output -> whether it is instrumented."""
    folder = directory / "build" / board.name / kind
    folder.mkdir(parents=True, exist_ok=True)
    purpose = "its own image" if machine == board else f"the image for {machine.title}, which stands in"
    config = templates.board_config(
        board,
        clock_hz=machine.clock_hz,
        memory=memory,
        arena_bytes=tree.program.arena_bytes,
        arena_room=memory.arena_room,
        purpose=purpose,
    )
    (folder / "board_config.h").write_text(config, encoding="utf-8")
    script = folder / "linker.ld"
    boot = machine.emulator.boot if machine.emulator else None
    script.write_text(templates.linker_script(board, memory, purpose=purpose, boot=boot), encoding="utf-8")
    sources = [
        *(FIRMWARE / "cortex_m" / name for name in _core_units(machine)),
        FIRMWARE / machine.family / "board.c",
    ]
    _link_images(tree, model, sources, directory / "src", folder, images, script=script)


def _core_units(machine: Board) -> tuple[str, ...]:
    mpu = "mpu_v8.c" if machine.is_armv8m else "mpu.c"
    caches = "caches_m7.c" if machine.core in CACHED_CORES else "caches_none.c"
    systick = "systick.c" if machine.family in FAMILIES_ON_SYSTICK else "no_systick.c"
    return (*CORE_UNITS, mpu, caches, systick)


def _host_images(tree: SourceTree, board: Board, model: _Model, directory: Path) -> tuple[Path, Path, None]:
    arena, align = tree.program.arena_bytes, tree.program.arena_align
    folder = directory / "build" / "host"
    config = templates.board_config(
        board,
        clock_hz=0,
        memory=None,
        arena_bytes=arena,
        arena_room=-(-arena // align) * align,
        purpose="the image for this computer",
    )
    (folder / "board_config.h").write_text(config, encoding="utf-8")
    run, probe = folder / "run", folder / "probe"
    _link_images(tree, model, [FIRMWARE / "host" / "port.c"], directory / "src", folder, {run: False, probe: True})
    return run, probe, None


def _link_images(
    tree: SourceTree,
    model: _Model,
    target_sources: list[Path],
    generated: Path,
    folder: Path,
    images: Mapping[Path, bool],
    script: Path | None = None,
) -> None:
    """The model's objects are linked as they are; everything else is compiled into `folder`."""
    harness = FIRMWARE / "harness"
    common = [*target_sources, *(harness / name for name in HARNESS_UNITS), generated / "harness/model_entry.c"]
    sources = {
        False: [*common, harness / "no_probe.c"],
        True: [*common, harness / "probe.c", generated / "harness/probe.c"],
    }
    wanted = dict.fromkeys(path for instrumented in images.values() for path in sources[instrumented])
    objects = {
        path: folder / f"{'model' if generated in path.parents else path.parent.name}_{path.stem}.o" for path in wanted
    }
    includes = (folder, harness, FIRMWARE / "cortex_m", generated)
    units = [Unit(source=path, object=output, includes=includes) for path, output in objects.items()]
    compile_all(model.toolchain, units, root=FIRMWARE)
    symbols = sorted(layer.symbol for layer in tree.program.layers)
    for output, instrumented in images.items():
        around = [objects[path] for path in sources[instrumented]]
        wrap = symbols if instrumented else ()
        link(model.toolchain, [*around, *model.objects], output, script=script, wrap=wrap)
