"""Steps in groups become a placement problem: buffers with lifetimes in ticks, and pairs that may overlap.

A step by itself takes one tick, a region one for each of its calls, so that what a region frees early can be used again within it; where it
may run in either direction, one for each call of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tinyc.ir import Graph, Window
from tinyc.plan.bounds import pinned_lifetimes, pinned_roots, single_distances, state_bytes
from tinyc.plan.candidates import Lifetime, Region
from tinyc.plan.lives import Lives, joined, shifted, within
from tinyc.plan.overlap import Distance
from tinyc.plan.place import Buffer, Overlap, Problem
from tinyc.plan.search import Partition
from tinyc.plan.step import Step
from tinyc.plan.views import Views

STATE = ":state"
"""The buffer in which a region that takes the input row by row keeps its counters from push to push."""


def scratch_name(step: int) -> str:
    """The buffer that a step has as scratch."""
    return f":scratch {step}"


def make_problem(graph: Graph, steps: Sequence[Step], views: Views, partition: Partition) -> Problem:
    """What is to be placed when the steps run in these groups."""
    pinned = pinned_roots(graph, views)
    alive = pinned_lifetimes(graph, steps, views)
    starts = _starts(partition)
    group_of = _group_of(partition)
    traffic = _traffic(steps)
    buffers = [
        replace(buffer, traffic=traffic.get(buffer.name, 0), port=buffer.name in pinned)
        for buffer in (_buffer(life, len(steps), partition, starts, group_of) for life in alive.values())
    ]
    overlaps: list[Overlap] = []
    for number, part in enumerate(partition):
        buffers += _scratch(steps, number, part, starts)
        pairs: Mapping[tuple[str, str], Distance]
        if isinstance(part, Region):
            pairs = part.distances
        else:
            target = steps[part].output.root
            pairs = {(s, target): gap for s, gap in single_distances(graph, steps, alive, pinned, part).items()}
        overlaps += [Overlap(group=number, source=s, target=t, distance=gap) for (s, t), gap in pairs.items()]
    return Problem(buffers=tuple(buffers), overlaps=tuple(overlaps))


def group_ticks(partition: Partition) -> Iterator[tuple[Region | int, int, int]]:
    """Each group with its first tick and one past its last."""
    starts = _starts(partition)
    yield from zip(partition, starts, starts[1:], strict=False)


def _starts(partition: Partition) -> list[int]:
    """The first tick of each group, and one past the last."""
    starts = [0]
    for part in partition:
        starts.append(starts[-1] + (part.ticks if isinstance(part, Region) else 1))
    return starts


def _group_of(partition: Partition) -> dict[int, int]:
    """The group of each step."""
    groups: dict[int, int] = {}
    for number, part in enumerate(partition):
        steps = range(part.start, part.end) if isinstance(part, Region) else (part,)
        groups.update(dict.fromkeys(steps, number))
    return groups


def _buffer(
    life: Lifetime, count: int, partition: Partition, starts: Sequence[int], group_of: Mapping[int, int]
) -> Buffer:
    """A root's buffer: a ring where its group says so; its life to the tick."""
    size = life.bytes
    given, kept = life.first < 0, life.last >= count
    born = 0 if given else group_of[life.first]
    dies = len(partition) if kept else group_of[life.last]
    spans = [(starts[0], starts[0])] if given else []
    for number in range(born, min(dies + 1, len(partition))):
        part, at = partition[number], starts[number]
        entered, left = given or number > born, number < dies
        if isinstance(part, Region):
            size = part.ring_bytes.get(life.root, size)
            spans += shifted(part.lives(life.root, entered=entered, left=left), at)
        else:
            spans.append((at, at))
    if kept:
        spans.append((starts[-1], starts[-1]))
    return Buffer(name=life.root, bytes=size, lives=joined(spans))


def _scratch(steps: Sequence[Step], number: int, part: Region | int, starts: Sequence[int]) -> list[Buffer]:
    """The scratch of each step of a group, and the counters of a region that waits for rows."""
    at = starts[number]
    if not isinstance(part, Region):
        return [_scratch_buffer(steps, part, ((at, at),))] if steps[part].scratch_bytes else []
    buffers = [
        _scratch_buffer(steps, index, shifted(part.turns(index - part.start), at))
        for index in range(part.start, part.end)
        if steps[index].scratch_bytes
    ]
    chosen = steps[part.start : part.end]
    if any(step.pushed for step in chosen):
        state = state_bytes(len(chosen))
        rows = sum(step.operands.output.hwc[0] for step in chosen)
        buffers.append(Buffer(name=STATE, bytes=state, lives=((at, at + part.ticks - 1),), traffic=state * rows))
    return buffers


def _scratch_buffer(steps: Sequence[Step], index: int, lives: Lives) -> Buffer:
    size = steps[index].scratch_bytes
    rows, columns, _ = steps[index].operands.output.hwc
    return Buffer(name=scratch_name(index), bytes=size, lives=lives, traffic=2 * size * rows * columns)


def as_run(problem: Problem, partition: Partition, descending: Sequence[bool]) -> Problem:
    """The same buffers, of use only at the ticks of the direction in which each group runs; one tick a call."""
    kept: list[tuple[int, int, int]] = []
    tick = 0
    for (part, start, _), down in zip(group_ticks(partition), descending, strict=True):
        both = isinstance(part, Region) and part.ticks > part.calls
        calls = part.calls if isinstance(part, Region) else 1
        first = start + calls if both and down else start
        kept.append((first, first + calls - 1, tick - first))
        tick += calls
    end = _starts(partition)[-1]
    kept.append((end, end, tick - end))
    buffers = tuple(replace(b, lives=_kept(b.lives, kept)) for b in problem.buffers)
    return replace(problem, buffers=tuple(b for b in buffers if b.lives))


def _kept(lives: Lives, ranges: Sequence[tuple[int, int, int]]) -> Lives:
    """What of the lives lies in ranges of ticks, each moved by its third number."""
    return joined(span for low, high, by in ranges for span in shifted(within(lives, low, high), by))


def _traffic(steps: Sequence[Step]) -> dict[str, int]:
    """For each root the bytes that the calls of an inference are given: rows as often as row pointers go to them, and what is written.

    Scratch counts as written and read once for each pixel.  Rows that tiles make again are not counted again.
    """
    traffic: dict[str, int] = {}
    for step in steps:
        written = step.operands.output
        traffic[step.output.root] = traffic.get(step.output.root, 0) + written.bytes
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is None:
                continue
            tensor = step.operands.input(position)
            rows, rule = tensor.hwc[0], step.op.row_rule(step.operands, position)
            if isinstance(rule, Window):
                made = range(written.hwc[0])
                rows = sum(max(min(rule.hi(r), tensor.hwc[0]) - max(rule.lo(r), 0), 0) for r in made)
            traffic[view.root] = traffic.get(view.root, 0) + rows * (tensor.bytes // tensor.hwc[0])
    return traffic
