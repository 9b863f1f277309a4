"""The replay: every call reads what it needs from the shadow arena, then writes; nothing else is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tinyc.checker.arena import Arena, Span
from tinyc.checker.document import Certificate, Group, Need, Port, Seen, Source
from tinyc.checker.homes import homes, own_tensors
from tinyc.checker.lives import Lives
from tinyc.checker.schedule import Call, calls, divide
from tinyc.checker.soundness import require_sound
from tinyc.checker.values import SCRATCH, Ids, Values, number_values
from tinyc.errors import PlanRefuted

BEFORE = -1
"""The number of the call before the first: what the caller stores."""


@dataclass(slots=True)
class Use:
    """What was touched of one buffer: addresses [low, high) of a bank, and the ticks [first, last] at which they held something of use.

    `lives` are ascending and apart: every value from the tick that writes it to the last that reads it.
    """

    bank: str
    low: int
    high: int
    lives: list[tuple[int, int]]

    def extend(self, span: Span, since: int, tick: int) -> None:
        """The bytes of `span` were of use from `since` to `tick`, before which nothing that was seen so far ends."""
        self.low, self.high = min(self.low, span.start), max(self.high, span.end)
        while self.lives and self.lives[-1][1] >= since:
            since = min(since, self.lives.pop()[0])
        self.lives.append((since, tick))


@dataclass(slots=True)
class Trace:
    """What the replay saw.  `reach` is one past the highest byte read of each bank, over-reads included; `extra_macs` those of tiles."""

    calls: int = 0
    regions: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    live_bytes: int = 0
    reach: dict[str, int] = field(default_factory=dict)
    extra_macs: float = 0.0
    uses: dict[str, Use] = field(default_factory=dict)


def replay(certificate: Certificate) -> Trace:
    """Run everything; PlanRefuted with the first thing that is wrong."""
    require_sound(certificate)
    return _Replay(certificate).run()


class _Replay:
    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.values: Values = number_values(certificate)
        self.lives = Lives(self.values.count)
        self.arena = Arena({bank.name: bank.bytes for bank in certificate.banks.values()})
        self.homes = homes(certificate)
        self.own = own_tensors(certificate)
        self.trace = Trace()
        self.now = BEFORE
        self.tick = 0
        self.callers: list[Call] = []
        self.called: list[int] = []
        """The tick of each call."""

    def run(self) -> Trace:
        for port in self.certificate.inputs:
            if port.offset is not None:
                span, ids = self._port(port.tensor, port.bank, port.offset)
                self.arena.write(span, ids, by=BEFORE)
                self.lives.begin(ids, BEFORE)
                self._use(self._home(port), span)
        for group in self.certificate.groups:
            self._group(group)
        self.now += 1
        for port in self.certificate.outputs:
            if port.offset is None:
                raise PlanRefuted(f"output {port.tensor} is nowhere.")
            span, ids = self._port(port.tensor, port.bank, port.offset)
            self._expect(span, ids, f"output {port.tensor}")
            self._use(self._home(port), span, since=self._since(span))
        self.trace.calls = len(self.callers)
        self.trace.live_bytes = self.lives.most(self.now)
        if self.trace.live_bytes > self.arena.size:
            raise PlanRefuted(f"{self.trace.live_bytes:,} B are live at once, the arena has {self.arena.size:,}.")
        return self.trace

    def _port(self, tensor: str, bank: str, offset: int) -> tuple[Span, Ids]:
        ids = self.values.ids[tensor]
        span = Span.of(bank, offset, 1, ids.size, 0)
        self._require_place(span, tensor, tensor)
        return span, ids

    def _home(self, port: Port) -> str | None:
        return next((self.homes[own] for own in self.own[port.tensor] if own in self.homes), None)

    def _group(self, group: Group) -> None:
        self.trace.regions += group.is_region
        state = self._open_state(group)
        tick, made = self.tick, 0.0
        for number, call in enumerate(calls(self.certificate, group)):
            self.tick = tick + number * group.is_region
            if self.tick >= tick + group.ticks:
                raise PlanRefuted(f"{call} comes after the {group.ticks} ticks that its group takes.")
            self._call(call)
            made += _macs(call)
        if state is not None:
            self._expect(state, self._state_ids(group), "a region that takes its input by rows")
            self._use(group.state, state, since=tick)
        if group.loops[0].tiles:
            self.trace.extra_macs += made - sum(self.certificate.layers[loop.layer].macs for loop in group.loops)
        self.tick = tick + group.ticks

    def _open_state(self, group: Group) -> Span | None:
        """A region that waits for rows keeps its counters in the arena from the first row on."""
        if group.state is None:
            return None
        span = Span.of(group.state_bank, group.state_offset, 1, group.state_bytes, 0)
        if not self.arena.holds(span):
            raise PlanRefuted(f"the counters of a region lie outside the {span.bank}.")
        self.arena.write(span, self._state_ids(group), by=BEFORE)
        self._use(group.state, span)
        return span

    def _state_ids(self, group: Group) -> Ids:
        return np.arange(self.values.count, self.values.count + group.state_bytes, dtype=np.int32)

    def _call(self, call: Call) -> None:
        """All that a call reads must be there, and what it writes must not meet what it still reads."""
        self.now += 1
        self.callers.append(call)
        self.called.append(self.tick)
        written, ids = self._target(call)
        scratch = self._scratch(call)
        if scratch is not None and scratch.meets(written):
            raise PlanRefuted(f"{call} writes into its own scratch.")
        for number, (need, source) in enumerate(zip(call.layer.needs, call.loop.sources, strict=True)):
            for span, needed in self._reads(call, need, source, call.tile.inputs[number]):
                self._require_place(span, str(call), need.seen.tensor or "")
                self._expect(span, needed, str(call))
                self._use(source.buffer, span, since=self._since(span))
                self.trace.bytes_read += needed.size
                self.trace.reach[span.bank] = max(self.trace.reach.get(span.bank, 0), span.end + call.layer.over_read)
                if scratch is not None and scratch.meets(span):
                    raise PlanRefuted(f"{call} reads {need.seen.tensor} where its scratch is.")
                if written.meets(span) and not _in_place(call, need, written, span):
                    raise PlanRefuted(f"{call} writes over rows of {need.seen.tensor} that the same call reads.")
        if scratch is not None:
            self.arena.write(scratch, SCRATCH, by=self.now)
            self._use(call.loop.scratch, scratch)
        self.arena.write(written, ids.reshape(written.pixels, written.pixel_bytes), by=self.now)
        self._use(call.loop.target.buffer, written)
        self.lives.begin(ids, self.now)
        self.trace.bytes_written += ids.size

    def _target(self, call: Call) -> tuple[Span, Ids]:
        """Where a call writes, and the values that it makes."""
        target, seen, tile = call.loop.target, call.layer.output, call.tile
        if call.row is None:
            span = _all(
                seen,
                target.bank,
                target.offset,
                target.row_stride,
                target.pixel_stride,
                dense=call.loop.mode == "whole",
            )
            if span is None or target.ring is not None:
                raise PlanRefuted(f"{call.layer} writes all its rows in one call, but they do not lie side by side.")
            ids = self._ids(seen)
        else:
            if not 0 <= tile.x0 < tile.x1 <= seen.columns:
                raise PlanRefuted(f"{call} makes columns {tile.x0} to {tile.x1} of {seen.columns}.")
            y = call.row if target.ring is None else call.row % target.ring
            at = target.offset + y * target.row_stride + tile.out
            span = Span.of(target.bank, at, tile.x1 - tile.x0, seen.pixel_bytes, target.pixel_stride)
            ids = self._row(seen, call.row, range(tile.x0, tile.x1))
        self._require_place(span, str(call), seen.tensor or "")
        return span, ids

    def _ids(self, seen: Seen) -> Ids:
        assert seen.tensor is not None
        return self.values.ids[seen.tensor]

    def _row(self, seen: Seen, row: int, columns: range) -> Ids:
        first = row * seen.row_bytes
        return self._ids(seen)[first + columns.start * seen.pixel_bytes : first + columns.stop * seen.pixel_bytes]

    def _scratch(self, call: Call) -> Span | None:
        if call.layer.scratch_bytes == 0:
            return None
        if call.loop.scratch is None:
            raise PlanRefuted(f"{call.layer} needs scratch and has none.")
        span = Span.of(call.loop.scratch_bank, call.loop.scratch_offset, 1, call.layer.scratch_bytes, 0)
        if not self.arena.holds(span) or span.start % 4:
            raise PlanRefuted(
                f"{call.layer} has scratch at byte {span.start:,}, outside the {span.bank} or not aligned."
            )
        return span

    def _require_place(self, span: Span, what: str, tensor: str) -> None:
        if not self.arena.holds(span):
            raise PlanRefuted(
                f"{what}: bytes {span.start:,} to {span.end:,} are outside the {span.bank} of {self.arena.sizes[span.bank]:,} B."
            )
        element = self.certificate.tensors[tensor].element_bytes
        if span.start % element or span.stride % element:
            raise PlanRefuted(
                f"{what}: byte {span.start:,} is not aligned for {tensor}, whose elements have {element} B."
            )

    def _reads(self, call: Call, need: Need, source: Source, shift: int) -> Iterator[tuple[Span, Ids]]:
        """What one input of a call takes from the arena, and the values that must be there."""
        if source.constant is not None:
            self._require_constant(call, need, source, shift)
        elif source.pushed:
            return
        elif need.rows is None or call.row is None:
            span = _all(
                need.seen, source.bank, source.offset, source.row_stride, source.pixel_stride, dense=need.rows is None
            )
            if span is None or shift:
                raise PlanRefuted(f"{call} reads all of {need.seen.tensor}, but its rows do not lie side by side.")
            yield span, self._ids(need.seen)
        else:
            yield from self._window(call, need, source, shift)

    def _window(self, call: Call, need: Need, source: Source, shift: int) -> Iterator[tuple[Span, Ids]]:
        """The rows of one window, each at the pointer that the loop computes for it."""
        seen, columns = need.seen, _columns(call, need)
        for y, pointed in _pointers(call, need, source):
            if pointed is None:
                self._require_padding(call, need, source)
            elif columns:
                place = pointed if source.ring is None else pointed % source.ring
                at = source.offset + place * source.row_stride + shift
                yield (
                    Span.of(source.bank, at, len(columns), seen.pixel_bytes, source.pixel_stride),
                    self._row(seen, y, columns),
                )

    def _require_padding(self, call: Call, need: Need, source: Source) -> None:
        """A row outside the tensor is what the kernel expects: null, or enough bytes of zero point."""
        tensor = need.seen.tensor
        if call.layer.padding_rows == "null pointer":
            if source.padding is not None:
                raise PlanRefuted(
                    f"{call} expects a null pointer for rows outside {tensor}, is given {source.padding}."
                )
            return
        constant = self.certificate.constants.get(source.padding or "")
        size = (len(_columns(call, need)) - 1) * source.pixel_stride + need.seen.pixel_bytes + call.layer.over_read
        if constant is None or constant.bytes < size or constant.fill != need.zero_point:
            raise PlanRefuted(
                f"{call} needs {size:,} B of zero points for rows outside {tensor}, which it is not given."
            )

    def _require_constant(self, call: Call, need: Need, source: Source, shift: int) -> None:
        """An input in flash: the rows that the call needs, within the array."""
        if call.row is None or need.rows is None:
            if shift or source.count != 1:
                raise PlanRefuted(f"{call} reads a part of {source.constant}, but needs all of it.")
            return
        columns = _columns(call, need)
        for y, pointed in _pointers(call, need, source):
            at = (pointed or 0) * source.row_stride + shift
            if pointed is None or at != y * need.seen.row_bytes + columns.start * need.seen.pixel_bytes:
                raise PlanRefuted(f"{call} reads another part of {source.constant} than it needs.")

    def _expect(self, span: Span, ids: Ids, what: str) -> None:
        found = self.arena.read(span).reshape(-1)
        if not np.array_equal(found, ids):
            raise PlanRefuted(self._explain(span, found, ids, what))
        self.lives.extend(ids, self.now)

    def _explain(self, span: Span, found: Ids, ids: Ids, what: str) -> str:
        first = int(np.flatnonzero(found != ids)[0])
        at = int(span.bytes()[first])
        needed, there = self.values.name(int(ids[first])), self.values.name(int(found[first]))
        by = int(self.arena.writers[span.bank][at])
        writer = f", put there by {self.callers[by]}" if by >= 0 else ""
        return f"{what} needs {needed} at byte {at:,} of the {span.bank}, where there is {there}{writer}."

    def _since(self, span: Span) -> int:
        """The tick at which the oldest of what is there was written."""
        by = self.arena.oldest(span)
        return self.called[by] if by >= 0 else 0

    def _use(self, buffer: str | None, span: Span, *, since: int | None = None) -> None:
        """What lies there is of use now, and was from tick `since` on."""
        use = self.trace.uses.setdefault(buffer or "", Use(span.bank, span.start, span.end, []))
        if span.bank != use.bank:
            raise PlanRefuted(f"the calls use {buffer or 'a buffer without a name'} in {use.bank} and in {span.bank}.")
        use.extend(span, self.tick if since is None else since, self.tick)


def _columns(call: Call, need: Need) -> range:
    """The input columns that a call needs, within the tensor; its pointers go to the first."""
    width = need.seen.columns
    if need.columns is None:
        return range(width)
    wanted = need.columns.spanned(call.tile.x0, call.tile.x1)
    return range(min(max(wanted.start, 0), width), max(min(wanted.stop, width), 0))


def _pointers(call: Call, need: Need, source: Source) -> Iterator[tuple[int, int | None]]:
    """For each row of the window: that row, and the row that the loop's pointer goes to, None for padding."""
    assert need.rows is not None and call.row is not None
    needed = need.rows.of(call.row)
    if len(needed) != source.count:
        raise PlanRefuted(f"{call} needs {len(needed)} rows of {need.seen.tensor}, is given {source.count}.")
    first = divide(source.a * call.row + source.lo_offset, source.c, call)
    for k, y in enumerate(needed):
        inside = 0 <= first + k < source.rows
        if inside != (0 <= y < need.seen.rows):
            where = f"row {first + k}" if inside else "padding"
            raise PlanRefuted(f"{call} needs row {y} of {need.seen.tensor} and is pointed to {where}.")
        yield y, first + k if inside else None


