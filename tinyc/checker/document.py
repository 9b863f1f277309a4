"""A certificate's JSON as typed records; whatever does not fit the format is refused with the place where.

A record's fields are the keys of a JSON object, and their types say what may be there; what has another form has a reader below.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tinyc.errors import NotACertificate

FORMAT = "tinyc certificate"
VERSION = 3
MOST_BYTES = 1 << 26
"""A tensor, an arena or all tensors together beyond this are refused: no microcontroller holds them."""
MOST_NUMBER = 1 << 31
_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True)
class Between:
    """The least and the most that an integer may be; without it: MOST_NUMBER in either direction."""

    least: int
    most: int = MOST_NUMBER


Natural = Annotated[int, Between(0)]
Positive = Annotated[int, Between(1)]
Bytes = Annotated[int, Between(0, MOST_BYTES)]
Extent = Annotated[int, Between(1, MOST_BYTES)]
ElementBytes = Annotated[int, Between(1, 8)]
Alignment = Annotated[int, Between(1, 4096)]
Macs = Annotated[int, Between(0, 1 << 53)]
Pointers = Annotated[int, Between(0, 1 << 16)]


@dataclass(frozen=True, slots=True)
class Window:
    """Output row or column r needs those of the input in [floor((a*r + lo_offset) / c), floor((a*r + hi_offset) / c))."""

    a: Natural
    lo_offset: int
    hi_offset: int
    c: Positive

    def of(self, index: int) -> range:
        """What output index `index` needs."""
        return self.spanned(index, index + 1)

    def spanned(self, first: int, end: int) -> range:
        """What output indices [first, end) need."""
        return range((self.a * first + self.lo_offset) // self.c, (self.a * (end - 1) + self.hi_offset) // self.c)


@dataclass(frozen=True, slots=True)
class Seen:
    """A tensor as a kernel sees it; `tensor` is None for a constant."""

    tensor: str | None
    rows: Positive
    columns: Positive
    pixel_bytes: Positive

    @property
    def row_bytes(self) -> int:
        return self.columns * self.pixel_bytes

    @property
    def bytes(self) -> int:
        return self.rows * self.row_bytes


@dataclass(frozen=True, slots=True)
class Need:
    """What one input of a layer must be; `rows` None: all of it, contiguous; `columns` None: all columns of those rows."""

    seen: Seen
    constant: str | None
    zero_point: int | None
    rows: Window | None
    columns: Window | None


@dataclass(frozen=True, slots=True)
class Layer:
    """The facts of one layer's kernel call."""

    index: Natural
    name: str
    op: str
    extent: Literal["row", "long row", "whole"]
    in_place: bool
    padding_rows: Literal["null pointer", "zero points"]
    over_read: Natural
    scratch_bytes: Natural
    macs: Macs
    output: Seen
    needs: tuple[Need, ...]

    def __str__(self) -> str:
        return f"layer {self.index} {self.op} ({self.name})"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An activation: made by a layer or given, or the same values as other tensors (`pieces`; `axis` None: reshaped)."""

    name: str
    shape: tuple[Extent, ...]
    element_bytes: ElementBytes
    is_input: bool
    pieces: tuple[str, ...]
    axis: int | None

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.element_bytes


@dataclass(frozen=True, slots=True)
class Bank:
    """A block of memory; `room` is what the board has of it, None where no board is meant; buffers end at `placement_bytes`."""

    name: str
    bytes: Bytes
    align: Alignment
    room: Natural | None
    placement_bytes: Bytes


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the model; `offset` None: pushed row by row."""

    tensor: str
    bank: str
    offset: Natural | None


