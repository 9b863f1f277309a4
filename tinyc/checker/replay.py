"""The replay: every call reads what it needs from the shadow arena, then writes; nothing else is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tinyc.checker.arena import Arena, Span
from tinyc.checker.document import Certificate, Group, Layer, Loop, Need, Seen, Source
from tinyc.checker.schedule import calls, divide
from tinyc.checker.values import SCRATCH, Ids, Values, number_values
from tinyc.errors import PlanRefuted

BEFORE = -1
"""The call number of what the caller stores before the first call."""


@dataclass(slots=True)
class Use:
    """What the calls touched of one buffer: addresses [low, high), ticks first to last."""

    low: int
    high: int
    first: int
    last: int


@dataclass(slots=True)
class Trace:
    """What the replay saw."""

    calls: int = 0
    ticks: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    regions: int = 0
    live_bytes: int = 0
    uses: dict[str, Use] = field(default_factory=dict)
    reach: int = 0
    """One past the highest byte that is read, over-reads included."""


def replay(certificate: Certificate) -> Trace:
    """Run everything; PlanRefuted with the first thing that is wrong."""
    return _Replay(certificate).run()


class _Replay:
    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.values: Values = number_values(certificate)
        self.arena = Arena(certificate.arena_bytes)
        self.trace = Trace()
        self.call_layers: list[int] = []
        self.born = np.full(self.values.count, -2, np.int32)
        self.died = np.full(self.values.count, -2, np.int32)
        self.element_bytes = {tensor.name: tensor.element_bytes for tensor in certificate.tensors.values()}
        self.done = [False] * len(certificate.layers)
        self.made: set[str] = set()
        self.now = BEFORE

    def run(self) -> Trace:
        self._store_inputs()
        for group in self.certificate.groups:
            self._group(group)
        never = [layer for layer in self.certificate.layers if not self.done[layer.index]]
        if never:
            raise PlanRefuted(f"{never[0]} is never run.")
        self.now += 1
        self._read_outputs()
        self.trace.live_bytes = self._most_live()
        if self.trace.live_bytes > self.arena.size:
            raise PlanRefuted(f"{self.trace.live_bytes:,} B are live at once, the arena has {self.arena.size:,}.")
        return self.trace

    def _store_inputs(self) -> None:
        pushed = [port for port in self.certificate.inputs if port.offset is None]
        if pushed and (len(self.certificate.inputs) > 1 or self.certificate.groups[0].state is None):
            raise PlanRefuted("only a model of one input can take it by rows, and in its first region.")
        for port in self.certificate.inputs:
            if port.offset is not None:
                span = self._port(port.tensor, port.offset)
                self.arena.write(span, self._ids(port.tensor), by=BEFORE)
                self.born[self._ids(port.tensor)] = BEFORE
                self.died[self._ids(port.tensor)] = BEFORE

    def _read_outputs(self) -> None:
        for port in self.certificate.outputs:
            if port.offset is None:
                raise PlanRefuted(f"output {port.tensor} is nowhere.")
            span = self._port(port.tensor, port.offset)
            self._expect(span, self._ids(port.tensor), f"output {port.tensor}")

    def _port(self, tensor: str, offset: int) -> Span:
        if tensor not in self.values.ids:
            raise PlanRefuted(f"{tensor} is an input or an output, but not a tensor.")
        span = Span.of(offset, 1, self.values.ids[tensor].size, 0)
        self._require_place(span, tensor, tensor)
        return span

    def _ids(self, tensor: str) -> Ids:
        return self.values.ids[tensor]

    def _group(self, group: Group) -> None:
        for loop in group.loops:
            self._require_sound(loop, group)
        region = group.is_region
        self.trace.regions += region
        state = self._open_state(group)
        for loop, row in calls(self.certificate, group):
            self._call(loop, row)
            self.trace.ticks += region
        if state is not None:
            self._expect(state, self._state_ids(group), f"the region of {self.certificate.layers[group.loops[0].layer]}")
        self.trace.ticks += not region

    def _require_sound(self, loop: Loop, group: Group) -> None:
        """What a loop must be whatever the rows: run once, over tensors that exist."""
        layer = self.certificate.layers[loop.layer]
        if self.done[layer.index]:
            raise PlanRefuted(f"{layer} is run twice.")
        self.done[layer.index] = True
        for seen in (layer.output, *(need.seen for need in layer.needs)):
            if seen.tensor is None:
                continue
            if seen.tensor not in self.values.ids:
                raise PlanRefuted(f"{layer} refers to {seen.tensor}, which is not a tensor.")
            if self.values.ids[seen.tensor].size != seen.bytes:
                raise PlanRefuted(f"{layer} sees {seen.bytes:,} B of {seen.tensor}, which has {self._ids(seen.tensor).size:,}.")
        if layer.output.tensor is None or self.certificate.tensors[layer.output.tensor].pieces:
            raise PlanRefuted(f"{layer} does not make a tensor of its own.")
        if self.certificate.tensors[layer.output.tensor].is_input:
            raise PlanRefuted(f"{layer} makes {layer.output.tensor}, which is an input.")
        if layer.output.tensor in self.made:
            raise PlanRefuted(f"{layer} makes {layer.output.tensor}, which another layer makes.")
        self.made.add(layer.output.tensor)
        if loop.mode == "rows" and layer.extent == "whole" and layer.output.rows > 1:
            raise PlanRefuted(f"{layer} is called by rows, but its kernel makes everything in one call.")
        if loop.mode == "long row" and layer.extent != "long row":
            raise PlanRefuted(f"{layer} is called with one long row, which its kernel does not take.")
        if loop.mode == "whole" and layer.extent != "whole":
            raise PlanRefuted(f"{layer} is called once for everything, but its kernel makes rows.")
        if any(source.pushed for source in loop.sources) and (group.state is None or group.descending):
            raise PlanRefuted(f"{layer} takes pushed rows outside of a region that waits for them.")

    def _open_state(self, group: Group) -> Span | None:
        """A region that waits for rows keeps its counters in the arena from the first row on."""
        if group.state is None:
            return None
        if group is not self.certificate.groups[0]:
            raise PlanRefuted("the region that takes the input by rows is not the first.")
        if group.state_bytes < 4 * len(group.loops) or group.state_offset % 4:
            raise PlanRefuted("the region that takes the input by rows has no room for its counters.")
        span = Span.of(group.state_offset, 1, group.state_bytes, 0)
        if not self.arena.holds(span):
            raise PlanRefuted("the counters of a region lie outside the arena.")
        self.arena.write(span, self._state_ids(group), by=BEFORE)
        self._use(group.state, span)
        return span

    def _state_ids(self, group: Group) -> Ids:
        return np.arange(self.values.count, self.values.count + group.state_bytes, dtype=np.int32)

    def _call(self, loop: Loop, row: int | None) -> None:
        """One kernel call: all that it reads must be there, and what it writes must not meet what it still reads."""
        layer = self.certificate.layers[loop.layer]
        self.call_layers.append(layer.index)
        self.trace.calls += 1
        self.now += 1
        written = self._target(loop, layer, row)
        scratch = self._scratch(loop, layer)
        if scratch is not None and scratch.meets(written):
            raise PlanRefuted(f"{self._what(layer, row)} writes into its own scratch.")
        for need, source in zip(layer.needs, loop.sources, strict=True):
            for span, ids in self._reads(loop, layer, need, source, row):
                what = self._what(layer, row)
                self._expect(span, ids, what)
                self._use(source.buffer, span)
                self.trace.bytes_read += ids.size
                self.trace.reach = max(self.trace.reach, span.end + layer.over_read)
                if scratch is not None and scratch.meets(span):
                    raise PlanRefuted(f"{what} reads {need.seen.tensor} where its scratch is.")
                if written.meets(span) and not self._in_place(layer, need, written, span):
                    raise PlanRefuted(f"{what} writes over rows of {need.seen.tensor} that the same call reads.")
        if scratch is not None:
            self.arena.write(scratch, SCRATCH, by=self.now)
            self._use(loop.scratch, scratch)
        ids = self._rows_of(layer.output, row)
        self.arena.write(written, ids.reshape(written.pixels, written.pixel_bytes), by=self.now)
        self._use(loop.target.buffer, written)
        self.trace.bytes_written += ids.size
        self.born[ids[0] : ids[-1] + 1] = self.died[ids[0] : ids[-1] + 1] = self.now

    def _what(self, layer: Layer, row: int | None) -> str:
        return f"{layer}, " + ("its only call" if row is None else f"row {row}")

    def _rows_of(self, seen: Seen, row: int | None) -> Ids:
        """The ids of one row of a tensor, or of all of it."""
        assert seen.tensor is not None
        ids = self._ids(seen.tensor)
        return ids if row is None else ids[row * seen.row_bytes : (row + 1) * seen.row_bytes]

    def _target(self, loop: Loop, layer: Layer, row: int | None) -> Span:
        target, seen = loop.target, layer.output
        if row is None:
            span = _all(seen, target.offset, target.row_stride, target.pixel_stride, dense=loop.mode == "whole")
            if span is None or target.ring is not None:
                raise PlanRefuted(f"{layer} writes all its rows in one call, but they do not lie side by side.")
        else:
            y = row if target.ring is None else row % target.ring
            span = Span.of(target.offset + y * target.row_stride, seen.columns, seen.pixel_bytes, target.pixel_stride)
        assert seen.tensor is not None
        self._require_place(span, self._what(layer, row), seen.tensor)
        return span

    def _scratch(self, loop: Loop, layer: Layer) -> Span | None:
        if layer.scratch_bytes == 0:
            return None
        if loop.scratch is None:
            raise PlanRefuted(f"{layer} needs scratch and has none.")
        span = Span.of(loop.scratch_offset, 1, layer.scratch_bytes, 0)
        if not self.arena.holds(span) or span.start % 4:
            raise PlanRefuted(f"{layer} has scratch at {span.start}, outside the arena or not aligned.")
        return span

    def _require_place(self, span: Span, what: str, tensor: str) -> None:
        if not self.arena.holds(span):
            raise PlanRefuted(
                f"{what} is at bytes {span.start:,} to {span.end:,}, outside the arena of {self.arena.size:,}."
            )
        step = self.element_bytes[tensor]
        if span.start % step or (span.stride % step and span.pixels > 1):
            raise PlanRefuted(f"{what} is at byte {span.start:,}, but {tensor} has elements of {step} B.")

    def _reads(self, loop: Loop, layer: Layer, need: Need, source: Source, row: int | None) -> Iterator[tuple[Span, Ids]]:
        """What one input of a call takes from the arena and what must be there."""
        if need.seen.tensor is None or need.constant is not None or source.constant is not None:
            self._require_constant(layer, need, source, row)
        elif source.pushed:
            self._require_pushed(layer, need, source)
        elif need.window is None or row is None:
            yield self._whole(loop, layer, need, source)
        else:
            yield from self._rows(layer, need, source, row)

    def _require_pushed(self, layer: Layer, need: Need, source: Source) -> None:
        """Rows come in their order, and the loop makes its own in order: row r is the r-th push."""
        assert need.seen.tensor is not None
        rule = need.window
        if rule is None or any(rule.rows(row) != range(row, row + 1) for row in range(layer.output.rows)):
            raise PlanRefuted(f"{layer} takes pushed rows, but needs others than its own.")
        if not self.certificate.tensors[need.seen.tensor].is_input or source.count != 1:
            raise PlanRefuted(f"{layer} takes pushed rows of {need.seen.tensor}, which is not an input.")

    def _whole(self, loop: Loop, layer: Layer, need: Need, source: Source) -> tuple[Span, Ids]:
        """All of a tensor, at one pointer: side by side, or as one long row of pixels."""
        seen = need.seen
        assert seen.tensor is not None
        dense = need.window is None
        if not dense and any(need.window.rows(row) != range(row, row + 1) for row in range(layer.output.rows)):  # type: ignore[union-attr]
            raise PlanRefuted(f"{layer} is called with one long row, but needs other rows of {seen.tensor} than its own.")
        span = _all(seen, source.offset, source.row_stride, source.pixel_stride, dense=dense)
        if span is None or source.count != 1:
            raise PlanRefuted(f"{layer} reads all of {seen.tensor} in one call, but its rows do not lie side by side.")
        self._require_place(span, str(layer), seen.tensor)
        return span, self._ids(seen.tensor)

    def _rows(self, layer: Layer, need: Need, source: Source, row: int) -> Iterator[tuple[Span, Ids]]:
        """The rows of one window, each at the pointer that the loop computes for it."""
        assert need.window is not None and need.seen.tensor is not None
        seen, needed = need.seen, need.window.rows(row)
        if len(needed) != source.count:
            raise PlanRefuted(f"{self._what(layer, row)} needs {len(needed)} rows of {seen.tensor}, is given {source.count}.")
        for y, pointed in self._pointers(layer, need, source, row):
            inside = 0 <= y < seen.rows
            if inside != (pointed is not None):
                where = "padding" if pointed is None else f"row {pointed}"
                raise PlanRefuted(f"{self._what(layer, row)} needs row {y} of {seen.tensor} and is pointed to {where}.")
            if pointed is None:
                self._require_padding(layer, need, source)
                continue
            place = pointed if source.ring is None else pointed % source.ring
            span = Span.of(source.offset + place * source.row_stride, seen.columns, seen.pixel_bytes, source.pixel_stride)
            self._require_place(span, self._what(layer, row), seen.tensor)
            yield span, self._ids(seen.tensor)[y * seen.row_bytes : (y + 1) * seen.row_bytes]

    def _pointers(self, layer: Layer, need: Need, source: Source, row: int) -> Iterator[tuple[int, int | None]]:
        """For each row of the window: that row, and the row that the loop's pointer goes to, None for padding."""
        assert need.window is not None
        first = divide(source.a * row + source.lo_offset, source.c, str(layer))
        for k, y in enumerate(need.window.rows(row)):
            pointed = first + k
            yield y, pointed if 0 <= pointed < source.rows else None

    def _require_padding(self, layer: Layer, need: Need, source: Source) -> None:
        """A row outside the tensor is what the kernel expects: null, or enough bytes of zero point."""
        if layer.padding_rows == "null pointer":
            if source.padding is not None:
                raise PlanRefuted(f"{layer} expects a null pointer for rows outside {need.seen.tensor}, is given {source.padding}.")
            return
        constant = self.certificate.constants.get(source.padding or "")
        size = (need.seen.columns - 1) * source.pixel_stride + need.seen.pixel_bytes + layer.over_read
        if constant is None or constant.bytes < size or constant.fill != need.zero_point:
            raise PlanRefuted(f"{layer} needs {size:,} B of zero points for rows outside {need.seen.tensor}, which it is not given.")

    def _require_constant(self, layer: Layer, need: Need, source: Source, row: int | None) -> None:
        """An input in flash: the right array, and within it."""
        constant = self.certificate.constants.get(source.constant or "")
        if constant is None or source.constant != need.constant or need.seen.tensor is not None:
            raise PlanRefuted(f"{layer} reads a constant that is not the one it needs.")
        high = need.seen.bytes
        if row is not None and need.window is not None:
            wanted = [y for y, _ in self._pointers(layer, need, source, row)]
            pointed = [y for _, y in self._pointers(layer, need, source, row)]
            if wanted != pointed or source.row_stride != need.seen.row_bytes or source.count != len(wanted):
                raise PlanRefuted(f"{self._what(layer, row)} reads other rows of {source.constant} than it needs.")
        if source.offset != 0 or high > constant.bytes:
            raise PlanRefuted(f"{layer} reads beyond {source.constant}.")

    def _in_place(self, layer: Layer, need: Need, written: Span, span: Span) -> bool:
        """Whether a call may write where it reads: byte for byte going upwards, never ahead of what is still to be read."""
        if need.seen.tensor == layer.output.tensor:
            return written == span
        same = (need.seen.rows, need.seen.columns, need.seen.pixel_bytes)
        if not layer.in_place or same != (layer.output.rows, layer.output.columns, layer.output.pixel_bytes):
            return False
        return written.stride == span.stride and written.pixels == span.pixels and written.start <= span.start

    def _expect(self, span: Span, ids: Ids, what: str) -> None:
        found = self.arena.read(span).reshape(-1)
        if not np.array_equal(found, ids):
            raise PlanRefuted(self._explain(span, found, ids, what))
        if ids.size and ids[-1] < self.values.count:
            if ids[-1] - ids[0] == ids.size - 1:
                self.died[ids[0] : ids[-1] + 1] = self.now
            else:
                self.died[ids] = self.now

    def _explain(self, span: Span, found: Ids, ids: Ids, what: str) -> str:
        first = int(np.flatnonzero(found != ids)[0])
        at = int(span.bytes()[first])
        needed, there = self.values.name(int(ids[first])), self.values.name(int(found[first]))
        by = int(self.arena.writers[at])
        writer = f", put there by {self.certificate.layers[self.call_layers[by]]}" if by >= 0 else ""
        return f"{what} needs {needed} at byte {at:,} of the arena, where there is {there}{writer}."

    def _use(self, buffer: str | None, span: Span) -> None:
        use = self.trace.uses.get(buffer or "")
        tick = self.trace.ticks
        if use is None:
            self.trace.uses[buffer or ""] = Use(span.start, span.end, tick, tick)
            return
        use.low, use.high = min(use.low, span.start), max(use.high, span.end)
        use.first, use.last = min(use.first, tick), max(use.last, tick)

    def _most_live(self) -> int:
        """The most bytes that must exist between two calls: born before it and read after it."""
        kept = self.died > self.born
        calls = self.trace.calls + 1
        begin = np.bincount(self.born[kept] + 1, minlength=calls + 1)
        end = np.bincount(self.died[kept] + 1, minlength=calls + 1)
        return int((begin - end).cumsum().max(initial=0))


def _all(seen: Seen, offset: int, row_stride: int, pixel_stride: int, *, dense: bool) -> Span | None:
    """All pixels of a tensor from one pointer: `dense` side by side, else with one stride throughout; None where they are not."""
    if seen.columns > 1 and seen.rows > 1 and row_stride != seen.columns * pixel_stride:
        return None
    if not dense:
        stride = pixel_stride if seen.columns > 1 else row_stride if seen.rows > 1 else pixel_stride
        if seen.columns == 1 and seen.rows > 1 and row_stride != pixel_stride:
            return None
        return Span.of(offset, seen.rows * seen.columns, seen.pixel_bytes, stride)
    if seen.columns > 1 and pixel_stride != seen.pixel_bytes:
        return None
    if seen.rows > 1 and row_stride != seen.row_bytes:
        return None
    return Span.of(offset, 1, seen.bytes, 0)
