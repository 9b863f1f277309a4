"""What a run of consecutive steps needs when it executes as one region, whatever the rest of the plan looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

from tinyc.ir import Graph, Tensor, Window
from tinyc.kernels.contract import Extent
from tinyc.plan.lives import Lives, joined, shifted
from tinyc.plan.overlap import Distance
from tinyc.plan.regions import Read, RowStep, Tile, Walk, simulate
from tinyc.plan.step import Step
from tinyc.plan.views import View, whole

MOST_CALLS = 20_000
NOTHING = ((0, 0),)
"""The lives of what no call makes, so that it has a place all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """The steps, first and last, between which a root holds something of use; `bytes` of the whole tensor."""

    root: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Steps [start, end) run row by row together.

    `rings` holds the rows kept of each inner root, `reads` the demand order of each step's activation inputs.  A region counts ticks from
    its first call, one a call.  Where it may still run in either direction it counts the calls of both, upwards first: what meets in
    neither may share bytes, whichever is chosen.
    """

    start: int
    end: int
    sinks: tuple[int, ...]
    reads: tuple[tuple[int, ...], ...]
    rings: Mapping[str, int]
    ring_bytes: Mapping[str, int]
    ring_lives: Mapping[str, Lives]
    """When the ring of each inner root holds something of use."""
    order: tuple[tuple[int, ...], ...]
    """The step of each call, counted from the region's first, in each direction."""
    touched: tuple[Mapping[str, tuple[int, int]], ...]
    """In each direction the first and the last call that reads or writes each root."""
    distances: Mapping[tuple[str, str], Distance]
    calls: int
    descending: bool | None = None
    """The only direction in which it may run; None: either."""
    tiles: tuple[tuple[Tile, ...], ...] = ()
    """For each tile what each step makes; empty: the region runs once, over everything."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """The columns that the ring of each inner root keeps, where there are tiles."""
    extra_macs: int = 0
    """Multiply-accumulates that tiles compute again."""

    @property
    def ticks(self) -> int:
        """The calls of all directions in which it may run."""
        return self.calls * len(self.touched)

    def turns(self, step: int) -> Lives:
        """When a step runs, counted from the region's first."""
        ticks = (
            number * self.calls + tick
            for number, order in enumerate(self.order)
            for tick, runs in enumerate(order)
            if runs == step
        )
        return joined((tick, tick) for tick in ticks) or NOTHING

    def lives(self, root: str, *, entered: bool = False, left: bool = False) -> Lives:
        """When a root is of use; `entered`: it is before the region too, `left`: after it too."""
        if root in self.ring_lives:
            return self.ring_lives[root]
        spans = []
        for number, touched in enumerate(self.touched):
            first, last = touched.get(root, (0, self.calls - 1))
            at = number * self.calls
            spans.append((at if entered else at + first, at + self.calls - 1 if left else at + last))
        return joined(spans)


def lifetimes(graph: Graph, steps: Sequence[Step]) -> dict[str, Lifetime]:
    """The lifetime of every root in steps."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, step in enumerate(steps):
        for view in (*step.inputs, step.output):
            if view is not None:
                first.setdefault(view.root, index)
                last[view.root] = index
    return {
        root: Lifetime(root=root, bytes=kept_bytes(graph, steps, root), first=first[root], last=last[root])
        for root in first
    }


def kept_rows(steps: Sequence[Step]) -> dict[str, int]:
    """The roots of which only so many rows ever exist, because their operator makes a row from the one before."""
    return {step.output.root: step.op.kept_rows for step in steps if step.op.kept_rows is not None}


def kept_bytes(graph: Graph, steps: Sequence[Step], root: str) -> int:
    """The bytes of a root's buffer where it is not a ring."""
    tensor = graph.tensors[root]
    rows = kept_rows(steps).get(root, tensor.hwc[0])
    return tensor.bytes // tensor.hwc[0] * rows


def region_variants(
    graph: Graph,
    steps: Sequence[Step],
    alive: Mapping[str, Lifetime],
    pinned: frozenset[str],
    start: int,
    end: int,
) -> list[Region]:
    """Steps [start, end) as a region, for each order of demands; none where some step cannot run by rows or reads rows that do not line up.

    `pinned` roots (inputs and outputs of the graph) are never rings.
    """
    chosen = steps[start:end]
    if any(step.kernel.extent is Extent.WHOLE for step in chosen):
        return []
    written = {step.output.root for step in chosen}
    inner = frozenset(
        root
        for root in written
        if root not in pinned
        and alive[root].first >= start
        and alive[root].last < end
        and _rows_line_up(graph, root, chosen)
    )
    if not _streamable(graph, chosen, written):
        return []
    orders = [_reads(chosen, flip=False)]
    if any(_joins(step, written) for step in chosen):
        orders.append(_reads(chosen, flip=True))
    return [region for order in orders for region in _simulated(graph, chosen, alive, inner, start, end, order)]


