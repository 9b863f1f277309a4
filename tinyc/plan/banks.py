"""Several banks: which buffer lives in which.  Within a bank, buffers are placed as in place.py.

Decision: first everything must fit; then inputs and outputs lie where DMA reaches; then the buffers with the most traffic lie in the
fastest banks; then as few banks as possible, and the least bytes.  Because: every bank is one more block that the caller must provide, so
a second is taken for room or for speed only.  Rejected: spreading by size, which puts scratch and rings wherever there is room.

Assignments come from a first-fit over the hottest buffers first and several other orders; where none fits, or a buffer is in a slower bank
than it could be, CP-SAT searches over assignments and offsets together.  Each bank is then placed by itself, as if it were the only one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ortools.sat.python import cp_model

from tinyc.plan.overlap import Distance
from tinyc.plan.place import (
    ALIGNMENT,
    Attempt,
    Buffer,
    Overlap,
    Placement,
    Problem,
    around_peak,
    lower_bound,
    overlap_choices,
    place,
    rivals_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A memory with room for an arena of `bytes`; `tier` 0 is the fastest, `dma` says whether peripherals' DMA reaches it."""

    name: str
    bytes: int
    tier: int = 0
    dma: bool = True


Homes = Mapping[str, int]
"""For every buffer the bank that it lives in, as a place in the board's list."""


