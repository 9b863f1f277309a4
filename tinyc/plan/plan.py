"""The plan: which kernel runs each step, in which direction, and where every byte lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from tinyc.errors import ModelError
from tinyc.ir import Graph, Op, Operands, Operation, Tensor
from tinyc.kernels.catalogue import select
from tinyc.kernels.contract import Extent, Isa, Kernel
from tinyc.ops import Concatenation, Reshape
from tinyc.plan.overlap import distance
from tinyc.plan.place import Buffer, Overlap, Placement, Problem, place
from tinyc.plan.views import View, assign_views, whole


class Mode(Enum):
    """How a step calls its kernel."""

    ROWS = "once an output row"
    LONG_ROW = "once, the tensor as one long row"
    WHOLE = "once, for the whole output"


class Direction(Enum):
    """The order in which a step makes its rows."""

    ASCENDING = "ascending"
    DESCENDING = "descending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One kernel run over one operation; `views` belong to the activation inputs (None: a constant in flash)."""

    name: str
    op: Op
    operands: Operands
    kernel: Kernel
    activations: tuple[int, ...]
    inputs: tuple[View | None, ...]
    output: View
    scratch: str | None
    mode: Mode = Mode.ROWS
    direction: Direction = Direction.ASCENDING
    source_index: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step in order and every buffer's place; `arena_bytes` includes scratch, inputs and outputs."""

    graph: Graph
    steps: tuple[Step, ...]
    views: Mapping[str, View]
    problem: Problem
    placement: Placement
    arena_bytes: int

    def offset(self, view: View) -> int:
        """A view's first byte in the arena."""
        return self.placement.offsets[view.root] + view.offset

    def live_bytes(self, step: int) -> int:
        """Bytes of arena that hold something of use during `step`."""
        return sum(b.bytes for b in self.problem.buffers if b.first <= step <= b.last)


def make_plan(graph: Graph, *, isas: tuple[Isa, ...], effort: float = 2.0) -> Plan:
    """The plan for a rewritten graph on a core with these instruction sets."""
    kernels = {
        o.name: _kernel(graph, o, isas) for o in graph.operations if not isinstance(o.op, Concatenation | Reshape)
    }
    views = assign_views(graph, kernels)
    steps = _steps(graph, kernels, views, isas)
    buffers = _buffers(graph, steps, views)
    overlaps = tuple(_overlaps(steps, {b.name: b for b in buffers}))
    problem = Problem(buffers=tuple(buffers), overlaps=overlaps)
    placement = place(problem, effort=effort)
    finished = tuple(_scheduled(index, step, problem, placement) for index, step in enumerate(steps))
    return Plan(
        graph=graph,
        steps=finished,
        views=views,
        problem=problem,
        placement=placement,
        arena_bytes=_arena_bytes(finished, placement),
    )


def layer_by_layer_bytes(graph: Graph) -> int:
    """The arena of plain layer-by-layer execution: no overlap, no views; the most bytes of tensors live at one operation."""
    last = {name: len(graph.operations) for name in graph.outputs}
    for index, operation in enumerate(graph.operations):
        for name in operation.inputs:
            if name is not None:
                last[name] = max(last.get(name, index), index)
    live = {name: graph.tensors[name].bytes for name in graph.inputs}
    peak = sum(live.values())
    for index, operation in enumerate(graph.operations):
        live.update({name: graph.tensors[name].bytes for name in operation.outputs})
        peak = max(peak, sum(live.values()))
        live = {name: size for name, size in live.items() if last.get(name, -1) > index}
    return peak


def _kernel(graph: Graph, operation: Operation, isas: tuple[Isa, ...]) -> Kernel:
    try:
        return select(operation.op, graph.operands(operation), isas)
    except ValueError as reason:
        raise ModelError(
            f"operation {operation.source_index} {operation.op.kind} ({operation.name}): {reason}"
        ) from None


def _steps(
    graph: Graph, kernels: Mapping[str, Kernel], views: Mapping[str, View], isas: tuple[Isa, ...]
) -> tuple[Step, ...]:
    steps: list[Step] = []
    for operation in graph.operations:
        operands = graph.operands(operation)
        if isinstance(operation.op, Concatenation):
            steps += _concatenation_steps(operation, operation.op, operands, views, isas)
        elif isinstance(operation.op, Reshape):
            steps += _reshape_steps(operation, operands, views, isas)
        else:
            steps.append(
                _step(operation, operation.op, operands, kernels[operation.name], views, views[operands.output.name])
            )
    return tuple(steps)


def _step(
    operation: Operation,
    op: Op,
    operands: Operands,
    kernel: Kernel,
    views: Mapping[str, View],
    output: View,
    *,
    name: str | None = None,
) -> Step:
    activations = op.activations(operands)
    return Step(
        name=name or operation.name,
        op=op,
        operands=operands,
        kernel=kernel,
        activations=activations,
        inputs=tuple(None if (t := operands.input(i)).is_constant else views[t.name] for i in activations),
        output=output,
        scratch=f"{name or operation.name}:scratch" if kernel.scratch(op, operands) else None,
        source_index=operation.source_index,
    )


def _concatenation_steps(
    operation: Operation, op: Concatenation, operands: Operands, views: Mapping[str, View], isas: tuple[Isa, ...]
) -> list[Step]:
    """A copy for every piece that is not already where it belongs."""
    output = operands.output
    axis = op.axis % len(output.shape)
    steps: list[Step] = []
    index = 0
    for number, tensor in enumerate(operands.inputs):
        assert tensor is not None
        place = _piece_view(operation, output, views[output.name], axis, index)
        index += tensor.shape[axis]
        if not tensor.is_constant and views[tensor.name] == place:
            continue
        copied = replace(tensor, name=f"{output.name}:{number}", data=None)
        pair = Operands(inputs=(tensor,), outputs=(copied,))
        copy = Reshape(shape=tensor.shape)
        name = f"{operation.name}:{number}"
        steps.append(_step(operation, copy, pair, select(copy, pair, isas), views, place, name=name))
    return steps


