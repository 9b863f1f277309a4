"""Corrupted programs: one change to the loop form, or to where things are; the model and its kernels stay what they are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinyc.lower import Loop, Program, RegionLoop
from tinyc.plan import Mode

Group = Loop | RegionLoop
Change = Callable[[Program, random.Random], Program | None]
SHIFTS = (-8, -4, -1, 1, 4, 8)
ONE_OFF = (-1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A corrupted program and what was done to it."""

    kind: str
    program: Program


def mutants(program: Program, *, seed: int, each: int) -> Iterator[Mutant]:
    """For every kind of corruption `each` draws; those that do not apply, or change nothing, are left out."""
    drawn = random.Random(seed)
    for change in CHANGES:
        for _ in range(each):
            changed = change(program, drawn)
            if changed is not None and changed != program:
                yield Mutant(kind=change.__name__, program=changed)


def shift_output(program: Program, drawn: random.Random) -> Program:
    """A layer writes a few bytes beside its place."""
    return _loop(program, drawn, lambda loop: replace(loop, offset=loop.offset + drawn.choice(SHIFTS)))


def shift_input(program: Program, drawn: random.Random) -> Program | None:
    """A layer reads a few bytes beside the place."""
    return _source(program, drawn, lambda source: replace(source, offset=source.offset + drawn.choice(SHIFTS)))


def shift_buffer(program: Program, drawn: random.Random) -> Program:
    """Everybody agrees on another place for a buffer."""
    by, root = drawn.choice((-16, -8, -4, 4, 8, 16)), drawn.choice(_roots(program))
    steps = program.plan.steps

    def moved(loop: Loop) -> Loop:
        step = steps[loop.layer.index]
        views = [*step.inputs, *([step.output] if step.op.kept_rows is not None else [])]
        sources = tuple(
            replace(source, offset=source.offset + by) if view is not None and view.root == root else source
            for source, view in zip(loop.sources, views, strict=True)
        )
        return replace(loop, sources=sources, offset=loop.offset + by * (step.output.root == root))

    def port(each: Any) -> Any:
        view = program.plan.views.get(each.name)
        here = each.offset is not None and view is not None and view.root == root
        return replace(each, offset=each.offset + by) if here else each

    ports = {"inputs": tuple(map(port, program.inputs)), "outputs": tuple(map(port, program.outputs))}
    return replace(_loops(program, moved), **ports)


def move_to_another_bank(program: Program, drawn: random.Random) -> Program | None:
    """A layer writes where its output would be, but in another bank."""
    return _elsewhere(program, drawn, lambda loop, other: replace(loop, arena=other))


def read_from_another_bank(program: Program, drawn: random.Random) -> Program | None:
    """A layer reads where its input would be, but in another bank."""

    def changed(loop: Loop, other: str) -> Loop:
        at = drawn.randrange(len(loop.sources))
        sources = [replace(s, arena=other) if n == at and s.symbol is None else s for n, s in enumerate(loop.sources)]
        return replace(loop, sources=tuple(sources))

    return _elsewhere(program, drawn, changed)


def scratch_in_another_bank(program: Program, drawn: random.Random) -> Program | None:
    """Scratch is where it would be, but in another bank."""
    with_scratch = [loop.layer.index for loop in program.loops if loop.layer.scratch_bytes]
    if not with_scratch:
        return None
    return _elsewhere(program, drawn, lambda loop, other: replace(loop, scratch_arena=other), among=with_scratch)


def buffer_in_another_bank(program: Program, drawn: random.Random) -> Program | None:
    """Everybody agrees that a buffer is in another bank, at the same offset or beyond its end."""
    if len(program.arenas) == 1:
        return None
    root, arena = drawn.choice(_roots(program)), drawn.choice(program.arenas)
    offsets = program.plan.placement.offsets
    by = drawn.choice((0, arena.bytes - offsets[root], -4 - offsets[root]))
    steps = program.plan.steps

    def moved(loop: Loop) -> Loop:
        step = steps[loop.layer.index]
        views = [*step.inputs, *([step.output] if step.op.kept_rows is not None else [])]
        sources = tuple(
            replace(source, offset=source.offset + by, arena=arena.name)
            if view is not None and view.root == root
            else source
            for source, view in zip(loop.sources, views, strict=True)
        )
        here = step.output.root == root
        place = {"offset": loop.offset + by, "arena": arena.name} if here else {}
        return replace(loop, sources=sources, **place)

    def port(each: Any) -> Any:
        view = program.plan.views.get(each.name)
        here = each.offset is not None and view is not None and view.root == root
        return replace(each, offset=max(each.offset + by, 0), arena=arena.name) if here else each

    ports = {"inputs": tuple(map(port, program.inputs)), "outputs": tuple(map(port, program.outputs))}
    return replace(_loops(program, moved), **ports)