@dataclass(frozen=True, slots=True)
class Constant:
    """An array in flash; `fill` where all its elements are equal."""

    bytes: Natural
    fill: int | None


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes of a bank, claimed for the ticks of `lives`: [first, last], ascending and apart."""

    name: str
    bank: str
    offset: Natural
    bytes: Natural
    lives: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A pair of buffers that may share bytes, with the distance to keep in either direction (None: not in this one)."""

    source: str
    target: str
    ascending: int | None
    descending: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a loop writes row y: `offset + (y % ring) * row_stride`."""

    buffer: str
    bank: str
    offset: int
    row_stride: Natural
    pixel_stride: Positive
    ring: Positive | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a loop's pointer k of output row r goes: row y = (a*r + lo_offset) / c + k, `padding` where y is outside [0, rows)."""

    buffer: str | None
    bank: str
    constant: str | None
    pushed: bool
    offset: int
    row_stride: Natural
    pixel_stride: Positive
    rows: Positive
    ring: Positive | None
    a: Natural
    lo_offset: int
    c: Positive
    count: Pointers
    padding: str | None


@dataclass(frozen=True, slots=True)
class Demand:
    """Rows of `writers` (positions in the group) that must have been made before a row."""

    writers: tuple[Natural, ...]
    a: Natural
    offset: int
    c: Positive
    rows: Natural


@dataclass(frozen=True, slots=True)
class Tile:
    """What a loop makes in one run of its region: rows [first, end), columns [x0, x1).

    `out` and `inputs` are added to addresses: the bytes to the first column that a call writes, and reads of each input.
    """

    first: Natural
    end: Natural
    x0: Natural
    x1: Natural
    out: int
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """One layer's calls within its group."""

    layer: Natural
    mode: Literal["rows", "long row", "whole"]
    target: Target
    scratch: str | None
    scratch_bank: str
    scratch_offset: int
    sources: tuple[Source, ...]
    demands: tuple[Demand, ...]
    resume: Natural | None
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One loop by itself, or a region; `state` is where a region that takes its input row by row keeps its counters."""

    is_region: bool
    ticks: Positive
    sinks: tuple[Natural, ...]
    descending: bool
    loops: tuple[Loop, ...]
    state: str | None
    state_bank: str
    state_offset: int
    state_bytes: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What the planner says of its plan."""

    placement_bytes: Natural
    buffer_align: Alignment
    lower_bound_bytes: Natural
    lower_bound_from: Literal["live buffers", "solver"]
    placement_optimal: bool
    search_exhaustive: bool
    extra_macs: Macs


@dataclass(frozen=True, slots=True)
class Certificate:
    """All of it."""

    model: str
    sha256: str
    banks: Mapping[str, Bank]
    claims: Claims
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Constant]
    buffers: Mapping[str, Buffer]
    overlaps: tuple[Overlap, ...]
    layers: tuple[Layer, ...]
    groups: tuple[Group, ...]


class _Node:
    """A JSON value and the path to it."""

    __slots__ = ("value", "where")

    def __init__(self, value: Any, where: str) -> None:
        self.value = value
        self.where = where

    def fail(self, wanted: str) -> NotACertificate:
        return NotACertificate(f"not a certificate of tinyc: {self.where or 'the file'} should be {wanted}.")

    def get(self, key: str) -> _Node:
        if not isinstance(self.value, dict):
            raise self.fail("an object")
        where = f"{self.where}.{key}" if self.where else key
        if key not in self.value:
            raise NotACertificate(f"not a certificate of tinyc: {where} is missing.")
        return _Node(self.value[key], where)

    def items(self) -> Iterator[_Node]:
        if not isinstance(self.value, list):
            raise self.fail("a list")
        return (_Node(value, f"{self.where}[{index}]") for index, value in enumerate(self.value))

    @property
    def is_null(self) -> bool:
        return self.value is None

    def integer(self, least: int = -MOST_NUMBER, most: int = MOST_NUMBER) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= most:
            raise self.fail(f"an integer from {least} to {most}")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fail("text")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fail("true or false")
        return self.value

    def one_of(self, *words: str) -> str:
        if self.value not in words:
            raise self.fail(" or ".join(words))
        return str(self.value)


SIMPLE: Mapping[type, Callable[[_Node], Any]] = {int: _Node.integer, str: _Node.text, bool: _Node.flag}
"""What reads a type as it is; an integer without a range."""