def _streamable(graph: Graph, chosen: Sequence[Step], written: set[str]) -> bool:
    """Whether every read of a root that the region writes follows a row rule over rows that line up."""
    for step in chosen:
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is None or view.root not in written:
                continue
            if not isinstance(step.op.row_rule(step.operands, position), Window):
                return False
            if not _rows_line_up(graph, view.root, chosen):
                return False
    return True


def writers(chosen: Sequence[Step], position: int, index: int) -> tuple[int, ...]:
    """The positions of the steps that write what input `index` of the step at `position` reads: part of a root has its own.

    For roots whose rows line up, so that what is written to row 0 says it for all.  What a step between them computes in place is its own.
    """
    step = chosen[position]
    view = step.inputs[index]
    if view is None:
        return ()
    tensor = step.operands.input(step.activations[index])
    return tuple(
        other
        for other, writer in enumerate(chosen[:position])
        if writer.output.root == view.root
        and not is_overwritten(chosen[:position], other)
        and _share_bytes(view, tensor, writer.output, writer.operands.output)
    )


def is_overwritten(chosen: Sequence[Step], index: int) -> bool:
    """Whether a later step computes in place what the step at `index` writes."""
    place = chosen[index].output
    return any(later.output == place and place in later.inputs for later in chosen[index + 1 :])


def views_meet(view: View, tensor: Tensor, other: View, other_tensor: Tensor) -> bool:
    """Whether two views may have bytes in common."""
    if view.root != other.root or view.offset >= _end(other, other_tensor) or other.offset >= _end(view, tensor):
        return False
    lined_up = view.row_stride == other.row_stride and max(view.offset, other.offset) < view.row_stride
    return not lined_up or _share_bytes(view, tensor, other, other_tensor)


def _end(view: View, tensor: Tensor) -> int:
    """One past the last byte of a view, counted in its root."""
    rows, columns, channels = tensor.hwc
    last = view.offset + (rows - 1) * view.row_stride + (columns - 1) * view.pixel_stride
    return last + channels * tensor.dtype.bytes


@lru_cache(maxsize=65536)
def _share_bytes(view: View, tensor: Tensor, other: View, other_tensor: Tensor) -> bool:
    """Whether two views of one root have bytes of their first rows in common."""
    return not _first_row(view, tensor).isdisjoint(_first_row(other, other_tensor))


def _first_row(view: View, tensor: Tensor) -> frozenset[int]:
    _, columns, channels = tensor.hwc
    pixel = range(channels * tensor.dtype.bytes)
    return frozenset(view.offset + x * view.pixel_stride + byte for x in range(columns) for byte in pixel)


def _rows_line_up(graph: Graph, root: str, chosen: Sequence[Step]) -> bool:
    """Whether row r of every view of `root` lies in row r of the root."""
    tensor = graph.tensors[root]
    rows = tensor.hwc[0]
    row_bytes = tensor.bytes // rows
    for step in chosen:
        seen = [(step.output, step.operands.output)]
        seen += [
            (view, step.operands.input(position))
            for position, view in zip(step.activations, step.inputs, strict=True)
            if view is not None
        ]
        for view, viewed in seen:
            if view.root != root:
                continue
            if viewed.hwc[0] != rows or view.offset >= row_bytes or (rows > 1 and view.row_stride != row_bytes):
                return False
    return True


def _joins(step: Step, written: set[str]) -> bool:
    """Whether a step reads several roots that the region writes, so that the order of its demands matters."""
    return len({view.root for view in step.inputs if view is not None and view.root in written}) > 1


def _reads(chosen: Sequence[Step], *, flip: bool) -> tuple[tuple[int, ...], ...]:
    """The order in which each step demands its inputs, as positions in `step.inputs`."""
    orders = []
    for step in chosen:
        order = [position for position, view in enumerate(step.inputs) if view is not None]
        orders.append(tuple(reversed(order) if flip else order))
    return tuple(orders)