def shift_port(program: Program, drawn: random.Random) -> Program | None:
    """The model's input or output is said to be beside its place."""
    way = drawn.choice(("inputs", "outputs"))
    ports = list(getattr(program, way))
    number = drawn.randrange(len(ports))
    if ports[number].offset is None:
        return None
    ports[number] = replace(ports[number], offset=ports[number].offset + drawn.choice(SHIFTS))
    return replace(program, **{way: tuple(ports)})


def shift_scratch(program: Program, drawn: random.Random) -> Program | None:
    """Scratch is somewhere else."""
    with_scratch = [loop.layer.index for loop in program.loops if loop.scratch_offset is not None]
    if not with_scratch:
        return None
    room = max(min(arena.bytes for arena in program.arenas) - 64, 4)
    return _loop(
        program, drawn, lambda loop: replace(loop, scratch_offset=4 * drawn.randrange(room // 4)), among=with_scratch
    )


def shift_state(program: Program, drawn: random.Random) -> Program | None:
    """The counters of a region that waits for rows are somewhere else."""
    if program.pushed is None:
        return None
    (arena,) = (each for each in program.arenas if each.name == program.pushed.state_arena)
    room = arena.bytes - 4 * len(program.pushed.loops)
    return _region(program, program.pushed, lambda region: replace(region, state_offset=4 * drawn.randrange(room // 4)))


def shorten_ring(program: Program, drawn: random.Random) -> Program | None:
    """Everybody agrees on a ring of one row less."""
    return _with_ring(program, drawn, lambda ring: max(ring - 1, 1))


def lengthen_ring_of_writer(program: Program, drawn: random.Random) -> Program | None:
    """A writer goes round a ring of another height than its readers."""
    rings = [loop.layer.index for loop in program.loops if loop.ring is not None]
    if not rings:
        return None
    return _loop(program, drawn, lambda loop: replace(loop, ring=(loop.ring or 0) + 1), among=rings)


def swap_groups(program: Program, drawn: random.Random) -> Program | None:
    """Two neighbours run in the other order."""
    if len(program.groups) < 2:
        return None
    groups = list(program.groups)
    at = drawn.randrange(len(groups) - 1)
    groups[at], groups[at + 1] = groups[at + 1], groups[at]
    return replace(program, groups=tuple(groups)) if program.pushed is None or at > 0 else None


def flip_direction(program: Program, drawn: random.Random) -> Program | None:
    """A layer or a region runs its rows the other way round."""
    groups = [number for number, group in enumerate(program.groups) if group is not program.pushed and _by_rows(group)]
    if not groups:
        return None
    number = drawn.choice(groups)
    group = program.groups[number]
    if isinstance(group, RegionLoop):
        loops = tuple(replace(loop, descending=not group.descending) for loop in group.loops)
        return _swapped(program, number, replace(group, loops=loops, descending=not group.descending))
    return _swapped(program, number, replace(group, descending=not group.descending))


def shrink_arena(program: Program, drawn: random.Random) -> Program:
    """An arena ends before its last buffer does."""
    arenas = list(program.arenas)
    at = drawn.randrange(len(arenas))
    arenas[at] = replace(arenas[at], bytes=arenas[at].bytes - 4 * drawn.randint(1, 8))
    return replace(program, arenas=tuple(arenas))


def drop_demand(program: Program, drawn: random.Random) -> Program | None:
    """A layer of a region does not wait for its input."""
    return _demanding(program, drawn, lambda demands, at: (*demands[:at], *demands[at + 1 :]))


def loosen_demand(program: Program, drawn: random.Random) -> Program | None:
    """A layer of a region waits for a row more, or less."""

    def changed(demands: Any, at: int) -> Any:
        other = replace(demands[at], offset=demands[at].offset + drawn.choice(ONE_OFF))
        return (*demands[:at], other, *demands[at + 1 :])

    return _demanding(program, drawn, changed)


def swap_sinks(program: Program, drawn: random.Random) -> Program | None:
    """A region is driven by another of its layers."""
    if not program.regions:
        return None
    region = drawn.choice(program.regions)
    others = [position for position in range(len(region.loops)) if position not in region.sinks]
    if len(region.sinks) > 1 and drawn.random() < 0.5:
        return _region(program, region, lambda each: replace(each, sinks=each.sinks[1:]))
    if not others:
        return None
    return _region(program, region, lambda each: replace(each, sinks=(drawn.choice(others), *each.sinks[1:])))


def resume_elsewhere(program: Program, drawn: random.Random) -> Program | None:
    """After a row, a region goes on with the wrong layer."""
    if not program.regions:
        return None
    among = [loop.layer.index for region in program.regions for loop in region.loops]
    most = min(len(region.loops) for region in program.regions)
    return _loop(program, drawn, lambda loop: replace(loop, resume=drawn.randrange(most)), among=among)


def shift_window(program: Program, drawn: random.Random) -> Program | None:
    """A layer takes the rows above or below those that it needs."""
    return _source(
        program,
        drawn,
        lambda source: replace(source, lo_offset=source.lo_offset + drawn.choice(ONE_OFF) * source.c),
        windowed=True,
    )


def stretch_window(program: Program, drawn: random.Random) -> Program | None:
    """A layer's window moves by other steps than its stride."""
    return _source(program, drawn, lambda source: replace(source, a=source.a + drawn.choice(ONE_OFF)), windowed=True)


def change_stride(program: Program, drawn: random.Random) -> Program | None:
    """A layer's rows are said to be further apart, or nearer."""
    return _source(
        program,
        drawn,
        lambda source: replace(source, row_stride=source.row_stride + drawn.choice(ONE_OFF)),
        windowed=True,
    )


def drop_padding(program: Program, drawn: random.Random) -> Program | None:
    """A layer is given no row of zero points where it needs one."""
    padded = [loop.layer.index for loop in program.loops if any(source.padding for source in loop.sources)]
    if not padded:
        return None

    def without(loop: Loop) -> Loop:
        return replace(loop, sources=tuple(replace(source, padding=None) for source in loop.sources))

    return _loop(program, drawn, without, among=padded)


def change_tile(program: Program, drawn: random.Random) -> Program | None:
    """A layer makes other rows or columns in one tile, or elsewhere."""
    tiled = [loop.layer.index for loop in program.loops if loop.tiles]
    if not tiled:
        return None

    def changed(loop: Loop) -> Loop:
        tiles = list(loop.tiles)
        at = drawn.randrange(len(tiles))
        field = drawn.choice(("first", "end", "x0", "x1", "out"))
        tiles[at] = replace(tiles[at], **{field: getattr(tiles[at], field) + drawn.choice(ONE_OFF)})
        legal = tiles[at].first >= 0 and 0 <= tiles[at].x0 < tiles[at].x1 <= loop.layer.row_pixels
        return replace(loop, tiles=tuple(tiles)) if legal and tiles[at].end <= loop.layer.rows else loop

    return _loop(program, drawn, changed, among=tiled)


def shift_tile_input(program: Program, drawn: random.Random) -> Program | None:
    """In one tile a layer reads from another column on."""
    tiled = [loop.layer.index for loop in program.loops if loop.tiles]
    if not tiled:
        return None

    def changed(loop: Loop) -> Loop:
        tiles = list(loop.tiles)
        at = drawn.randrange(len(tiles))
        inputs = list(tiles[at].inputs)
        inputs[drawn.randrange(len(inputs))] += drawn.choice(SHIFTS)
        tiles[at] = replace(tiles[at], inputs=tuple(inputs))
        return replace(loop, tiles=tuple(tiles))

    return _loop(program, drawn, changed, among=tiled)


CHANGES: tuple[Change, ...] = (
    shift_output,
    shift_input,
    shift_buffer,
    move_to_another_bank,
    read_from_another_bank,
    scratch_in_another_bank,
    buffer_in_another_bank,
    shift_port,
    shift_scratch,
    shift_state,
    shorten_ring,
    lengthen_ring_of_writer,
    swap_groups,
    flip_direction,
    shrink_arena,
    drop_demand,
    loosen_demand,
    swap_sinks,
    resume_elsewhere,
    shift_window,
    stretch_window,
    change_stride,
    drop_padding,
    change_tile,
    shift_tile_input,
)


def _by_rows(group: Group) -> bool:
    return isinstance(group, RegionLoop) or (group.mode is Mode.ROWS and group.layer.rows > 1)


def _roots(program: Program) -> list[str]:
    return sorted({step.output.root for step in program.plan.steps})


def _swapped(program: Program, number: int, group: Group) -> Program:
    return replace(program, groups=(*program.groups[:number], group, *program.groups[number + 1 :]))


def _loops(program: Program, change: Callable[[Loop], Loop]) -> Program:
    """Every loop changed."""
    groups: list[Group] = []
    for group in program.groups:
        if isinstance(group, RegionLoop):
            groups.append(replace(group, loops=tuple(map(change, group.loops))))
        else:
            groups.append(change(group))
    return replace(program, groups=tuple(groups))


def _loop(
    program: Program, drawn: random.Random, change: Callable[[Loop], Loop], *, among: Sequence[int] | None = None
) -> Program:
    """One loop changed."""
    chosen = drawn.choice(range(len(program.loops)) if among is None else among)
    return _loops(program, lambda loop: change(loop) if loop.layer.index == chosen else loop)


def _elsewhere(
    program: Program,
    drawn: random.Random,
    change: Callable[[Loop, str], Loop],
    *,
    among: Sequence[int] | None = None,
) -> Program | None:
    """One loop changed towards another of the arenas, where there are several."""
    if len(program.arenas) == 1:
        return None
    other = drawn.choice(program.arenas).name
    return _loop(program, drawn, lambda loop: change(loop, other), among=among)


def _source(
    program: Program, drawn: random.Random, change: Callable[[Any], Any], *, windowed: bool = False
) -> Program | None:
    """One source in the arena changed; `windowed`: one whose pointers move from row to row."""
    places = [
        (loop.layer.index, number)
        for loop in program.loops
        for number, source in enumerate(loop.sources)
        if source.symbol is None and (not windowed or (loop.mode is Mode.ROWS and source.a > 0 and loop.layer.rows > 1))
    ]
    if not places:
        return None
    index, number = drawn.choice(places)

    def changed(loop: Loop) -> Loop:
        if loop.layer.index != index:
            return loop
        sources = list(loop.sources)
        sources[number] = change(sources[number])
        return replace(loop, sources=tuple(sources))

    return _loops(program, changed)


def _with_ring(program: Program, drawn: random.Random, change: Callable[[int], int]) -> Program | None:
    """One ring of another height, for its writers and its readers."""
    steps = program.plan.steps
    roots = sorted(
        {steps[loop.layer.index].output.root for loop in program.loops if loop.ring is not None and loop.ring > 1}
    )
    if not roots:
        return None
    root = drawn.choice(roots)

    def changed(loop: Loop) -> Loop:
        step = steps[loop.layer.index]
        sources = tuple(
            replace(source, ring=change(source.ring))
            if source.ring is not None
            and number < len(step.inputs)
            and (view := step.inputs[number])
            and view.root == root
            else source
            for number, source in enumerate(loop.sources)
        )
        own = loop.ring if loop.ring is None or step.output.root != root else change(loop.ring)
        return replace(loop, sources=sources, ring=own)

    return _loops(program, changed)


def _region(program: Program, region: RegionLoop, change: Callable[[RegionLoop], RegionLoop]) -> Program:
    return _swapped(program, program.groups.index(region), change(region))


def _demanding(program: Program, drawn: random.Random, change: Callable[[Any, int], Any]) -> Program | None:
    among = [loop.layer.index for loop in program.loops if loop.demands]
    if not among:
        return None
    return _loop(
        program,
        drawn,
        lambda loop: replace(loop, demands=change(loop.demands, drawn.randrange(len(loop.demands)))),
        among=among,
    )
