"""Steps in groups become a placement problem: buffers with lifetimes in ticks, and pairs that may overlap.

A step by itself takes one tick, a region one for each of its calls, so that what a region frees early can be used again within it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tinyc.ir import Graph, Window
from tinyc.plan.bounds import pinned_lifetimes, pinned_roots, single_distances, state_bytes
from tinyc.plan.candidates import Lifetime, Region
from tinyc.plan.overlap import Distance
from tinyc.plan.place import Buffer, Overlap, Problem
from tinyc.plan.search import Partition
from tinyc.plan.step import Step
from tinyc.plan.views import Views

STATE = ":state"
"""The buffer in which a region that takes the input row by row keeps its counters from push to push."""


def scratch_name(group: int) -> str:
    """The buffer that the steps of a group share as scratch."""
    return f":scratch {group}"


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
        starts.append(starts[-1] + (part.calls if isinstance(part, Region) else 1))
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
    """A root's buffer: a ring where its group says so; its lifetime to the tick."""
    size, first = life.bytes, 0
    if life.first >= 0:
        number = group_of[life.first]
        part = partition[number]
        first = starts[number]
        if isinstance(part, Region):
            first += part.ticks[life.root][0]
            size = part.ring_bytes.get(life.root, size)
    if life.last >= count:
        return Buffer(name=life.root, bytes=size, first=first, last=starts[-1])
    number = group_of[life.last]
    part = partition[number]
    last = starts[number] + (part.ticks[life.root][1] if isinstance(part, Region) else 0)
    return Buffer(name=life.root, bytes=size, first=first, last=last)


def _scratch(steps: Sequence[Step], number: int, part: Region | int, starts: Sequence[int]) -> list[Buffer]:
    chosen = steps[part.start : part.end] if isinstance(part, Region) else steps[part : part + 1]
    first, last = starts[number], starts[number + 1] - 1
    size = max(step.scratch_bytes for step in chosen)
    used = sum(2 * step.scratch_bytes * step.operands.output.hwc[0] * step.operands.output.hwc[1] for step in chosen)
    buffers = [Buffer(name=scratch_name(number), bytes=size, first=first, last=last, traffic=used)] if size else []
    if any(step.pushed for step in chosen):
        state = state_bytes(len(chosen))
        rows = sum(step.operands.output.hwc[0] for step in chosen)
        buffers.append(Buffer(name=STATE, bytes=state, first=first, last=last, traffic=state * rows))
    return buffers


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