def parse(text: str) -> Certificate:
    """NotACertificate where the text is none, or says things that contradict each other by themselves."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise NotACertificate("not a certificate of tinyc: it is not JSON.") from None
    root = _Node(value, "")
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise NotACertificate("not a certificate of tinyc: its format is not named so.")
    if value.get("version") != VERSION:
        raise NotACertificate(f"a certificate of version {value.get('version')!r}; this tinyc reads version {VERSION}.")
    certificate = _certificate(root)
    _require_consistent(certificate)
    return certificate


def _certificate(root: _Node) -> Certificate:
    return Certificate(
        model=root.get("model").get("name").text(),
        sha256=root.get("model").get("sha256").text(),
        banks=_named(root.get("banks"), lambda node: _record(Bank, node)),
        claims=_record(Claims, root.get("claims")),
        inputs=tuple(_port(node) for node in root.get("inputs").items()),
        outputs=tuple(_port(node) for node in root.get("outputs").items()),
        tensors=_named(root.get("tensors"), _tensor),
        constants=_named(root.get("constants"), lambda node: _record(Constant, node), by="symbol"),
        buffers=_named(root.get("buffers"), lambda node: _record(Buffer, node, lives=_lives(node.get("lives")))),
        overlaps=tuple(_record(Overlap, node) for node in root.get("overlaps").items()),
        layers=tuple(_layer(node) for node in root.get("layers").items()),
        groups=tuple(_group(node) for node in root.get("schedule").items()),
    )


def _named(listed: _Node, read: Callable[[_Node], _Record], *, by: str = "name") -> dict[str, _Record]:
    """The records of a list by their names, none of which two have."""
    found: dict[str, _Record] = {}
    for node in listed.items():
        name = node.get(by).text()
        if name in found:
            raise node.get(by).fail("a name that no other has")
        found[name] = read(node)
    return found


def _record(kind: Callable[..., _Record], node: _Node, **known: Any) -> _Record:
    """A record of the values that `node` has under the names of its fields, but for those that are `known`."""
    found = {name: _read(hint, node.get(name)) for name, hint in _hints(kind) if name not in known}
    return kind(**found, **known)


@lru_cache(maxsize=64)
def _hints(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


def _read(hint: Any, node: _Node) -> Any:
    """What a type says that `node` is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint](node)
    if origin is tuple:
        return tuple(_read(arguments[0], each) for each in node.items())
    if origin is Literal:
        return node.one_of(*arguments)
    if origin in (Union, UnionType):
        return None if node.is_null else _read(arguments[0], node)
    if origin is Annotated:
        return node.integer(arguments[1].least, arguments[1].most)
    return _record(hint, node)


def _port(node: _Node) -> Port:
    return _record(Port, node, bank=_bank_of(node, node.get("offset").is_null))


def _bank_of(node: _Node, nowhere: bool) -> str:
    """The bank that is named, or nothing where the place is in none."""
    return "" if nowhere else node.get("bank").text()


def _tensor(node: _Node) -> Tensor:
    made_by = node.get("made_by")
    pieces: tuple[str, ...] = ()
    axis = None
    if not isinstance(made_by.value, dict):
        made_by.one_of("input", "layer")
    elif "reshape" in made_by.value:
        pieces = (made_by.get("reshape").text(),)
    else:
        pieces = tuple(piece.text() for piece in made_by.get("concatenation").items())
        axis = made_by.get("axis").integer(0, 15)
    tensor = _record(Tensor, node, is_input=made_by.value == "input", pieces=pieces, axis=axis)
    if tensor.bytes > MOST_BYTES:
        raise node.get("shape").fail(f"of at most {MOST_BYTES} bytes")
    return tensor


def _lives(node: _Node) -> tuple[tuple[int, int], ...]:
    lives: list[tuple[int, int]] = []
    for span in node.items():
        ends = [each.integer(0) for each in span.items()]
        if len(ends) != 2 or ends[0] > ends[1] or (lives and ends[0] <= lives[-1][1]):
            raise span.fail("the first and the last tick of a life, after the one before")
        lives.append((ends[0], ends[1]))
    if not lives:
        raise node.fail("at least one life")
    return tuple(lives)


def _layer(node: _Node) -> Layer:
    return _record(Layer, node, needs=tuple(_need(read) for read in node.get("reads").items()))


def _need(node: _Node) -> Need:
    rows, columns = _window(node.get("row_window")), _window(node.get("column_window"))
    return _record(Need, node, seen=_record(Seen, node), rows=rows, columns=columns)


