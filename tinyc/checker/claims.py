"""What the planner claims, against what the replay saw: buffers, their lives, the lower bound and what is called optimal."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tinyc.checker.document import Bank, Buffer, Certificate, Overlap
from tinyc.checker.replay import Trace, Use
from tinyc.errors import PlanRefuted


def verify_claims(certificate: Certificate, trace: Trace) -> int:
    """The lower bound as the buffers give it while the replay sees something of use in them; PlanRefuted where a claim is false."""
    for buffer in certificate.buffers.values():
        _require_buffer(certificate, buffer)
    for name, use in trace.uses.items():
        _require_use(certificate, name, use)
    named = trace.uses.keys() | _named(certificate)
    idle = next((name for name in certificate.buffers if name not in named), None)
    if idle is not None:
        raise PlanRefuted(f"no call uses {idle}, which the plan lists.")
    for bank in certificate.banks.values():
        _require_bank(bank, trace.reach.get(bank.name, 0))
    if trace.extra_macs > certificate.claims.extra_macs + len(certificate.groups):
        raise PlanRefuted(
            f"tiles compute {trace.extra_macs:,.0f} multiply-accumulates again, the plan says {certificate.claims.extra_macs:,}."
        )
    bound = lower_bound(_of_use(certificate, trace), certificate.overlaps, certificate.claims.buffer_align)
    _require_bound(certificate, bound)
    return bound


def _require_buffer(certificate: Certificate, buffer: Buffer) -> None:
    if buffer.offset % certificate.claims.buffer_align:
        raise PlanRefuted(
            f"{buffer.name} is at byte {buffer.offset:,}, which is not aligned by {certificate.claims.buffer_align}."
        )
    end, bank = buffer.offset + buffer.bytes, certificate.banks[buffer.bank]
    if end > bank.placement_bytes:
        raise PlanRefuted(
            f"{buffer.name} ends at byte {end:,}, the placement in the {bank.name} at {bank.placement_bytes:,}."
        )


def _require_use(certificate: Certificate, name: str, use: Use) -> None:
    """What the calls do with a buffer is what the plan lists it for."""
    used = certificate.buffers.get(name)
    if used is None:
        raise PlanRefuted(f"the calls use {name or 'a buffer without a name'}, which the plan does not list.")
    if use.bank != used.bank or use.low < used.offset or use.high > used.offset + used.bytes:
        raise PlanRefuted(
            f"the calls use bytes {use.low:,} to {use.high:,} of the {use.bank} as {name}, which is at {used.offset:,} to"
            f" {used.offset + used.bytes:,} of the {used.bank}."
        )
    for first, last in use.lives:
        end = _lives_until(used, first)
        if end < last:
            raise PlanRefuted(f"the calls use {name} at tick {end + 1}, when the plan does not let it live.")


def _named(certificate: Certificate) -> set[str | None]:
    """The buffers that loops name, be it that they call nothing."""
    loops = [loop for group in certificate.groups for loop in group.loops]
    named = {name for loop in loops for name in (loop.target.buffer, loop.scratch)}
    return named | {source.buffer for loop in loops for source in loop.sources}


def _of_use(certificate: Certificate, trace: Trace) -> tuple[Buffer, ...]:
    """The buffers with what the replay saw of them: the bytes and the ticks that are of use, whatever else the plan claims."""
    rings: dict[str, int] = {}
    for target in (loop.target for group in certificate.groups for loop in group.loops):
        rings[target.buffer] = max(rings.get(target.buffer, 0), (target.ring or 0) * target.row_stride)
    return tuple(
        replace(
            certificate.buffers[name],
            bytes=min(certificate.buffers[name].bytes, max(use.high - use.low, rings.get(name, 0))),
            lives=tuple(use.lives),
        )
        for name, use in trace.uses.items()
    )


def _require_bank(bank: Bank, reach: int) -> None:
    if bank.placement_bytes > bank.bytes:
        raise PlanRefuted(f"the placement needs {bank.placement_bytes:,} B, the {bank.name} has {bank.bytes:,}.")
    if reach > bank.bytes:
        raise PlanRefuted(f"a kernel reads ahead up to byte {reach:,} of an {bank.name} of {bank.bytes:,}.")
    if bank.room is not None and bank.bytes > bank.room:
        raise PlanRefuted(f"the plan takes {bank.bytes:,} B of the {bank.name}, of which the board has {bank.room:,}.")


def _require_bound(certificate: Certificate, bound: int) -> None:
    """The claimed bound is one: at most the arena, and what the buffers give, unless it is a solver's."""
    claims, align = certificate.claims, certificate.claims.buffer_align
    banks = certificate.banks.values()
    placed = sum(_aligned(bank.placement_bytes, align) for bank in banks)
    if sum(bank.placement_bytes for bank in banks) != claims.placement_bytes:
        raise PlanRefuted(
            f"the placement is said to have {claims.placement_bytes:,} B, its banks do not add up to that."
        )
    if bound > placed:
        raise PlanRefuted(f"buffers that live at once need {bound:,} B, the placement has {placed:,}.")
    if claims.lower_bound_bytes > placed:
        raise PlanRefuted(
            f"the claimed lower bound is {claims.lower_bound_bytes:,} B, more than the {placed:,} B of the placement."
        )
    if claims.lower_bound_from == "live buffers" and _aligned(claims.lower_bound_bytes, align) > bound:
        raise PlanRefuted(
            f"the claimed lower bound is {claims.lower_bound_bytes:,} B, but buffers that live at once need {bound:,} B only."
        )
    met = claims.lower_bound_bytes >= claims.placement_bytes or _aligned(claims.lower_bound_bytes, align) == placed
    if claims.placement_optimal and not met:
        raise PlanRefuted(
            f"the placement of {placed:,} B is called optimal, but the lower bound is {claims.lower_bound_bytes:,} B."
        )


