"""Steps in groups become a placement problem: buffers with lifetimes in ticks, and pairs that may overlap.

A step by itself takes one tick, a region one for each of its calls, so that what a region frees early can be used again within it; where it
may run in either direction, one for each call of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tinyc.ir import Graph, Window
from tinyc.plan.bounds import STATE, group_problem, pinned_lifetimes, pinned_roots, scratch_name
from tinyc.plan.candidates import Region
from tinyc.plan.lives import Lives, joined, shifted, within
from tinyc.plan.place import Buffer, Overlap, Problem
from tinyc.plan.search import Partition
from tinyc.plan.step import Step
from tinyc.plan.views import Views


def make_problem(graph: Graph, steps: Sequence[Step], views: Views, partition: Partition) -> Problem:
    """What is to be placed when the steps run in these groups."""
    pinned, alive = pinned_roots(graph, views), pinned_lifetimes(graph, steps, views)
    traffic, end = _traffic(steps), _starts(partition)[-1]
    sizes = {life.root: life.bytes for life in alive.values()}
    spans = {life.root: [(0, 0)] if life.first < 0 else [] for life in alive.values()}
    overlaps: list[Overlap] = []
    for number, (part, start, _) in enumerate(group_ticks(partition)):
        inside = group_problem(graph, steps, alive, pinned, part)
        for buffer in inside.buffers:
            sizes[buffer.name] = buffer.bytes
            spans.setdefault(buffer.name, []).extend(shifted(buffer.lives, start))
            if buffer.name == STATE and isinstance(part, Region):
                traffic[STATE] = buffer.bytes * sum(
                    step.operands.output.hwc[0] for step in steps[part.start : part.end]
                )
        overlaps += [replace(overlap, group=number) for overlap in inside.overlaps]
    for life in alive.values():
        if life.last >= len(steps):
            spans[life.root].append((end, end))
    buffers = [
        Buffer(name=name, bytes=size, lives=joined(spans[name]), traffic=traffic.get(name, 0), port=name in pinned)
        for name, size in sizes.items()
    ]
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
    for index, step in enumerate(steps):
        written = step.operands.output
        traffic[scratch_name(index)] = 2 * step.scratch_bytes * written.hwc[0] * written.hwc[1]
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