def _in_place(call: Call, need: Need, written: Span, span: Span) -> bool:
    """Whether a call may write where it reads: byte for byte going upwards, never ahead of what is still to be read."""
    output, seen = call.layer.output, need.seen
    if seen.tensor == output.tensor:
        return written == span
    if not call.layer.in_place or (seen.columns, seen.pixel_bytes) != (output.columns, output.pixel_bytes):
        return False
    return (written.pixels, written.pixel_bytes, written.stride) == (span.pixels, span.pixel_bytes, span.stride) and (
        written.start <= span.start
    )


def _macs(call: Call) -> float:
    output = call.layer.output
    share = 1.0 if call.row is None else (call.tile.x1 - call.tile.x0) / (output.rows * output.columns)
    return share * call.layer.macs


def _all(seen: Seen, bank: str, offset: int, row_stride: int, pixel_stride: int, *, dense: bool) -> Span | None:
    """All pixels of a tensor from one pointer: `dense` side by side, else with one stride throughout; None where they are not."""
    stride = pixel_stride if seen.columns > 1 or seen.rows == 1 else row_stride
    if seen.rows > 1 and row_stride != seen.columns * stride:
        return None
    if dense and stride != seen.pixel_bytes and seen.rows * seen.columns > 1:
        return None
    if seen.columns == 1 and stride != pixel_stride:
        return None
    return Span.of(bank, offset, seen.rows * seen.columns, seen.pixel_bytes, stride)
