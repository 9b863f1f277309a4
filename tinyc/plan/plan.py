"""The plan: which kernel runs each step, in which direction, and where every byte lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from tinyc.ir import Graph, Window
from tinyc.kernels.catalogue import affordable
from tinyc.kernels.contract import USUAL_STACK, Extent, Isa
from tinyc.ops import InvertedBottleneck
from tinyc.plan.banks import Bank, meet, place_in_banks
from tinyc.plan.blocks import Lean, in_blocks, lean_steps
from tinyc.plan.bounds import STATE, scratch_name
from tinyc.plan.candidates import Region, kept_rows
from tinyc.plan.exact import Searched, judge, least_memory_in_any_order, settle
from tinyc.plan.lives import members_of, within
from tinyc.plan.place import ALIGNMENT, Buffer, Placement, Problem, live_together, place
from tinyc.plan.problem import as_run, group_ticks, make_problem
from tinyc.plan.regions import Tile
from tinyc.plan.search import Partition, layers, least_work, patches, points_below, spare_scratch
from tinyc.plan.step import Step
from tinyc.plan.steps import make_steps
from tinyc.plan.views import View, whole

BLOCKS = "but for the bottlenecks in blocks of channels, which a heuristic chose"
MOST_SLOWDOWN = 1.05
"""How many times the instructions a plan may take for less memory, where both are within the budget."""
POINTER_BYTES, USUAL_POINTERS = 4, 4
"""What a call takes of the stack for the address of a row, and for how many rows every plan has room."""
COUNTER_BYTES, USUAL_TOGETHER = 8, 12
"""What a region takes for one of its layers, a counter and where it is kept, and for how many layers every plan has room."""
MOST_ATTEMPTS = 8
"""How often to ask for a smaller peak where placement needs more than its bound."""


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
class Group:
    """Steps that run together: one by itself, called as `mode` says, or a region, row by row.

    For a region: `sinks` and `reads` (demand order) as positions in `steps` and in each step's inputs, `rings` the rows kept of each
    inner root.
    """

    steps: tuple[int, ...]
    direction: Direction = Direction.ASCENDING
    mode: Mode = Mode.ROWS
    sinks: tuple[int, ...] = (0,)
    reads: tuple[tuple[int, ...], ...] = ()
    rings: Mapping[str, int] = field(default_factory=dict)
    tiles: tuple[tuple[Tile, ...], ...] = ()
    """For each tile what each step makes; empty: the region runs once, over everything."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """The columns that each ring keeps, where there are tiles."""
    extra_macs: int = 0
    ticks: int = 1
    """How many ticks of buffers' lives it takes as it runs; a region's calls."""
    state: str | None = None
    """The buffer of a region that takes the input row by row: how many rows each step has made."""

    @property
    def is_region(self) -> bool:
        return bool(self.reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step, the groups they run in, and every buffer's place; `arena_bytes` includes scratch, inputs and outputs, in all banks."""

    graph: Graph
    steps: tuple[Step, ...]
    partition: Partition
    groups: tuple[Group, ...]
    views: Mapping[str, View]
    problem: Problem
    placement: Placement
    arena_bytes: int
    live: tuple[tuple[Buffer, ...], ...]
    """For each step, the buffers in use when the arena is fullest while it runs, or the region that it is in."""
    searched: Searched | None = None
    """What is proven of it, where that was asked for."""

    @property
    def kept(self) -> Mapping[str, int]:
        """Roots of which only so many rows exist anywhere in the plan."""
        return kept_rows(self.steps)

    def scratch(self, step: int) -> str | None:
        """The buffer that a step has as scratch."""
        name = scratch_name(step)
        return name if name in self.placement.offsets else None

    @property
    def as_run(self) -> Problem:
        """What was placed, as it is of use in the directions chosen, one tick a call."""
        down = [group.direction is Direction.DESCENDING for group in self.groups]
        return as_run(self.problem, self.partition, down)

    def offset(self, view: View) -> int:
        """A view's first byte in the arena of its bank."""
        return self.placement.offsets[view.root] + view.offset

    @property
    def bank_bytes(self) -> tuple[int, ...]:
        """The arena's bytes in each of the placement's banks."""
        return tuple(_bank_bytes(self.steps, self.problem, self.placement, k) for k in range(len(self.placement.banks)))

    @property
    def block_bytes(self) -> int:
        """What a program sets aside for the arena, in whole words."""
        return sum(-(-size // ALIGNMENT) * ALIGNMENT for size in self.bank_bytes)

    def live_bytes(self, step: int) -> int:
        """Bytes of arena in use while `step` runs, or the region that it is in."""
        return covered(self.live[step], self.placement.spread)

    @property
    def peak(self) -> tuple[Buffer, ...]:
        """The buffers in use when the arena is fullest."""
        return max(self.live, key=lambda buffers: covered(buffers, self.placement.spread), default=())

    @property
    def extra_macs(self) -> int:
        """Multiply-accumulates that tiles and blocks of channels compute again."""
        again = sum(step.op.repeated_macs(step.operands) for step in self.steps)
        return again + sum(group.extra_macs for group in self.groups)

    @property
    def extra_stack(self) -> int:
        """The bytes by which its kernels and what calls them may go beyond the stack that every plan is given room for."""
        kernel = max((step.kernel.stack for step in self.steps), default=0)
        pointers = max((_pointers(step) for step in self.steps), default=0)
        together = max((len(group.steps) for group in self.groups), default=0)
        callers = POINTER_BYTES * max(0, pointers - USUAL_POINTERS) + COUNTER_BYTES * max(0, together - USUAL_TOGETHER)
        return max(0, kernel - USUAL_STACK) + callers

    @property
    def needed_bytes(self) -> int:
        """What a budget must hold: the block, and the stack beyond what every plan is given room for."""
        return self.block_bytes + self.extra_stack

    @property
    def regions(self) -> int:
        return sum(len(group.steps) > 1 for group in self.groups)


def make_plan(
    graph: Graph,
    *,
    isas: tuple[Isa, ...],
    schedule: str = "auto",
    budget: int | None = None,
    banks: Sequence[Bank] = (),
    effort: float = 2.0,
) -> Plan:
    """The plan for a rewritten graph on a core with these instruction sets.

    `schedule` is layers (each step by itself), patches (MCUNetV2), stream (rings, nothing computed twice) or auto: the least work whose
    arena is within `budget` bytes, and among equals the smallest.  Where nothing fits, the smallest found: the caller compares.
    With `banks` the arena is cut up as banks.py says, all parts together within the budget.
    """
    limits = [] if budget is None else [budget]
    limits += [sum(bank.bytes for bank in banks)] if banks else []
    plan = _in_one_bank(graph, isas=isas, schedule=schedule, budget=min(limits, default=None), effort=effort)
    return judged(
        plan if not banks else _in_banks(plan, isas, schedule, banks, budget, effort), schedule, effort=effort
    )


def judged(plan: Plan, schedule: str, *, effort: float = 2.0) -> Plan:
    """The plan with what the search proves of it."""
    tiled, reached = any(group.tiles for group in plan.groups), plan.placement.bytes
    found = judge(plan.graph, plan.steps, plan.views, schedule=schedule, tiled=tiled, reached=reached, effort=effort)
    if any(isinstance(step.op, InvertedBottleneck) for step in plan.steps):
        found = replace(found, kind=f"{found.kind}, {BLOCKS}", exhaustive=False)
    return replace(plan, searched=found)


def _in_banks(
    plan: Plan, isas: tuple[Isa, ...], schedule: str, banks: Sequence[Bank], budget: int | None, effort: float
) -> Plan:
    """`plan` in several banks, or where its parts do not fit, the least work whose parts do."""

    def within(each: Plan) -> bool:
        return each.placement.fits and (budget is None or each.needed_bytes <= budget)

    best = placed_in_banks(plan, banks, budget, effort)
    if within(best) or schedule != "auto":
        return best
    smaller = _smaller(_lean(plan.graph, isas), isas, effort)
    others = (placed_in_banks(each, banks, budget, effort) for each in smaller)
    return next(filter(within, others), best)


def placed_in_banks(plan: Plan, banks: Sequence[Bank], budget: int | None, effort: float) -> Plan:
    """The same steps and groups, cut up among `banks`, if that can be within the budget."""
    ahead = max((step.kernel.over_read for step in plan.steps), default=0)
    within = [replace(bank, bytes=max(bank.bytes - ahead, 0)) for bank in banks]
    placement = place_in_banks(plan.problem, within, limit=budget, effort=effort)
    placement = replace(placement, rooms={bank.name: bank.bytes for bank in banks})
    return _plan(plan.graph, plan.steps, plan.views, plan.partition, plan.problem, placement)


def _in_one_bank(graph: Graph, *, isas: tuple[Isa, ...], schedule: str, budget: int | None, effort: float) -> Plan:
    """The plan where all of the arena is one block."""
    steps, views = make_steps(graph, isas=isas)
    if schedule == "layers":
        return placed(graph, steps, views, layers(graph, steps, views), effort)
    if schedule == "patches":
        found = patches(graph, steps, views, peak=budget) or patches(graph, steps, views, peak=None)
        partition = layers(graph, steps, views) if found is None else found.partition
        return placed(graph, steps, views, partition, effort)
    lean = _lean(graph, isas)
    first = _least_arena(graph, steps, views, effort)
    best = _with_less_scratch(first, lean, isas, effort, budget)
    if best is not first:
        best = min(best, _least_arena(graph, best.steps, best.views, effort), key=lambda plan: plan.arena_bytes)
    if schedule != "auto" or budget is None or best.needed_bytes <= budget:
        return best
    tried = [best]
    fitting: list[Plan] = []
    for way in (_for_budget(lean, isas, budget, effort), _in_blocks(graph, isas, effort)):
        for plan in way:
            tried.append(plan)
            if plan.needed_bytes <= budget:
                fitting.append(plan)
                break
    if fitting:
        return min(fitting, key=lambda plan: (plan.extra_macs, plan.arena_bytes))
    return min(tried, key=lambda plan: plan.arena_bytes)


def _least_arena(graph: Graph, steps: tuple[Step, ...], views: Mapping[str, View], effort: float) -> Plan:
    ordered, point = least_memory_in_any_order(graph, steps, views)
    plans = [
        placed(graph, steps, views, layers(graph, steps, views), effort),
        placed(graph, ordered, views, point.partition, effort),
    ]
    best = min(plans, key=lambda plan: plan.arena_bytes)
    if best.placement.bytes <= point.peak:
        return best
    settled = settle(graph, steps, views, below=best.placement.bytes, effort=effort)
    if settled.partition is None:
        return best
    return min(best, placed(graph, settled.steps, views, settled.partition, effort), key=lambda plan: plan.arena_bytes)


def _for_budget(lean: Lean, isas: tuple[Isa, ...], budget: int, effort: float) -> Iterator[Plan]:
    """Plans that should be within the budget, in tiles; then those of ever less memory."""
    peak = budget
    for _ in range(MOST_ATTEMPTS):
        point = least_work(lean.graph, lean.steps, lean.views, peak=peak)
        if point is None:
            break
        plan = _with_spare(replace(lean, point=point), isas, effort)
        yield plan
        peak = point.peak - max(plan.needed_bytes - budget, 64)  # what placement missed the bound by, ask for less
    yield from _in_tiles(lean, isas, effort)


def make_front(graph: Graph, *, isas: tuple[Isa, ...], effort: float = 2.0) -> tuple[Plan, ...]:
    """The plan that `auto` chooses, then those that need less memory for more work, down to the least that tiles reach."""
    front = [_in_one_bank(graph, isas=isas, schedule="auto", budget=None, effort=effort)]
    smaller = _smaller(_lean(graph, isas), isas, effort)
    for plan in sorted(smaller, key=lambda plan: (plan.extra_macs, plan.arena_bytes)):
        if plan.arena_bytes < front[-1].arena_bytes:
            front.append(plan)
    return tuple(front)


def _smaller(lean: Lean, isas: tuple[Isa, ...], effort: float) -> Iterator[Plan]:
    """Plans of ever less memory, in each of the two ways to trade work for it."""
    yield from _in_tiles(lean, isas, effort)
    yield from _in_blocks(lean.graph, isas, effort)


def _in_tiles(lean: Lean, isas: tuple[Isa, ...], effort: float) -> Iterator[Plan]:
    """Plans of kernels without more scratch than there is room for: the least that computes nothing twice, then in tiles."""
    yield _with_spare(lean, isas, effort)
    for point in points_below(lean.graph, lean.steps, lean.views, peak=lean.point.peak):
        yield _with_spare(replace(lean, point=point), isas, effort)


def _in_blocks(graph: Graph, isas: tuple[Isa, ...], effort: float) -> Iterator[Plan]:
    """Plans with ever more inverted bottlenecks in blocks of channels, for ever less memory."""
    for each in in_blocks(graph, isas):
        yield _with_spare(each, isas, effort)


def _lean(graph: Graph, isas: tuple[Isa, ...]) -> Lean:
    """In the best order, with the least memory."""
    steps, views = lean_steps(graph, isas)
    ordered, point = least_memory_in_any_order(graph, steps, views)
    return Lean(graph=graph, steps=ordered, views=views, point=point)


def _with_less_scratch(plan: Plan, lean: Lean, isas: tuple[Isa, ...], effort: float, budget: int | None) -> Plan:
    """`plan`, or one with kernels that need less scratch where scratch makes the peak.

    The one of least arena squared times instructions, a hundredth of memory being worth two hundredths of work, among those that take at
    most `MOST_SLOWDOWN` of the instructions of the fastest.  Where only the other is within the budget, as fast as the budget allows.
    """
    full, peak = {step.name: step for step in plan.steps}, lean.point.peak
    if full.keys() != {step.name for step in lean.steps} or all(s.kernel == full[s.name].kernel for s in lean.steps):
        return plan
    if peak >= plan.arena_bytes:
        return plan
    work = _work_by_scratch(lean, isas)
    if budget is not None and plan.needed_bytes > budget:
        extra = max((e for e in work if peak + e <= budget), default=0)
    else:
        fast = [e for e in work if work[e] <= MOST_SLOWDOWN * min(work.values())]
        extra = min(fast, key=lambda e: min(peak + e, plan.arena_bytes) ** 2 * work[e])
        if peak + extra >= plan.arena_bytes:
            return plan
    return min(plan, _with_spare(lean, isas, effort, extra=extra), key=lambda each: each.arena_bytes)


def _with_spare(lean: Lean, isas: tuple[Isa, ...], effort: float, *, extra: int = 0) -> Plan:
    """The lean plan, with kernels that need more scratch wherever there is room for it, or `extra` bytes more."""
    graph, partition = lean.graph, lean.point.partition
    limits = {step.name: room + extra for step, room in zip(lean.steps, _spare(lean), strict=True)}
    steps, views = make_steps(graph, isas=isas, scratch=limits)
    shapes = {step.name: _shape_of(step) for step in steps}
    unlike = [step.name for step in lean.steps if shapes.get(step.name) != _shape_of(step)]
    if unlike:  # the partition is made for the lean kernel's calls
        steps, views = make_steps(graph, isas=isas, scratch=limits | dict.fromkeys(unlike, 0))
    by_name = {step.name: step for step in steps}
    if {name: _shape_of(step) for name, step in by_name.items()} != {s.name: _shape_of(s) for s in lean.steps}:
        return placed(graph, lean.steps, lean.views, partition, effort)
    return placed(graph, tuple(by_name[step.name] for step in lean.steps), views, partition, effort)


def _spare(lean: Lean) -> list[int]:
    return spare_scratch(lean.graph, lean.steps, lean.views, lean.point)


def _work_by_scratch(lean: Lean, isas: tuple[Isa, ...]) -> dict[int, int]:
    """For every number of bytes above the lean plan's peak that lets another step use a faster kernel, the instructions of all steps."""
    ways = [
        [(way.scratch - room, way.cost) for way in affordable(step.op, step.operands, isas)]
        for step, room in zip(lean.steps, _spare(lean), strict=True)
    ]
    least = [min(lacking for lacking, _ in way) for way in ways]
    return {
        extra: sum(
            min(cost for lacking, cost in way if lacking <= max(extra, fewest))
            for way, fewest in zip(ways, least, strict=True)
        )
        for extra in sorted({0, *(lacking for way in ways for lacking, _ in way if lacking > 0)})
    }


def _shape_of(step: Step) -> tuple[object, ...]:
    """What a partition takes for granted of a step."""
    return step.name, step.inputs, step.output, step.kernel.extent, step.kernel.in_place


def placed(
    graph: Graph, steps: tuple[Step, ...], views: Mapping[str, View], partition: Partition, effort: float
) -> Plan:
    """The plan of a partition, in one block."""
    problem = make_problem(graph, steps, views, partition)
    return _plan(graph, steps, views, partition, problem, place(problem, effort=effort))


def _plan(
    graph: Graph,
    steps: tuple[Step, ...],
    views: Mapping[str, View],
    partition: Partition,
    problem: Problem,
    placement: Placement,
) -> Plan:
    banks = range(len(placement.banks))
    return Plan(
        graph=graph,
        steps=steps,
        partition=partition,
        groups=tuple(_group(steps, number, part, problem, placement) for number, part in enumerate(partition)),
        views=views,
        problem=problem,
        placement=placement,
        arena_bytes=sum(_bank_bytes(steps, problem, placement, k) for k in banks),
        live=_live(partition, problem, placement),
    )


def _live(partition: Partition, problem: Problem, placement: Placement) -> tuple[tuple[Buffer, ...], ...]:
    """For each step, the buffers that hold something of use when its group fills most of the arena."""
    live: list[tuple[Buffer, ...]] = []
    spread = placement.spread
    for part, start, end in group_ticks(partition):
        fullest: tuple[Buffer, ...] = ()
        for moment in live_together([replace(b, lives=within(b.lives, start, end - 1)) for b in problem.buffers]):
            if moment.bytes > covered(fullest, spread):
                buffers = tuple(problem.buffers[index] for index in members_of(moment.members))
                fullest = max(fullest, buffers, key=lambda each: covered(each, spread))
        live += [fullest] * (part.end - part.start if isinstance(part, Region) else 1)
    return tuple(live)


def covered(buffers: Sequence[Buffer], offsets: Mapping[str, int]) -> int:
    """The bytes of arena that these buffers take together; what lies one over the other counts once."""
    total = reach = 0
    for start, end in sorted((offsets[b.name], offsets[b.name] + b.bytes) for b in buffers):
        total += max(end - max(start, reach), 0)
        reach = max(reach, end)
    return total


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


def _group(steps: tuple[Step, ...], number: int, part: Region | int, problem: Problem, placement: Placement) -> Group:
    """The group with its mode and direction, now that placement has decided what overlaps."""
    down = number in placement.descending
    if isinstance(part, Region):
        down = down if part.descending is None else part.descending
    direction = Direction.DESCENDING if down else Direction.ASCENDING
    if isinstance(part, Region):
        return Group(
            steps=tuple(range(part.start, part.end)),
            direction=direction,
            sinks=part.sinks,
            reads=part.reads,
            rings=part.rings,
            tiles=part.tiles,
            widths=part.widths,
            extra_macs=part.extra_macs,
            ticks=part.calls,
            state=STATE if any(step.pushed for step in steps[part.start : part.end]) else None,
        )
    step = steps[part]
    if step.kernel.extent is Extent.WHOLE:
        return Group(steps=(part,), mode=Mode.WHOLE)
    bytewise = step.kernel.in_place and direction is Direction.ASCENDING
    sizes = {b.name: b.bytes for b in problem.buffers}
    touching = not bytewise and any(
        meet(overlap, placement.spread, sizes) for overlap in problem.overlaps if overlap.group == number
    )
    if not touching and step.kernel.extent is Extent.LONG_ROW and _is_long(step):
        return Group(steps=(part,), mode=Mode.LONG_ROW)
    return Group(steps=(part,), direction=direction)


def _pointers(step: Step) -> int:
    """How many rows' addresses a call of the step is given at most."""
    rules = [
        step.op.row_rule(step.operands, position)
        for position, view in zip(step.activations, step.inputs, strict=True)
        if view is not None
    ]
    return sum(rule.count if isinstance(rule, Window) else 1 for rule in rules)


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


def _bank_bytes(steps: tuple[Step, ...], problem: Problem, placement: Placement, bank: int) -> int:
    """What the placement takes of one bank, and what the last bytes' over-reading kernels need beyond it."""
    here = [b for b in problem.buffers if placement.bank(b.name) == bank]
    size = max((placement.offsets[b.name] + b.bytes for b in here), default=0)
    for step in steps:
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is not None and step.kernel.over_read and placement.bank(view.root) == bank:
                end = placement.offsets[view.root] + view.offset + step.operands.input(position).bytes
                size = max(size, end + step.kernel.over_read)
    return size
