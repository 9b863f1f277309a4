"""The program: everything that `emit` prints, nothing that it would have to decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyc.ir import Tensor
from tinyc.ir.types import Array
from tinyc.kernels.contract import Kernel
from tinyc.plan import Mode, Plan
from tinyc.plan.regions import walk_order

ELEMENT_BYTES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2}


ARENA = "arena"
"""What C calls the arena where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """One block of memory that the model works in: what C calls it, the board's bank that it is planned for, how large it is.

    `room` is what the board has for it in that bank, where the plan is for a board with several.
    """

    name: str
    bank: str
    bytes: int
    room: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or an output: `tensor` lies contiguously at `offset` of an arena; `name` is the model's own.

    `offset` is None for an input that is pushed row by row, `rows` at a time one.
    """

    name: str
    tensor: Tensor
    offset: int | None
    rows: int = 1
    arena: str = ARENA

    @property
    def row_bytes(self) -> int:
        return self.tensor.bytes // self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A `static const` array: `data` holds elements (1-D), or one row per struct (2-D, fields in order)."""

    symbol: str
    c_type: str
    data: Array = field(compare=False, repr=False)

    @property
    def elements(self) -> int:
        return int(self.data.shape[0])

    @property
    def bytes(self) -> int:
        """As C lays it out: the fields of structs are 32 bits wide."""
        width = ELEMENT_BYTES.get(self.c_type, 4)
        return int(self.data.size) * width


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the row pointers of one input come from.

    Output row r takes `count` pointers: rows floor((a*r + lo_offset) / c) + 0 ... + count - 1, each at `base + row * row_stride`; rows
    outside [0, rows) are `padding` (a symbol, or null).  The base is an arena offset or a constant's symbol.
    """

    offset: int
    symbol: str | None
    row_stride: int
    rows: int
    count: int
    a: int = 0
    lo_offset: int = 0
    c: int = 1
    padding: str | None = None
    ring: int | None = None
    """Row y lies at `base + (y % ring) * row_stride`; None: the tensor is whole, row y at `base + y * row_stride`."""
    arena: str = ARENA
    """Which arena the offset is in, where there is no symbol."""

    @property
    def is_fixed(self) -> bool:
        """Whether every output row takes the same pointer."""
        return self.a == 0 and self.count == 1 and (self.lo_offset == 0 or self.ring == 1)

    def may_leave(self, output_rows: int) -> bool:
        """Whether some pointer of some output row lies outside the tensor."""
        lowest, highest = self.lo_offset // self.c, (self.a * (output_rows - 1) + self.lo_offset) // self.c
        return lowest < 0 or highest + self.count > self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One function of the layers' unit: a kernel bound to its constants."""

    index: int
    name: str
    op: str
    symbol: str
    kernel: Kernel
    fields: Mapping[str, int | str]
    """The kernel's parameter struct: integers, and the symbols of constants."""
    shared: bool
    """Whether the layer calls a copy of the kernel that others call too."""
    scratch_bytes: int
    tensor: Tensor
    macs: int
    arena_live_bytes: int

    @property
    def rows(self) -> int:
        return self.tensor.hwc[0]

    @property
    def row_pixels(self) -> int:
        return self.tensor.hwc[1]

    @property
    def pixel_bytes(self) -> int:
        return self.tensor.hwc[2] * self.tensor.dtype.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Logical row r of a layer needs so many rows of each of `writers` (positions in the region).

    Ascending: min(floor((a * row + offset) / c), rows).  Descending, where row = last - r: rows - max(floor((a * row + offset) / c), 0).
    """

    writers: tuple[int, ...]
    a: int
    offset: int
    c: int
    rows: int

    def need(self, row: int, *, descending: bool) -> int:
        """The rows needed for actual row `row`."""
        edge = (self.a * row + self.offset) // self.c
        return self.rows - max(edge, 0) if descending else min(edge, self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTile:
    """What one layer makes in one tile: output rows [first, end), columns [x0, x1).

    `out` and `inputs` are the bytes from the start of a row, as it is stored, to the first column that a call touches.
    """

    first: int
    end: int
    x0: int
    x1: int
    out: int
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One layer from its first row to its last: how the schedule calls it."""

    layer: Layer
    mode: Mode
    descending: bool
    sources: tuple[Source, ...]
    offset: int
    """Of the output's first row, in `arena`."""
    row_stride: int
    pixel_stride: int
    scratch_offset: int | None
    ring: int | None = None
    """The output's rows that are kept, as in `Source`."""
    demands: tuple[Demand, ...] = ()
    """Within a region: what must have been made before a row of this layer."""
    tiles: tuple[LoopTile, ...] = ()
    """Within a region in tiles: what this layer makes in each."""
    pushed: bool = False
    """Whether each row is one that the caller pushes."""
    resume: int | None = None
    """Within a region: the position of the only loop that demands this one's rows, None where several do."""
    arena: str = ARENA
    scratch_arena: str = ARENA

    @property
    def calls(self) -> int:
        return self.layer.rows if self.mode is Mode.ROWS else 1

    @property
    def columns(self) -> int:
        """Output columns a call writes."""
        return self.layer.row_pixels if self.mode is Mode.ROWS else self.layer.rows * self.layer.row_pixels

    @property
    def uses_row(self) -> bool:
        """Whether a call within a region depends on which row it makes."""
        moving = any(not s.is_fixed and (s.ring != 1 or s.may_leave(self.layer.rows)) for s in self.sources)
        return bool(self.demands) or self.ring != 1 or moving

    def tile(self, number: int) -> LoopTile:
        """What the layer makes in a tile; without tiles, everything."""
        if self.tiles:
            return self.tiles[number]
        everything = (0,) * len(self.sources)
        return LoopTile(first=0, end=self.layer.rows, x0=0, x1=self.layer.row_pixels, out=0, inputs=everything)

    @property
    def pointers(self) -> int:
        return sum(source.count for source in self.sources)

    @property
    def arenas(self) -> tuple[str, ...]:
        """The arenas that a call touches, by name."""
        used = {self.arena, *(source.arena for source in self.sources if source.symbol is None)}
        return tuple(sorted(used | ({self.scratch_arena} if self.layer.scratch_bytes else set())))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLoop:
    """Layers that run together row by row: from the sink, follow the first demand that is not met; run a row there; start again.

    `sinks` are positions in `loops`: the driver first, then those whose output must be complete in the end.
    """

    index: int
    loops: tuple[Loop, ...]
    sinks: tuple[int, ...]
    descending: bool
    state_offset: int | None = None
    """Where the region keeps its counters between two pushed rows; None: it runs through."""
    state_arena: str = ARENA

    @property
    def pointers(self) -> int:
        return max(loop.pointers for loop in self.loops)

    @property
    def arenas(self) -> tuple[str, ...]:
        """The arenas that the region touches, by name."""
        used = {name for loop in self.loops for name in loop.arenas}
        return tuple(sorted(used | (set() if self.state_offset is None else {self.state_arena})))

    @property
    def resumes_anywhere(self) -> bool:
        """Whether some layer goes back to the sinks, rather than to the one layer that needs its rows."""
        return any(loop.resume is None for loop in self.loops)

    @property
    def tiles(self) -> int:
        """How many times the region runs, each for a part of its output."""
        return max(len(self.loops[0].tiles), 1)

    @property
    def is_tiled(self) -> bool:
        """Whether its layers make what a table of tiles says, and not everything; the table may have one entry."""
        return bool(self.loops[0].tiles)

    @property
    def tile_inputs(self) -> int:
        """The most inputs that a layer reads."""
        return max(len(loop.sources) for loop in self.loops)

    def calls(self) -> Iterator[tuple[int, int, int, int]]:
        """(position, actual row, x0, x1) in the order of execution."""
        rows = [loop.layer.rows for loop in self.loops]
        for tile in range(self.tiles):
            ranges = [loop.tile(tile) for loop in self.loops]
            for position, row in walk_order([(r.first, r.end) for r in ranges], self.sinks, self._missing):
                actual = rows[position] - 1 - row if self.descending else row
                yield position, actual, ranges[position].x0, ranges[position].x1

    def _missing(self, position: int, row: int, made: Sequence[int]) -> int | None:
        loop = self.loops[position]
        actual = loop.layer.rows - 1 - row if self.descending else row
        for demand in loop.demands:
            need = demand.need(actual, descending=self.descending)
            for writer in demand.writers:
                if made[writer] < need:
                    return writer
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A model as C: `constants` in the weights' unit, `groups` in order of execution, every name starting with `prefix`."""

    plan: Plan
    prefix: str
    model_name: str
    sha256: str
    constants: tuple[Constant, ...]
    groups: tuple[Loop | RegionLoop, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arenas: tuple[Arena, ...]
    """One, unless the plan uses several of the board's banks."""
    arena_align: int

    @property
    def arena_bytes(self) -> int:
        """Of all arenas together."""
        return sum(arena.bytes for arena in self.arenas)

    def bank(self, arena: str) -> str:
        """The bank of the arena of that name."""
        return next(each.bank for each in self.arenas if each.name == arena)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Every layer's loop, by layer index."""
        return tuple(
            loop for group in self.groups for loop in (group.loops if isinstance(group, RegionLoop) else (group,))
        )

    @property
    def regions(self) -> tuple[RegionLoop, ...]:
        return tuple(group for group in self.groups if isinstance(group, RegionLoop))

    @property
    def pushed(self) -> RegionLoop | None:
        """The region that takes the input row by row."""
        return next((region for region in self.regions if region.state_offset is not None), None)

    @property
    def keeps_rings(self) -> bool:
        """Whether some row lies in a slot that its number tells; a ring of one row needs none."""
        kept = (ring for loop in self.loops for ring in (loop.ring, *(source.ring for source in loop.sources)))
        return any(ring is not None and ring > 1 for ring in kept)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(loop.layer for loop in self.loops)

    def calls(self) -> Iterator[tuple[int, int | None]]:
        """(layer index, row) of every kernel call in the order of execution; row None where one call writes the whole output."""
        for layer, row, _, _ in self.ranges():
            yield layer, row

    def ranges(self) -> Iterator[tuple[int, int | None, int, int]]:
        """(layer index, row, x0, x1) of every kernel call: `calls`, with the columns that it writes."""
        for group in self.groups:
            if isinstance(group, RegionLoop):
                for position, made, x0, x1 in group.calls():
                    yield group.loops[position].layer.index, made, x0, x1
            elif group.mode is not Mode.ROWS:
                yield group.layer.index, None, 0, group.columns
            else:
                rows = range(group.layer.rows)
                for row in reversed(rows) if group.descending else rows:
                    yield group.layer.index, row, 0, group.columns
