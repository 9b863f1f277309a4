"""Plan -> Program: bind every step's kernel to its constants and resolve every address."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinyc.ir import Tensor, Window
from tinyc.ir.types import Array
from tinyc.kernels.catalogue import compact
from tinyc.kernels.contract import CArray, Extent, PaddingRows, Strides
from tinyc.lower.program import ARENA, Arena, Constant, Demand, Layer, Loop, LoopTile, Port, Program, RegionLoop, Source
from tinyc.plan import Direction, Group, Mode, Plan, Step, View
from tinyc.plan.candidates import writers
from tinyc.plan.regions import Tile

ARENA_ALIGN = 16
PUSHED_ROW = "pushed"
"""The C parameter that points to the row that the caller pushes."""


def lower(plan: Plan, *, model_name: str, sha256: str, share: bool = False) -> Program:
    """`share`: the smaller program, whose kernels are compact where they can be, and whose layers of one kernel call one copy of it;
    otherwise each layer has its own (faster).
    """
    if share:
        plan = replace(plan, steps=tuple(replace(s, kernel=compact(s.kernel, s.op, s.operands)) for s in plan.steps))
    prefix = c_identifier(model_name)
    pool = _Pool(prefix)
    used = Counter(step.kernel.name for step in plan.steps if not step.kernel.outlined)
    shared = frozenset(name for name, count in used.items() if share and count > 1)
    groups = tuple(_group(plan, pool, number, group, shared) for number, group in enumerate(plan.groups))
    return Program(
        plan=plan,
        prefix=prefix,
        model_name=model_name,
        sha256=sha256,
        constants=tuple(pool.constants),
        groups=groups,
        inputs=tuple(_port(plan, name) for name in plan.graph.inputs),
        outputs=tuple(_port(plan, name) for name in plan.graph.outputs),
        arenas=_arenas(plan),
        arena_align=ARENA_ALIGN,
    )


def _arenas(plan: Plan) -> tuple[Arena, ...]:
    sizes = zip(plan.placement.banks, plan.bank_bytes, strict=True)
    return tuple(
        Arena(
            name=_arena_name(plan, number),
            bank=bank,
            bytes=-(-max(size, 1) // 4) * 4,
            room=plan.placement.rooms.get(bank),
        )
        for number, (bank, size) in enumerate(sizes)
    )


def _arena_name(plan: Plan, bank: int) -> str:
    """`arena`, or where there are several, with the bank's name."""
    banks = plan.placement.banks
    return ARENA if len(banks) == 1 else f"{ARENA}_{c_identifier(banks[bank])}"


def _arena(plan: Plan, buffer: str) -> str:
    """The name of the arena that holds a buffer."""
    return _arena_name(plan, plan.placement.bank(buffer))


def c_identifier(name: str) -> str:
    """A lower-case C identifier made of a model's file name."""
    identifier = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "model"
    return f"m_{identifier}" if identifier[0].isdigit() else identifier


@dataclass(slots=True)
class _Pool:
    """The constants so far; equal padding rows and equal constant inputs are kept once."""

    prefix: str
    constants: list[Constant] = field(default_factory=list)
    padding: dict[int, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, c_type: str, data: Array) -> str:
        symbol = f"{self.prefix}_{name}"
        self.constants.append(Constant(symbol=symbol, c_type=c_type, data=data))
        return symbol

    def padding_row(self, zero_point: int, size: int) -> str:
        """The symbol of at least `size` bytes of `zero_point`."""
        name = self.padding.get(zero_point)
        if name is None:
            name = self.add(f"padding_{len(self.padding)}", "int8_t", np.full(size, zero_point, np.int8))
            self.padding[zero_point] = name
        for index, constant in enumerate(self.constants):
            if constant.symbol == name and constant.elements < size:
                data = np.full(size, zero_point, np.int8)
                self.constants[index] = Constant(symbol=name, c_type="int8_t", data=data)
        return name

    def constant_input(self, tensor: Tensor) -> str:
        if tensor.name not in self.inputs:
            name = f"constant_{len(self.inputs)}"
            self.inputs[tensor.name] = self.add(name, tensor.dtype.c_type, tensor.values.reshape(-1))
        return self.inputs[tensor.name]