def _piece_view(operation: Operation, output: Tensor, place: View, axis: int, index: int) -> View:
    rank = len(output.shape)
    if axis == rank - 1:
        return replace(place, offset=place.offset + index * output.dtype.bytes)
    if rank >= 4 and axis == rank - 2:
        return replace(place, offset=place.offset + index * place.pixel_stride)
    if any(size != 1 for size in output.shape[:axis]):
        raise ModelError(
            f"operation {operation.source_index} concatenation: axis {axis} of {output.shape} is not supported."
        )
    rows = output.hwc[0] // output.shape[axis]
    return replace(place, offset=place.offset + index * rows * place.row_stride)


def _reshape_steps(
    operation: Operation, operands: Operands, views: Mapping[str, View], isas: tuple[Isa, ...]
) -> list[Step]:
    source, target = operands.input(0), operands.output
    if not source.is_constant:
        here, there = views[source.name], views[target.name]
        if (here.root, here.offset) == (there.root, there.offset):
            return []
    flat = (1, source.elements)
    pair = Operands(inputs=(replace(source, shape=flat),), outputs=(replace(target, shape=flat),))
    copy = Reshape(shape=flat)
    return [_step(operation, copy, pair, select(copy, pair, isas), views, views[target.name])]


def _buffers(graph: Graph, steps: tuple[Step, ...], views: Mapping[str, View]) -> list[Buffer]:
    """The roots, from the first write of any of their views to the last read, and the scratch of each step."""
    sizes = {view.root: graph.tensors[view.root].bytes for view in views.values()}
    first: dict[str, int] = {views[name].root: 0 for name in graph.inputs}
    last: dict[str, int] = {views[name].root: 0 for name in graph.inputs}
    scratch: list[Buffer] = []
    for index, step in enumerate(steps):
        for view in (*step.inputs, step.output):
            if view is not None:
                first.setdefault(view.root, index)
                last[view.root] = index
        if step.scratch is not None:
            size = step.kernel.scratch(step.op, step.operands)
            scratch.append(Buffer(name=step.scratch, bytes=size, first=index, last=index))
    for name in graph.outputs:
        last[views[name].root] = max(len(steps) - 1, 0)
    roots = [
        Buffer(name=name, bytes=size, first=first[name], last=last[name])
        for name, size in sizes.items()
        if name in first
    ]
    return roots + scratch


def _overlaps(steps: tuple[Step, ...], buffers: Mapping[str, Buffer]) -> list[Overlap]:
    """The pairs of whole buffers of which one dies in the step that writes all of the other."""
    found: dict[tuple[int, str, str], Overlap] = {}
    writers: dict[str, int] = {}
    for step in steps:
        writers[step.output.root] = writers.get(step.output.root, 0) + 1
    for index, step in enumerate(steps):
        target = step.operands.output
        if step.output != whole(target, root=step.output.root) or writers[step.output.root] > 1:
            continue
        if buffers[step.output.root].first != index or buffers[step.output.root].bytes != target.bytes:
            continue
        roots = [view.root for view in step.inputs if view is not None]
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is None or buffers[view.root].last != index or roots.count(view.root) > 1:
                continue
            source = step.operands.input(position)
            if view != whole(source, root=view.root) or buffers[view.root].bytes != source.bytes:
                continue
            gap = distance(step.kernel, step.op, step.operands, position)
            if gap is not None:
                found[index, view.root, step.output.root] = Overlap(
                    step=index, source=view.root, target=step.output.root, distance=gap
                )
    return list(found.values())


def _scheduled(index: int, step: Step, problem: Problem, placement: Placement) -> Step:
    """The step with its mode and direction, now that placement has decided what overlaps."""
    direction = Direction.DESCENDING if index in placement.descending else Direction.ASCENDING
    if step.kernel.extent is Extent.WHOLE:
        return replace(step, mode=Mode.WHOLE)
    sizes = {b.name: b.bytes for b in problem.buffers}
    touching = False
    for overlap in problem.overlaps:
        if overlap.step == index and not (step.kernel.in_place and direction is Direction.ASCENDING):
            source, target = placement.offsets[overlap.source], placement.offsets[overlap.target]
            touching |= source < target + sizes[overlap.target] and target < source + sizes[overlap.source]
    if not touching and step.kernel.extent is Extent.LONG_ROW and _is_long(step):
        return replace(step, mode=Mode.LONG_ROW)
    return replace(step, direction=direction)


def _is_long(step: Step) -> bool:
    """Whether input and output pixels follow one another from row to row with one stride."""
    tensors = [(step.operands.output, step.output)]
    for position, view in zip(step.activations, step.inputs, strict=True):
        source = step.operands.input(position)
        tensors.append((source, view or whole(source)))
    rows, columns, _ = step.operands.output.hwc
    return all(
        tensor.hwc[:2] == (rows, columns) and (rows == 1 or view.row_stride == columns * view.pixel_stride)
        for tensor, view in tensors
    )


def _arena_bytes(steps: tuple[Step, ...], placement: Placement) -> int:
    """The placement's size, and what the last bytes' over-reading kernels need beyond it."""
    size = placement.bytes
    for step in steps:
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is not None and step.kernel.over_read:
                end = placement.offsets[view.root] + view.offset + step.operands.input(position).bytes
                size = max(size, end + step.kernel.over_read)
    return size
