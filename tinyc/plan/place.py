"""Offsets for buffers with lifetimes, some pairs of which may overlap by a distance: the model of one bank (banks.py has several).

First a fast heuristic from several orders; where it misses the lower bound, CP-SAT (deterministic: one worker, deterministic time).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from tinyc.plan.lives import Lives, Moment, members_of, moments
from tinyc.plan.overlap import Distance

ALIGNMENT = 4
NEVER = 1 << 30
"""The distance of a pair that may not overlap in any direction."""
ANY_BANK = "arena"
"""The name of the only bank of a plan that does not say where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """`bytes` that are of use at the ticks of `lives`.

    `traffic` is how many bytes of it the calls of an inference are given to read or write; `port` says that it holds an input or an output.
    """

    name: str
    bytes: int
    lives: Lives
    traffic: int = 0
    port: bool = False

    @property
    def first(self) -> int:
        """The first tick at which it is of use."""
        return self.lives[0][0]

    @property
    def last(self) -> int:
        """The last tick at which it is of use."""
        return self.lives[-1][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """In group `group` the output may be written over the dying input, by `distance` in the group's direction."""

    group: int
    source: str
    target: str
    distance: Distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be placed."""

    buffers: tuple[Buffer, ...]
    overlaps: tuple[Overlap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """An offset for every buffer, the steps that run descending, and how good this is proven to be.

    Offsets count from the start of a buffer's bank; `bank_of` holds the place in `banks` of every buffer that is not in the first.
    `bytes` are those of all banks together; `fits` says whether each bank, where its size is known, has room for its part.
    """

    offsets: Mapping[str, int]
    descending: frozenset[int]
    bytes: int
    lower_bound: int
    optimal: bool
    banks: tuple[str, ...] = (ANY_BANK,)
    bank_of: Mapping[str, int] = field(default_factory=dict)
    rooms: Mapping[str, int] = field(default_factory=dict)
    """The bytes that the board has for an arena in a bank, where they are known."""
    fits: bool = True

    def bank(self, buffer: str) -> int:
        """The place in `banks` of the bank that holds a buffer."""
        return self.bank_of.get(buffer, 0)

    @property
    def spread(self) -> Mapping[str, int]:
        """The offsets as addresses of one space, in which no bank comes near another."""
        return {name: offset + (self.bank(name) << 32) for name, offset in self.offsets.items()}


def place(problem: Problem, *, effort: float = 2.0) -> Placement:
    """The smallest arena found; `effort` bounds the exact search in CP-SAT's deterministic seconds (0: heuristic only)."""
    bound = lower_bound(problem)
    best = min(_greedy(problem), key=lambda placement: placement[0])
    if best[0] > bound and effort > 0:
        exact = _solve(problem, best, bound, effort)
        if exact is not None:
            size, offsets, descending, proven = exact
            return Placement(
                offsets=offsets,
                descending=descending,
                bytes=size,
                lower_bound=max(bound, proven),
                optimal=size <= proven,
            )
    size, offsets, descending = best
    return Placement(offsets=offsets, descending=descending, bytes=size, lower_bound=bound, optimal=size <= bound)


def lower_bound(problem: Problem, *, banks: int = 1) -> int:
    """The most bytes that must be live at one tick, overlapping pairs counted as tightly as any placement could have them.

    No placement in so many banks takes less, all of them together.
    """
    return _fullest(problem, banks)[0]


def bounds_during(problem: Problem, buffers: Sequence[str]) -> list[int]:
    """For each of these buffers, what must be live at least, that one included, at some tick of its life."""
    most = dict.fromkeys(buffers, 0)
    for moment in live_together(problem.buffers):
        live = [problem.buffers[index] for index in members_of(moment.members)]
        marked = [b.name for b in live if most.get(b.name, moment.bytes) < moment.bytes]
        if marked:
            bound = _bound(problem, live)
            most |= {name: max(most[name], bound) for name in marked}
    return [most[name] for name in buffers]


def _fullest(problem: Problem, banks: int = 1) -> tuple[int, int]:
    """The most bytes that must be live at one tick, and that tick."""
    most, at = 0, 0
    for moment in live_together(problem.buffers):
        if moment.bytes <= most:
            break
        bound = _bound(problem, [problem.buffers[index] for index in members_of(moment.members)], banks)
        if bound > most:
            most, at = bound, moment.tick
    return most, at


def live_together(buffers: Sequence[Buffer]) -> list[Moment]:
    """The sets of buffers that are of use at once, those of most bytes first."""
    return moments([b.lives for b in buffers], [_aligned(b.bytes) for b in buffers])


def rivals_of(buffers: Sequence[Buffer]) -> Mapping[str, frozenset[str]]:
    """For each buffer those that are ever of use when it is, itself included."""
    meeting = [0] * len(buffers)
    for moment in live_together(buffers):
        for index in members_of(moment.members):
            meeting[index] |= moment.members
    names = [b.name for b in buffers]
    return {
        b.name: frozenset(names[index] for index in members_of(bits)) for b, bits in zip(buffers, meeting, strict=True)
    }


def _bound(problem: Problem, live: Sequence[Buffer], banks: int = 1) -> int:
    """What these buffers need at once, wherever they lie."""
    sizes = {b.name: _aligned(b.bytes) for b in live}
    padding = {b.name: _aligned(b.bytes) - b.bytes for b in live}
    pairs = [o for o in problem.overlaps if o.source in sizes and o.target in sizes]
    shared = 0
    for target in {o.target for o in pairs}:
        mine = [o for o in pairs if o.target == target]
        outside = min(_outside(o.distance, padding[o.source]) for o in mine)
        shared += min(max(sizes[target] - outside, 0), sum(sizes[o.source] for o in mine))
    unneeded = sorted(padding.values())[-banks:]  # whatever lies last in a bank needs no padding behind it
    return sum(sizes.values()) - shared - sum(unneeded)


def _outside(distance: Distance, padding: int) -> int:
    """The aligned bytes by which an output sticks out of its dying input at least; descending, into the padding behind it first."""
    ways = [] if distance.ascending is None else [distance.ascending]
    ways += [] if distance.descending is None else [distance.descending - padding]
    return min((_aligned(max(gap, 0)) for gap in ways), default=NEVER)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(slots=True)
class Attempt:
    """A placement under construction."""

    pairs: Mapping[frozenset[str], Overlap]
    rivals: Mapping[str, frozenset[str]]
    offsets: dict[str, int] = field(default_factory=dict)
    direction: dict[int, bool] = field(default_factory=dict)
    """Group -> runs descending, once an overlap has decided it."""

    def add(self, buffer: Buffer, placed: Sequence[Buffer], *, room: int | None = None) -> bool:
        """Put `buffer` at the lowest offset that its conflicts allow; False where it would end beyond `room`."""
        rivals = [other for other in placed if other.name in self.rivals[buffer.name]]
        candidates = {0}
        for other in rivals:
            at = self.offsets[other.name]
            candidates.update((at + _aligned(other.bytes), at - _aligned(buffer.bytes)))
            pair = self.pairs.get(frozenset((buffer.name, other.name)))
            if pair is not None:
                candidates.update(_touching(buffer, other, at, pair))
        for offset in sorted(c for c in candidates if c >= 0):
            chosen = self._fits(buffer, offset, rivals)
            if chosen is None:
                continue
            if room is not None and offset + buffer.bytes > room:
                return False
            self.offsets[buffer.name] = offset
            self.direction.update(chosen)
            return True
        raise AssertionError("above everything there is always room")

    def _fits(self, buffer: Buffer, offset: int, rivals: Sequence[Buffer]) -> dict[int, bool] | None:
        chosen: dict[int, bool] = {}
        for other in rivals:
            at = self.offsets[other.name]
            if offset + buffer.bytes <= at or at + other.bytes <= offset:
                continue
            pair = self.pairs.get(frozenset((buffer.name, other.name)))
            if pair is None:
                return None
            source, target = (offset, at) if pair.source == buffer.name else (at, offset)
            sizes = (buffer.bytes, other.bytes) if pair.source == buffer.name else (other.bytes, buffer.bytes)
            ways = _ways(pair, source, target, *sizes)
            decided = chosen.get(pair.group, self.direction.get(pair.group))
            if decided is not None:
                ways = [way for way in ways if way == decided]
            if not ways:
                return None
            chosen[pair.group] = ways[0]
        return chosen


def _ways(pair: Overlap, source: int, target: int, source_bytes: int, target_bytes: int) -> list[bool]:
    """The directions (False ascending, True descending) in which these offsets are safe."""
    ways = []
    up, down = pair.distance.ascending, pair.distance.descending
    if up is not None and target + up <= source:
        ways.append(False)
    if down is not None and target + target_bytes >= source + source_bytes + down:
        ways.append(True)
    return ways


def _touching(buffer: Buffer, other: Buffer, at: int, pair: Overlap) -> Iterable[int]:
    """Offsets for `buffer` at which its overlap with `other` is tight, in either direction."""
    up, down = pair.distance.ascending, pair.distance.descending
    if pair.target == buffer.name:
        if up is not None:
            yield (at - up) // ALIGNMENT * ALIGNMENT
        yield at
        if down is not None:
            yield _aligned(at + other.bytes + down - buffer.bytes)
    else:
        if up is not None:
            yield _aligned(at + up)
        yield at
        if down is not None:
            yield (at + other.bytes - down - buffer.bytes) // ALIGNMENT * ALIGNMENT


def _greedy(problem: Problem) -> Iterable[tuple[int, dict[str, int], frozenset[int]]]:
    pairs = {frozenset((o.source, o.target)): o for o in problem.overlaps}
    rivals = rivals_of(problem.buffers)
    orders = (
        lambda b: (-b.bytes, b.first),
        lambda b: (b.first, -b.bytes),
        lambda b: (-b.last, -b.bytes),
        lambda b: (-b.bytes * (b.last - b.first + 1), b.first),
        lambda b: (b.first - b.last, -b.bytes),
    )
    for order, aligned in itertools.product(orders, (False, True)):
        attempt = Attempt(pairs, rivals)
        placed: list[Buffer] = []
        queue = sorted(problem.buffers, key=order)
        if aligned:
            queue = around_peak(problem, queue)
        for buffer in queue:
            attempt.add(buffer, placed)
            placed.append(buffer)
        size = max((attempt.offsets[b.name] + b.bytes for b in placed), default=0)
        yield size, attempt.offsets, frozenset(group for group, down in attempt.direction.items() if down)


def around_peak(problem: Problem, queue: list[Buffer]) -> list[Buffer]:
    """The buffers of the fullest tick first, then outwards in time."""
    _, peak = _fullest(problem)
    return sorted(queue, key=lambda b: min(max(first - peak, peak - last, 0) for first, last in b.lives))


def _solve(
    problem: Problem, hint: tuple[int, dict[str, int], frozenset[int]], bound: int, effort: float
) -> tuple[int, dict[str, int], frozenset[int], int] | None:
    """CP-SAT: offsets in units of the alignment, one direction a group, a disjunction a pair."""
    size, hinted, hinted_down = hint
    model = cp_model.CpModel()
    units = size // ALIGNMENT + 1
    offset = {b.name: model.new_int_var(0, units, b.name) for b in problem.buffers}
    peak = model.new_int_var(bound, size, "peak")
    down = {group: model.new_bool_var(f"down{group}") for group in {o.group for o in problem.overlaps}}
    pairs = {frozenset((o.source, o.target)): o for o in problem.overlaps}
    for buffer in problem.buffers:
        model.add(ALIGNMENT * offset[buffer.name] + buffer.bytes <= peak)
        model.add_hint(offset[buffer.name], hinted[buffer.name] // ALIGNMENT)
    for group, variable in down.items():
        model.add_hint(variable, group in hinted_down)
    rivals = rivals_of(problem.buffers)
    for a, b in itertools.combinations(problem.buffers, 2):
        if b.name not in rivals[a.name]:
            continue
        below, above = model.new_bool_var(""), model.new_bool_var("")
        model.add(ALIGNMENT * (offset[b.name] - offset[a.name]) >= a.bytes).only_enforce_if(below)
        model.add(ALIGNMENT * (offset[a.name] - offset[b.name]) >= b.bytes).only_enforce_if(above)
        choices = [below, above]
        pair = pairs.get(frozenset((a.name, b.name)))
        if pair is not None:
            choices += overlap_choices(model, pair, offset, {x.name: x.bytes for x in (a, b)}, down[pair.group])
        model.add_bool_or(choices)
    model.minimize(peak)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    if solver.status_name(status) not in ("OPTIMAL", "FEASIBLE"):
        return None
    offsets = {name: ALIGNMENT * solver.value(variable) for name, variable in offset.items()}
    reached = max(offsets[b.name] + b.bytes for b in problem.buffers)
    descending = frozenset(group for group, variable in down.items() if solver.value(variable))
    return reached, offsets, descending, int(solver.best_objective_bound)


def overlap_choices(
    model: cp_model.CpModel,
    pair: Overlap,
    offset: Mapping[str, cp_model.IntVar],
    sizes: Mapping[str, int],
    down: cp_model.IntVar,
) -> list[cp_model.IntVar]:
    """What keeps the pair's distance, a way for each direction that it may run in."""
    ways: list[cp_model.IntVar] = []
    gap = ALIGNMENT * (offset[pair.source] - offset[pair.target])
    if pair.distance.ascending is not None:
        ways.append(model.new_bool_var(""))
        model.add(gap >= pair.distance.ascending).only_enforce_if(ways[-1])
        model.add_implication(ways[-1], down.Not())
    if pair.distance.descending is not None:
        reach = sizes[pair.source] - sizes[pair.target] + pair.distance.descending
        ways.append(model.new_bool_var(""))
        model.add(-gap >= reach).only_enforce_if(ways[-1])
        model.add_implication(ways[-1], down)
    return ways