def place_in_banks(
    problem: Problem, banks: Sequence[Bank], *, limit: int | None = None, effort: float = 2.0
) -> Placement:
    """The best placement found in these banks, all together within `limit`, or beyond it where there is none within.

    `fits` is False where the banks have no room at all: then it is in one block, so that it can be said how much it would take.
    """
    banks = [replace(bank, bytes=bank.bytes // ALIGNMENT * ALIGNMENT) for bank in banks]
    whole = place(problem, effort=effort)
    rooms = {bank.name: bank.bytes for bank in banks}
    alone = [replace(whole, banks=(bank.name,), rooms=rooms) for bank in banks if whole.bytes <= bank.bytes]
    for strict in (True, False):
        allowed = {buffer.name: _allowed(buffer, banks, strict=strict) for buffer in problem.buffers}
        least = sum(b.traffic * min((banks[k].tier for k in allowed[b.name]), default=0) for b in problem.buffers)
        good = [each for each in alone if all(_index(each, banks) in homes for homes in allowed.values())]
        good = [each for each in good if limit is None or each.bytes <= limit]
        if not any(_heat(problem, banks, each) == least for each in good):
            good += _spread(problem, banks, allowed, limit=limit, effort=effort, least=least)
        if good:
            return min(good, key=lambda each: (_heat(problem, banks, each), len(each.banks), each.bytes))
    if limit is not None:
        return min(alone, key=lambda each: each.bytes, default=None) or place_in_banks(problem, banks, effort=effort)
    largest = max(banks, key=lambda bank: bank.bytes)
    return replace(whole, banks=(largest.name,), rooms=rooms, fits=False)


def _index(placement: Placement, banks: Sequence[Bank]) -> int:
    """The only bank of a placement."""
    return [bank.name for bank in banks].index(placement.banks[0])


def _allowed(buffer: Buffer, banks: Sequence[Bank], *, strict: bool) -> tuple[int, ...]:
    """The banks that a buffer may live in, the fastest first; `strict`: inputs and outputs only where DMA reaches."""
    fitting = [
        k for k, bank in enumerate(banks) if buffer.bytes <= bank.bytes and (bank.dma or not (strict and buffer.port))
    ]
    return tuple(sorted(fitting, key=lambda k: banks[k].tier))


def _heat(problem: Problem, banks: Sequence[Bank], placement: Placement) -> int:
    """Bytes read and written, each as often as its bank has faster ones above it."""
    tiers = {bank.name: bank.tier for bank in banks}
    return sum(b.traffic * tiers[placement.banks[placement.bank(b.name)]] for b in problem.buffers)


def _spread(
    problem: Problem,
    banks: Sequence[Bank],
    allowed: Mapping[str, tuple[int, ...]],
    *,
    limit: int | None,
    effort: float,
    least: int,
) -> list[Placement]:
    """Placements in several banks, all of which fit."""
    if not all(allowed.values()):
        return []
    found: list[Placement] = []
    for attempts in _first_fits(problem, banks, allowed):
        found += _settled(problem, banks, attempts, limit=limit, effort=effort)
    if effort > 0 and not any(_heat(problem, banks, each) == least for each in found):
        best = min(found, key=lambda each: (_heat(problem, banks, each), each.bytes), default=None)
        solved = _solve(problem, banks, allowed, hint=best, limit=limit, effort=effort)
        if solved is not None:
            found += _settled(problem, banks, solved, limit=limit, effort=effort)
    return found


def _first_fits(
    problem: Problem, banks: Sequence[Bank], allowed: Mapping[str, tuple[int, ...]]
) -> Iterator[Sequence[Attempt]]:
    """Every buffer in the fastest bank that has room for it, in several orders; ports, which have the least choice, first."""
    orders = (
        lambda b: (not b.port, -b.traffic / max(b.bytes, 1), b.first),
        lambda b: (not b.port, -b.bytes, b.first),
        lambda b: (-b.bytes, b.first),
        lambda b: (b.first, -b.bytes),
        lambda b: (-b.bytes * (b.last - b.first + 1), b.first),
    )
    queues = [sorted(problem.buffers, key=order) for order in orders]
    for queue in (*queues, around_peak(problem, queues[1])):
        attempts = _first_fit(problem, banks, allowed, queue)
        if attempts is not None:
            yield attempts


def _first_fit(
    problem: Problem, banks: Sequence[Bank], allowed: Mapping[str, tuple[int, ...]], queue: Sequence[Buffer]
) -> Sequence[Attempt] | None:
    pairs = {frozenset((o.source, o.target)): o for o in problem.overlaps}
    direction: dict[int, bool] = {}
    rivals = rivals_of(problem.buffers)
    attempts = [Attempt(pairs, rivals, direction=direction) for _ in banks]
    placed: list[list[Buffer]] = [[] for _ in banks]
    for buffer in queue:
        home = next(
            (k for k in allowed[buffer.name] if attempts[k].add(buffer, placed[k], room=banks[k].bytes)),
            None,
        )
        if home is None:
            return None
        placed[home].append(buffer)
    return attempts


def _settled(
    problem: Problem, banks: Sequence[Bank], attempts: Sequence[Attempt], *, limit: int | None, effort: float
) -> list[Placement]:
    """The placement as it is, and with each bank placed again by itself; those that fit."""
    homes = {name: k for k, attempt in enumerate(attempts) for name in attempt.offsets}
    offsets = {name: at for attempt in attempts for name, at in attempt.offsets.items()}
    descending = frozenset(group for group, down in attempts[0].direction.items() if down)
    settled = [_joined(problem, banks, homes, offsets, descending)]
    offsets, descending = _placed_again(problem, homes, effort)
    settled.append(_joined(problem, banks, homes, offsets, descending))
    return [each for each in settled if each.fits and (limit is None or each.bytes <= limit)]


def _placed_again(problem: Problem, homes: Homes, effort: float) -> tuple[dict[str, int], frozenset[int]]:
    """Every bank by itself; the direction of a group is decided by the first bank in which its buffers overlap."""
    offsets: dict[str, int] = {}
    decided: dict[int, bool] = {}
    for k in sorted(set(homes.values())):
        part = _part(problem, homes, k, decided)
        placement = place(part, effort=effort)
        offsets |= placement.offsets
        sizes = {b.name: b.bytes for b in part.buffers}
        for overlap in part.overlaps:
            if meet(overlap, placement.offsets, sizes):
                decided.setdefault(overlap.group, overlap.group in placement.descending)
    return offsets, frozenset(group for group, down in decided.items() if down)


def _part(problem: Problem, homes: Homes, bank: int, decided: Mapping[int, bool]) -> Problem:
    """The buffers of one bank, and the overlaps among them in the directions that are left."""
    overlaps = [o for o in problem.overlaps if homes[o.source] == homes[o.target] == bank]
    return Problem(
        buffers=tuple(b for b in problem.buffers if homes[b.name] == bank),
        overlaps=tuple(replace(o, distance=_directed(o.distance, decided.get(o.group))) for o in overlaps),
    )


def _directed(distance: Distance, down: bool | None) -> Distance:
    if down is None:
        return distance
    return replace(distance, ascending=None) if down else replace(distance, descending=None)


def meet(overlap: Overlap, offsets: Mapping[str, int], sizes: Mapping[str, int]) -> bool:
    """Whether the two buffers share bytes."""
    source, target = offsets[overlap.source], offsets[overlap.target]
    return source < target + sizes[overlap.target] and target < source + sizes[overlap.source]


def _joined(
    problem: Problem,
    banks: Sequence[Bank],
    homes: Homes,
    offsets: Mapping[str, int],
    descending: frozenset[int],
) -> Placement:
    """One placement of all banks that hold something, in the board's order."""
    used = sorted(set(homes.values()))
    ends = {k: max(offsets[b.name] + b.bytes for b in problem.buffers if homes[b.name] == k) for k in used}
    bound, size = lower_bound(problem, banks=max(len(used), 1)), sum(ends.values())
    return Placement(
        offsets=offsets,
        descending=descending,
        bytes=size,
        lower_bound=bound,
        optimal=size <= bound,
        banks=tuple(banks[k].name for k in used),
        bank_of={name: used.index(k) for name, k in homes.items() if k != used[0]},
        rooms={bank.name: bank.bytes for bank in banks},
        fits=all(ends[k] <= banks[k].bytes for k in used),
    )


def _solve(
    problem: Problem,
    banks: Sequence[Bank],
    allowed: Mapping[str, tuple[int, ...]],
    *,
    hint: Placement | None,
    limit: int | None,
    effort: float,
) -> Sequence[Attempt] | None:
    """CP-SAT over assignments and offsets: the least heat, and among equals the least bytes."""
    model = cp_model.CpModel()
    most = sum(bank.bytes for bank in banks)
    offset = {b.name: model.new_int_var(0, max(bank.bytes for bank in banks) // ALIGNMENT, "") for b in problem.buffers}
    peaks = [model.new_int_var(0, bank.bytes, bank.name) for bank in banks]
    home = {(b.name, k): model.new_bool_var("") for b in problem.buffers for k in allowed[b.name]}
    down = {group: model.new_bool_var("") for group in {o.group for o in problem.overlaps}}
    pairs = {frozenset((o.source, o.target)): o for o in problem.overlaps}
    for buffer in problem.buffers:
        model.add_exactly_one(home[buffer.name, k] for k in allowed[buffer.name])
        for k in allowed[buffer.name]:
            end = ALIGNMENT * offset[buffer.name] + buffer.bytes
            model.add(end <= peaks[k]).only_enforce_if(home[buffer.name, k])
    rivals = rivals_of(problem.buffers)
    for a, b in itertools.combinations(problem.buffers, 2):
        if b.name not in rivals[a.name]:
            continue
        below, above, apart = (model.new_bool_var("") for _ in range(3))
        model.add(ALIGNMENT * (offset[b.name] - offset[a.name]) >= a.bytes).only_enforce_if(below)
        model.add(ALIGNMENT * (offset[a.name] - offset[b.name]) >= b.bytes).only_enforce_if(above)
        for k in set(allowed[a.name]) & set(allowed[b.name]):
            model.add_bool_or(apart.Not(), home[a.name, k].Not(), home[b.name, k].Not())
        choices = [below, above, apart]
        pair = pairs.get(frozenset((a.name, b.name)))
        if pair is not None:
            choices += overlap_choices(model, pair, offset, {x.name: x.bytes for x in (a, b)}, down[pair.group])
        model.add_bool_or(choices)
    if limit is not None:
        model.add(sum(peaks) <= limit)
    if hint is not None:
        _give_hint(model, hint, banks, offset, home, down)
    heat = sum(b.traffic * banks[k].tier * home[b.name, k] for b in problem.buffers for k in allowed[b.name])
    model.minimize((most + 1) * heat + sum(peaks))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = effort
    if solver.status_name(solver.solve(model)) not in ("OPTIMAL", "FEASIBLE"):
        return None
    direction = {group: bool(solver.value(variable)) for group, variable in down.items()}
    attempts = [Attempt(pairs, rivals, direction=direction) for _ in banks]
    for (name, k), chosen in home.items():
        if solver.value(chosen):
            attempts[k].offsets[name] = ALIGNMENT * solver.value(offset[name])
    return attempts


def _give_hint(
    model: cp_model.CpModel,
    hint: Placement,
    banks: Sequence[Bank],
    offset: Mapping[str, cp_model.IntVar],
    home: Mapping[tuple[str, int], cp_model.IntVar],
    down: Mapping[int, cp_model.IntVar],
) -> None:
    for name, variable in offset.items():
        model.add_hint(variable, hint.offsets[name] // ALIGNMENT)
    for (name, k), chosen in home.items():
        model.add_hint(chosen, banks[k].name == hint.banks[hint.bank(name)])
    for group, variable in down.items():
        model.add_hint(variable, group in hint.descending)