def _group(plan: Plan, pool: _Pool, number: int, group: Group, shared: frozenset[str]) -> Loop | RegionLoop:
    loops = [_loop(plan, pool, group, index, plan.steps[index].kernel.name in shared) for index in group.steps]
    if not group.is_region:
        return loops[0]
    demands = [_demands(plan, group, position) for position in range(len(loops))]
    return RegionLoop(
        index=number,
        loops=tuple(
            replace(
                loop,
                demands=wanted,
                resume=None if position in group.sinks else _resume(demands, position),
                tiles=tuple(_tile(plan, group, tile, position) for tile in group.tiles),
            )
            for position, (loop, wanted) in enumerate(zip(loops, demands, strict=True))
        ),
        sinks=group.sinks,
        descending=group.direction is Direction.DESCENDING,
        state_offset=None if group.state is None else plan.placement.offsets[group.state],
        state_arena=ARENA if group.state is None else _arena(plan, group.state),
    )


def _tile(plan: Plan, group: Group, tile: tuple[Tile, ...], position: int) -> LoopTile:
    """A tile's ranges for the step at `position`; a ring stores the columns of its tile from its first on."""
    step, mine = plan.steps[group.steps[position]], tile[position]
    stored: dict[str, int] = {}
    for index, made in zip(group.steps, tile, strict=True):
        root = plan.steps[index].output.root
        stored[root] = min(made.x0, stored.get(root, made.x0))
    inputs = []
    for activation, view in zip(step.activations, step.inputs, strict=True):
        tensor = step.operands.input(activation)
        first = _first_column(step, activation, mine.x0) - _first_column(step, activation, 0)
        if view is not None and view.root in group.rings:
            first -= stored[view.root]
        inputs.append(first * _pixel_stride(tensor, view))
    x0 = mine.x0 - stored[step.output.root] if step.output.root in group.rings else mine.x0
    return LoopTile(
        first=mine.first,
        end=mine.end,
        x0=mine.x0,
        x1=mine.x1,
        out=x0 * step.output.pixel_stride,
        inputs=tuple(inputs),
    )


def _first_column(step: Step, activation: int, x0: int) -> int:
    """The first input column that output columns from `x0` on need: where row pointers go."""
    rule = step.op.column_rule(step.operands, activation)
    return min(max(rule.lo(x0), 0), step.operands.input(activation).hwc[1]) if isinstance(rule, Window) else 0


def _row_stride(plan: Plan, group: Group, view: View) -> int:
    """Bytes from one stored row to the next: a ring of a region in tiles keeps some columns only."""
    if view.root not in group.widths:
        return view.row_stride
    root = plan.graph.tensors[view.root]
    return group.widths[view.root] * root.hwc[2] * root.dtype.bytes


def _loop(plan: Plan, pool: _Pool, group: Group, index: int, shared: bool) -> Loop:
    step = plan.steps[index]
    layer = Layer(
        index=index,
        name=step.name,
        op=step.op.kind,
        symbol=f"{pool.prefix}_l{index:02d}",
        kernel=step.kernel,
        fields=_fields(pool, f"l{index:02d}", step),
        shared=shared,
        scratch_bytes=step.scratch_bytes,
        tensor=step.operands.output,
        macs=step.op.macs(step.operands),
        arena_live_bytes=plan.live_bytes(index),
    )
    scratch = plan.scratch(index)
    sources = tuple(
        _source(plan, pool, group, step, position, view)
        for position, view in zip(step.activations, step.inputs, strict=True)
    )
    if step.op.kept_rows is not None:
        sources = (*sources, _row_before(plan, step))
    return Loop(
        layer=layer,
        mode=group.mode,
        descending=group.direction is Direction.DESCENDING,
        sources=sources,
        offset=plan.offset(step.output),
        row_stride=_row_stride(plan, group, step.output),
        pixel_stride=step.output.pixel_stride,
        scratch_offset=None if scratch is None else plan.placement.offsets[scratch],
        ring=_ring(plan, group, step.output.root, layer.rows),
        pushed=step.pushed,
        arena=_arena(plan, step.output.root),
        scratch_arena=_arena(plan, scratch or step.output.root),
    )


def _row_before(plan: Plan, step: Step) -> Source:
    """The output row that was made before this one; null for the first."""
    return Source(
        offset=plan.offset(step.output),
        symbol=None,
        row_stride=step.output.row_stride,
        rows=step.operands.output.hwc[0],
        count=1,
        a=1,
        lo_offset=-1,
        ring=step.op.kept_rows,
        arena=_arena(plan, step.output.root),
    )


