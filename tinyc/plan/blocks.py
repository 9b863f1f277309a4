"""Inverted bottlenecks in blocks of expanded channels: less memory than rings of the expanded rows, for rows that are expanded again.

A heuristic: of the region that needs the most, the bottleneck whose expanded rows outweigh what its blocks need by the most is run in
blocks, and so on, as long as that leads anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.passes.fuse_bottleneck import Bottleneck, bottlenecks, fuse_bottlenecks
from tinyc.plan.bounds import group_bound, pinned_lifetimes, pinned_roots
from tinyc.plan.candidates import Region
from tinyc.plan.search import Point, least_memory
from tinyc.plan.step import Step
from tinyc.plan.steps import make_steps
from tinyc.plan.views import View

MOST_IN_BLOCKS = 8
MOST_IN_VAIN = 2
"""How many bottlenecks more to try where the last ones did not lower the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lean:
    """The steps of a graph with kernels of the least scratch, and a way to run them."""

    graph: Graph
    steps: tuple[Step, ...]
    views: Mapping[str, View]
    point: Point


def lean_steps(graph: Graph, isas: tuple[Isa, ...]) -> tuple[tuple[Step, ...], Mapping[str, View]]:
    """The graph's steps with the kernels of the least scratch."""
    return make_steps(graph, isas=isas, scratch={operation.name: 0 for operation in graph.operations})


def in_blocks(graph: Graph, isas: tuple[Isa, ...]) -> Iterator[Lean]:
    """Ever more bottlenecks in blocks, each one operation, each graph with a lower peak than all before."""
    found = bottlenecks(graph)
    saved = {name: bytes_ for name, each in found.items() if (bytes_ := _saved(graph, name, each, isas)) > 0}
    current = _planned(graph, isas) if saved else None
    chosen: dict[str, Bottleneck] = {}
    best, vain = current.point.peak if current else 0, 0
    while current is not None and vain <= MOST_IN_VAIN and len(chosen) < MOST_IN_BLOCKS:
        names = {step.name for step in _fullest(current)}
        taken = {operation.name for each in chosen.values() for operation in each}
        at_peak = [
            name
            for name in saved
            if not any(o.name in taken for o in found[name]) and any(o.name in names for o in found[name])
        ]
        if not at_peak:
            return
        name = max(at_peak, key=lambda each: saved[each])
        chosen[name] = found[name]
        current = _planned(fuse_bottlenecks(graph, chosen), isas)
        vain += 1
        if current.point.peak < best:
            best, vain = current.point.peak, 0
            yield current


def _planned(graph: Graph, isas: tuple[Isa, ...]) -> Lean:
    steps, views = lean_steps(graph, isas)
    return Lean(graph=graph, steps=steps, views=views, point=least_memory(graph, steps, views))


def _saved(graph: Graph, name: str, bottleneck: Bottleneck, isas: tuple[Isa, ...]) -> int:
    """The bytes of the expanded rows of a window less those of the blocks' scratch; nothing where only plain C could run them."""
    fused = fuse_bottlenecks(graph, {name: bottleneck})
    operation = next(each for each in fused.operations if each.name == name)
    steps, _ = make_steps(fused, isas=isas, scratch={name: 0})
    step = next(each for each in steps if each.name == name)
    if step.kernel.isa is Isa.SCALAR and len(isas) > 1:
        return 0
    operands = fused.operands(operation)
    x, expanded = operands.input(0), graph.tensors[bottleneck[0].outputs[0]]
    rows = graph.operands(bottleneck[1]).input(1).shape[1]
    more_input = (rows - 1) * x.bytes // x.hwc[0]
    return rows * expanded.bytes // expanded.hwc[0] - step.scratch_bytes - more_input


def _fullest(lean: Lean) -> tuple[Step, ...]:
    """The steps of the group that needs the most."""
    graph, steps = lean.graph, lean.steps
    pinned, alive = pinned_roots(graph, lean.views), pinned_lifetimes(graph, steps, lean.views)
    worst = max(lean.point.partition, key=lambda group: group_bound(graph, steps, alive, pinned, group))
    return steps[worst.start : worst.end] if isinstance(worst, Region) else (steps[worst],)