def _simulated(
    graph: Graph,
    chosen: Sequence[Step],
    alive: Mapping[str, Lifetime],
    inner: frozenset[str],
    start: int,
    end: int,
    orders: tuple[tuple[int, ...], ...],
) -> list[Region]:
    """The region upwards, downwards, and in whichever of the two placement likes better."""
    row_steps = [row_step(chosen, position, order) for position, order in enumerate(orders)]
    if sum(step.rows for step in row_steps) > MOST_CALLS:
        return []
    row_bytes = {root: graph.tensors[root].bytes // graph.tensors[root].hwc[0] for root in alive}
    written = {step.target for step in row_steps}
    read = {r.root for step in row_steps for r in step.reads}
    outer = frozenset(root for root in written - inner if _is_simple_output(graph, chosen, alive, root, start))
    dying = frozenset(
        root
        for root in read - written
        if alive[root].last < end
        and alive[root].bytes == graph.tensors[root].bytes
        and _is_simple_input(graph, chosen, root)
    )
    sinks = _sinks(chosen, inner)
    walks = [
        simulate(
            row_steps,
            sinks=sinks,
            descending=descending,
            inner=inner,
            row_bytes=row_bytes,
            dying=dying,
            outer=outer,
        )
        for descending in ((False,) if any(step.upward_only for step in chosen) else (False, True))
    ]
    region = partial(_region, graph, chosen, start=start, end=end, sinks=sinks, reads=orders, row_bytes=row_bytes)
    upwards = region(walks[:1], descending=False)
    if len(walks) == 1:
        return [upwards]
    if walks[0].rings == walks[1].rings and _at_the_same_times(walks):
        return [region(walks)]
    return [region(walks), upwards, region(walks[1:], descending=True)]


def _region(
    graph: Graph,
    chosen: Sequence[Step],
    walks: Sequence[Walk],
    *,
    start: int,
    end: int,
    sinks: tuple[int, ...],
    reads: tuple[tuple[int, ...], ...],
    row_bytes: Mapping[str, int],
    descending: bool | None = None,
) -> Region:
    """The region of these walks: upwards, downwards, or both in this order."""
    calls = max(len(walk.order) for walk in walks)
    rings = {root: min(max(w.rings[root] for w in walks), graph.tensors[root].hwc[0]) for root in walks[0].rings}
    times = walks[:1] if _at_the_same_times(walks) else walks
    return Region(
        start=start,
        end=end,
        sinks=sinks,
        reads=reads,
        rings=rings,
        ring_bytes={root: rows * row_bytes[root] for root, rows in rings.items()},
        ring_lives={root: _in_turn([walk.lives.get(root, NOTHING) for walk in times], calls) for root in rings},
        order=tuple(walk.order for walk in times),
        touched=tuple(walk.touched for walk in times),
        distances=_distances(walks, descending),
        calls=calls,
        descending=descending,
    )


def _at_the_same_times(walks: Sequence[Walk]) -> bool:
    """Whether whatever happens at a call of one happens at that call of the others."""
    first = walks[0]
    return all((w.lives, w.touched, w.order) == (first.lives, first.touched, first.order) for w in walks)


def _in_turn(lives: Sequence[Lives], calls: int) -> Lives:
    return joined(span for number, each in enumerate(lives) for span in shifted(each, number * calls))


def _distances(walks: Sequence[Walk], descending: bool | None) -> dict[tuple[str, str], Distance]:
    ways = ("descending",) if descending else ("ascending", "descending")
    found: dict[tuple[str, str], Distance] = {}
    for way, walk in zip(ways, walks, strict=False):
        for pair, gap in walk.distances.items():
            found[pair] = replace(found.get(pair, Distance(ascending=None, descending=None)), **{way: gap})
    return found


def row_step(chosen: Sequence[Step], position: int, order: Sequence[int]) -> RowStep:
    """The step at `position` as the walk sees it, with its demands in this order."""
    step, reads = chosen[position], []
    for index in order:
        view = step.inputs[index]
        rule = step.op.row_rule(step.operands, step.activations[index])
        assert view is not None
        tensor = step.operands.input(step.activations[index])
        everything = Window(a=0, lo_offset=0, hi_offset=tensor.hwc[0])
        reads.append(
            Read(
                root=view.root,
                rows=tensor.hwc[0],
                window=rule if isinstance(rule, Window) else everything,
                writers=writers(chosen, position, index),
            )
        )
    return RowStep(
        rows=step.operands.output.hwc[0],
        target=step.output.root,
        reads=tuple(reads),
        carries=step.op.kept_rows is not None,
    )


def _sinks(chosen: Sequence[Step], inner: frozenset[str]) -> tuple[int, ...]:
    """The last step drives; then every other step whose output must be complete."""
    last = len(chosen) - 1
    others = [
        index
        for index, step in enumerate(chosen[:-1])
        if step.output.root not in inner and not is_overwritten(chosen, index)
    ]
    return (last, *others)


def _is_simple_input(graph: Graph, chosen: Sequence[Step], root: str) -> bool:
    """Whether every read of `root` is of the whole tensor, contiguous and by rows."""
    for step in chosen:
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is None or view.root != root:
                continue
            tensor = step.operands.input(position)
            if not fills_simply(graph, view, tensor):
                return False
            if (
                not isinstance(step.op.row_rule(step.operands, position), Window)
                or tensor.hwc[0] != graph.tensors[root].hwc[0]
            ):
                return False
    return True


def _is_simple_output(
    graph: Graph, chosen: Sequence[Step], alive: Mapping[str, Lifetime], root: str, start: int
) -> bool:
    """Whether the region writes all of `root` and each write is of whole contiguous rows."""
    writes = [step for step in chosen if step.output.root == root]
    return (
        alive[root].first >= start
        and alive[root].bytes == graph.tensors[root].bytes
        and all(fills_simply(graph, step.output, step.operands.output) for step in writes)
        and all(step.operands.output.hwc[0] == graph.tensors[root].hwc[0] for step in writes)
    )


def fills_simply(graph: Graph, view: View, tensor: Tensor) -> bool:
    """Whether a tensor is all of its root, contiguous."""
    return view == whole(tensor, root=view.root) and graph.tensors[view.root].bytes == tensor.bytes