def lower_bound(buffers: Sequence[Buffer], overlaps: Sequence[Overlap], align: int) -> int:
    """The most bytes that buffers alive at one tick need, wherever they are: their sum, less what pairs may share at most."""
    by_target: dict[str, list[Overlap]] = {}
    for overlap in overlaps:
        by_target.setdefault(overlap.target, []).append(overlap)
    most = 0
    for alive in _alive_together(buffers):
        shared = sum(_shared(alive, target, pairs, align) for target, pairs in by_target.items() if target in alive)
        most = max(most, sum(_aligned(size, align) for size in alive.values()) - shared)
    return most


def _alive_together(buffers: Sequence[Buffer]) -> Iterator[Mapping[str, int]]:
    """The sizes of the buffers alive at every tick at which one begins to live."""
    begins: dict[int, list[Buffer]] = {}
    ends: dict[int, list[Buffer]] = {}
    for buffer in buffers:
        for first, last in buffer.lives:
            begins.setdefault(first, []).append(buffer)
            ends.setdefault(last + 1, []).append(buffer)
    alive: dict[str, int] = {}
    for tick in sorted(begins.keys() | ends.keys()):
        for buffer in ends.get(tick, ()):
            del alive[buffer.name]
        alive |= {buffer.name: buffer.bytes for buffer in begins.get(tick, ())}
        if tick in begins:
            yield alive


def _lives_until(buffer: Buffer, tick: int) -> int:
    """The last tick of the life in which `tick` is, else the tick before it."""
    at = bisect_right(buffer.lives, tick, key=lambda life: life[0]) - 1
    return buffer.lives[at][1] if at >= 0 and tick <= buffer.lives[at][1] else tick - 1


def _shared(alive: Mapping[str, int], target: str, pairs: Sequence[Overlap], align: int) -> int:
    """The most bytes, padding included, that `target` may have in common with the buffers that it may overlap.

    It sticks out of the first of them that it meets by the distance, whichever way it runs (downwards from an aligned byte, upwards
    into the padding first), and never has more bytes than it has.
    """
    pairs = [pair for pair in pairs if pair.source in alive]
    if not pairs:
        return 0
    ways: list[int] = []
    for pair in pairs:
        padding = _aligned(alive[pair.source], align) - alive[pair.source]
        if pair.ascending is not None:
            ways.append(pair.ascending)
        if pair.descending is not None:
            ways.append(pair.descending - padding)
    own = _aligned(alive[target], align)
    outside = min([own, *(_aligned(max(way, 0), align) for way in ways)])
    return min(own - outside, sum(_aligned(alive[name], align) for name in {pair.source for pair in pairs}))


def _aligned(size: int, align: int) -> int:
    return -(-size // align) * align