def _window(node: _Node) -> Window | None:
    return None if node.value == "whole" else _record(Window, node)


def _group(node: _Node) -> Group:
    state = node.get("state")
    return _record(
        Group,
        node,
        is_region=node.get("form").one_of("layer", "region") == "region",
        descending=node.get("direction").one_of("ascending", "descending") == "descending",
        loops=tuple(_loop(loop) for loop in node.get("loops").items()),
        state=None if state.is_null else state.get("buffer").text(),
        state_bank=_bank_of(state, state.is_null),
        state_offset=0 if state.is_null else state.get("offset").integer(0),
        state_bytes=0 if state.is_null else state.get("bytes").integer(0),
    )


def _loop(node: _Node) -> Loop:
    scratch = node.get("scratch")
    return _record(
        Loop,
        node,
        target=_record(Target, node.get("output")),
        scratch=None if scratch.is_null else scratch.get("buffer").text(),
        scratch_bank=_bank_of(scratch, scratch.is_null),
        scratch_offset=0 if scratch.is_null else scratch.get("offset").integer(),
        sources=tuple(_source(source) for source in node.get("sources").items()),
    )


def _source(node: _Node) -> Source:
    nowhere = not node.get("constant").is_null or node.get("pushed").flag()
    return _record(Source, node, bank=_bank_of(node, nowhere))


def _require_consistent(certificate: Certificate) -> None:
    """What later stages rely on: names that exist, positions within their lists, one source for every read."""
    if sum(tensor.bytes for tensor in certificate.tensors.values()) > MOST_BYTES:
        raise NotACertificate(f"not a certificate of tinyc: its tensors have more than {MOST_BYTES} bytes.")
    _require_banks(certificate)
    for index, layer in enumerate(certificate.layers):
        if layer.index != index:
            raise NotACertificate(f"not a certificate of tinyc: layers[{index}] says that it is number {layer.index}.")
    for number, group in enumerate(certificate.groups):
        reason = _fault(certificate, group)
        if reason:
            raise NotACertificate(f"not a certificate of tinyc: schedule[{number}] {reason}.")


def _require_banks(certificate: Certificate) -> None:
    """Every place is in a bank that is listed, and there is one."""
    loops = [loop for group in certificate.groups for loop in group.loops]
    named = {port.bank for port in (*certificate.inputs, *certificate.outputs)}
    named |= {buffer.bank for buffer in certificate.buffers.values()} | {
        group.state_bank for group in certificate.groups
    }
    named |= {bank for loop in loops for bank in (loop.target.bank, loop.scratch_bank)}
    named |= {source.bank for loop in loops for source in loop.sources}
    unknown = sorted(named - certificate.banks.keys() - {""})
    if unknown or not certificate.banks:
        raise NotACertificate(f"not a certificate of tinyc: it lists no bank {unknown[0] if unknown else 'at all'}.")
    if sum(bank.bytes for bank in certificate.banks.values()) > MOST_BYTES:
        raise NotACertificate(f"not a certificate of tinyc: its banks have more than {MOST_BYTES} bytes.")


def _fault(certificate: Certificate, group: Group) -> str:
    """Why a group cannot be what it says, or nothing."""
    count = len(group.loops)
    positions = [*group.sinks]
    for loop in group.loops:
        positions += [writer for demand in loop.demands for writer in demand.writers]
        positions += [] if loop.resume is None else [loop.resume]
        if loop.layer >= len(certificate.layers):
            return f"runs layer {loop.layer}, which is not listed"
        inputs = len(certificate.layers[loop.layer].needs)
        if len(loop.sources) != inputs or any(len(tile.inputs) != inputs for tile in loop.tiles):
            return f"does not give layer {loop.layer} the inputs that it reads"
        if len(loop.tiles) != len(group.loops[0].tiles):
            return "has loops with different numbers of tiles"
    if count == 0 or any(position >= count for position in positions):
        return "refers to loops that it does not have"
    if not group.is_region and (count > 1 or group.state is not None or group.loops[0].tiles):
        return "is no region, but has what only regions have"
    return ""