def _ring(plan: Plan, group: Group, root: str, rows: int) -> int | None:
    """The rows kept of a root within the group, None where all are."""
    kept = group.rings.get(root, plan.kept.get(root, rows))
    return kept if kept < rows else None


def _demands(plan: Plan, group: Group, position: int) -> tuple[Demand, ...]:
    """What a row of the region's step `position` needs from other steps of the region, in demand order."""
    chosen = [plan.steps[index] for index in group.steps]
    step = chosen[position]
    demands = []
    for read in group.reads[position]:
        makers = writers(chosen, position, read)
        if not makers:
            continue
        rule = step.op.row_rule(step.operands, step.activations[read])
        assert isinstance(rule, Window)
        demands.append(
            Demand(
                writers=makers,
                a=rule.a,
                offset=rule.lo_offset if group.direction is Direction.DESCENDING else rule.hi_offset,
                c=rule.c,
                rows=step.operands.input(step.activations[read]).hwc[0],
            )
        )
    return tuple(demands)


def _resume(demands: Sequence[tuple[Demand, ...]], position: int) -> int | None:
    """The only step that demands rows of `position`; None where there are several, or none."""
    takers = [taker for taker, wanted in enumerate(demands) for demand in wanted if position in demand.writers]
    return takers[0] if len(takers) == 1 else None


def _fields(pool: _Pool, prefix: str, step: Step) -> Mapping[str, int | str]:
    strides = Strides(
        inputs=tuple(
            _pixel_stride(step.operands.input(position), view)
            for position, view in zip(step.activations, step.inputs, strict=True)
        ),
        output=step.output.pixel_stride,
    )
    bound = step.kernel.bind(step.op, step.operands, strides)
    return {
        name: pool.add(f"{prefix}_{_constant_name(name)}", value.c_type, value.data)
        if isinstance(value, CArray)
        else int(value)
        for name, value in bound.fields.items()
    }


def _constant_name(field: str) -> str:
    """The name of a constant array: of its field, and of the stage that it belongs to where there are several."""
    *structs, name = field.split(".")
    return name if not structs or structs[-1] == "products" else f"{structs[-1]}_{name}"


def _pixel_stride(tensor: Tensor, view: View | None) -> int:
    return tensor.hwc[2] * tensor.dtype.bytes if view is None else view.pixel_stride


def _source(plan: Plan, pool: _Pool, group: Group, step: Step, position: int, view: View | None) -> Source:
    tensor = step.operands.input(position)
    rows, columns, channels = tensor.hwc
    if step.pushed:
        return Source(offset=0, symbol=PUSHED_ROW, row_stride=0, rows=rows, count=1)
    symbol = pool.constant_input(tensor) if view is None else None
    offset = 0 if view is None else plan.offset(view)
    arena = ARENA if view is None else _arena(plan, view.root)
    row_stride = columns * channels * tensor.dtype.bytes if view is None else _row_stride(plan, group, view)
    rule = step.op.row_rule(step.operands, position)
    if group.mode is not Mode.ROWS or step.kernel.extent is Extent.WHOLE or not isinstance(rule, Window):
        ring = None if view is None else _ring(plan, group, view.root, rows)
        return Source(offset=offset, symbol=symbol, row_stride=row_stride, rows=rows, count=1, ring=ring, arena=arena)
    first_column = _first_column(step, position, 0)
    assert first_column == 0 or view is not None, "what selects columns of a constant is folded"
    source = Source(
        offset=offset + first_column * _pixel_stride(tensor, view),
        symbol=symbol,
        row_stride=row_stride,
        rows=rows,
        count=rule.count,
        a=rule.a,
        lo_offset=rule.lo_offset,
        c=rule.c,
        ring=None if view is None else _ring(plan, group, view.root, rows),
        arena=arena,
    )
    if step.kernel.padding_rows is PaddingRows.ABSENT or not source.may_leave(step.operands.output.hwc[0]):
        return source
    size = columns * _pixel_stride(tensor, view) + step.kernel.over_read
    return replace(source, padding=pool.padding_row(tensor.zero_point, size))


def _port(plan: Plan, name: str) -> Port:
    for step in plan.steps:
        if step.pushed and name in plan.graph.inputs:
            tensor = plan.graph.tensors[name]
            return Port(name=name, tensor=tensor, offset=None, rows=step.operands.output.hwc[0])
    view = plan.views[name]
    return Port(name=name, tensor=plan.graph.tensors[name], offset=plan.offset(view), arena=_arena(plan, view.root))
