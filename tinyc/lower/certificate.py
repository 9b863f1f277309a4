"""A Program's certificate: everything that must be true of the plan, so that `tinyc check` can replay it without the planner.

Three parts that must agree: what the model means (tensors, layers, the rows that each output row needs), what the firmware does (the
loops and addresses that `emit` prints), and what the planner claims (buffers, live ranges, the lower bound).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tinyc.ir import Operation, Tensor, Window
from tinyc.ir.op import RowRule
from tinyc.kernels.contract import Extent, PaddingRows
from tinyc.lower.lower import PUSHED_ROW
from tinyc.lower.program import Demand, Loop, LoopTile, Port, Program, RegionLoop, Source
from tinyc.ops import Concatenation, Reshape
from tinyc.plan import Mode, Step, View
from tinyc.plan.bounds import STATE, scratch_name, state_bytes
from tinyc.plan.place import ALIGNMENT, lower_bound

FORMAT = "tinyc certificate"
VERSION = 3
MODES = {Mode.ROWS: "rows", Mode.LONG_ROW: "long row", Mode.WHOLE: "whole"}
EXTENTS = {Extent.ROW: "row", Extent.LONG_ROW: "long row", Extent.WHOLE: "whole"}
PADDING_ROWS = {PaddingRows.ABSENT: "null pointer", PaddingRows.ZERO_POINT: "zero points"}
Document = dict[str, Any]


def certificate_text(program: Program) -> str:
    """The certificate as JSON text: the same bytes for the same program."""
    return json.dumps(certificate(program), indent=1) + "\n"


def certificate(program: Program) -> Document:
    """The certificate as JSON values, keys in a fixed order."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": {"name": program.model_name, "sha256": program.sha256},
        "banks": _banks(program),
        "claims": _claims(program),
        "inputs": [_port(program, port) for port in program.inputs],
        "outputs": [_port(program, port) for port in program.outputs],
        "tensors": [_tensor(tensor, made_by) for tensor, made_by in _tensors(program)],
        "constants": list(_constants(program)),
        "buffers": _buffers(program),
        "overlaps": [
            {
                "source": overlap.source,
                "target": overlap.target,
                "ascending": overlap.distance.ascending,
                "descending": overlap.distance.descending,
            }
            for overlap in program.plan.problem.overlaps
        ],
        "layers": [_layer(program, loop) for loop in sorted(program.loops, key=lambda loop: loop.layer.index)],
        "schedule": [_group(program, group) for group in program.groups],
    }


def _claims(program: Program) -> Document:
    """What the planner says of its plan; the bound comes from the fullest tick, or from the solver's proof."""
    placement, searched = program.plan.placement, program.plan.searched
    bound = lower_bound(program.plan.as_run, banks=len(placement.banks))
    return {
        "placement_bytes": placement.bytes,
        "buffer_align": ALIGNMENT,
        "lower_bound_bytes": placement.lower_bound,
        "lower_bound_from": "live buffers" if placement.lower_bound == bound else "solver",
        "placement_optimal": placement.optimal,
        "search_exhaustive": searched is not None and searched.exhaustive,
        "extra_macs": program.plan.extra_macs,
    }


def _banks(program: Program) -> list[Document]:
    """The blocks of memory that the program works in; `room` is what the board has there, null where the plan is for none."""
    plan = program.plan
    return [
        {
            "name": arena.bank,
            "bytes": arena.bytes,
            "align": program.arena_align,
            "room": arena.room,
            "placement_bytes": max(
                (
                    plan.placement.offsets[buffer.name] + buffer.bytes
                    for buffer in plan.problem.buffers
                    if plan.placement.bank(buffer.name) == number
                ),
                default=0,
            ),
        }
        for number, arena in enumerate(program.arenas)
    ]


def _port(program: Program, port: Port) -> Document:
    bank = None if port.offset is None else program.bank(port.arena)
    return {"tensor": port.name, "bank": bank, "offset": port.offset}


def _tensor(tensor: Tensor, made_by: str | Document) -> Document:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "element_bytes": tensor.dtype.bytes,
        "made_by": made_by,
    }


def _tensors(program: Program) -> Iterator[tuple[Tensor, str | Document]]:
    """Every activation, in an order in which they can be made; reshapes and concatenations that no layer copies are the same values."""
    graph = program.plan.graph
    made = {step.operands.output.name: step for step in program.plan.steps}
    for name in graph.inputs:
        yield graph.tensors[name], "input"
    for operation in graph.operations:
        output = graph.tensors[operation.outputs[0]]
        if output.name in made:
            yield output, "layer"
        elif isinstance(operation.op, Reshape) and operation.inputs[0] is not None:
            yield output, {"reshape": operation.inputs[0]}
        elif isinstance(operation.op, Concatenation):
            yield from _concatenated(operation, operation.op.axis, output, made)
        else:
            raise AssertionError(f"no layer makes {output.name}")


def _concatenated(
    operation: Operation, axis: int, output: Tensor, made: Mapping[str, Step]
) -> Iterator[tuple[Tensor, str | Document]]:
    """The copies that layers make of some pieces, then the whole."""
    pieces = []
    for number, name in enumerate(operation.inputs):
        copied = made.get(f"{output.name}:{number}")
        pieces.append(name if copied is None else copied.operands.output.name)
        if copied is not None:
            yield copied.operands.output, "layer"
    yield output, {"concatenation": pieces, "axis": axis % len(output.shape)}


def _constants(program: Program) -> Iterator[Document]:
    """The arrays that row pointers may point to; `fill` where every byte has one value, as in a row of padding."""
    sources = [source for loop in program.loops for source in loop.sources]
    used = {symbol for source in sources for symbol in (source.symbol, source.padding) if symbol is not None}
    for constant in program.constants:
        if constant.symbol in used:
            stored = constant.data.tobytes()
            fill = constant.data.reshape(-1)[0].item() if len(set(stored)) == 1 else None
            yield {"symbol": constant.symbol, "bytes": len(stored), "fill": fill}


def _buffers(program: Program) -> list[Document]:
    """Every buffer with its lives, [first, last] ticks: a layer by itself takes a tick, a region one a call."""
    placement = program.plan.placement
    return [
        {
            "name": b.name,
            "bank": placement.banks[placement.bank(b.name)],
            "offset": placement.offsets[b.name],
            "bytes": b.bytes,
            "lives": [list(span) for span in b.lives],
        }
        for b in program.plan.as_run.buffers
    ]


def _layer(program: Program, loop: Loop) -> Document:
    """What one call of the layer's kernel reads and writes, whatever the schedule."""
    layer, kernel = loop.layer, loop.layer.kernel
    step = program.plan.steps[layer.index]
    return {
        "index": layer.index,
        "name": layer.name,
        "op": layer.op,
        "kernel": kernel.name,
        "extent": EXTENTS[kernel.extent],
        "in_place": kernel.in_place,
        "padding_rows": PADDING_ROWS[kernel.padding_rows],
        "over_read": kernel.over_read,
        "scratch_bytes": layer.scratch_bytes,
        "macs": layer.macs,
        "output": _seen(layer.tensor),
        "reads": list(_reads(step, loop)),
    }


def _seen(tensor: Tensor) -> Document:
    """A tensor as a kernel sees it."""
    rows, columns, channels = tensor.hwc
    return {"tensor": tensor.name, "rows": rows, "columns": columns, "pixel_bytes": channels * tensor.dtype.bytes}


def _reads(step: Step, loop: Loop) -> Iterator[Document]:
    """What each output row needs, by the operator's own rules; last, for a layer that goes on from its row before, that row."""
    for position, source in zip(step.activations, loop.sources, strict=False):
        tensor = step.operands.input(position)
        rows, columns = step.op.row_rule(step.operands, position), step.op.column_rule(step.operands, position)
        by_rows = isinstance(rows, Window) and step.kernel.extent is not Extent.WHOLE
        per_tensor = tensor.quantization is not None and tensor.quantization.axis is None
        yield {
            **_seen(tensor),
            "tensor": None if tensor.is_constant else tensor.name,
            "constant": _constant(source),
            "zero_point": tensor.zero_point if per_tensor else None,
            "row_window": _window(rows) if by_rows else "whole",
            "column_window": _window(columns) if by_rows else "whole",
        }
    if step.op.kept_rows is not None:
        row_before = _window(Window(a=1, lo_offset=-1, hi_offset=0))
        own = {**_seen(step.operands.output), "constant": None, "zero_point": None}
        yield {**own, "row_window": row_before, "column_window": "whole"}


def _constant(source: Source) -> str | None:
    return None if source.symbol == PUSHED_ROW else source.symbol


def _window(rule: RowRule) -> Document | str:
    if not isinstance(rule, Window):
        return "whole"
    return {"a": rule.a, "lo_offset": rule.lo_offset, "hi_offset": rule.hi_offset, "c": rule.c}


def _group(program: Program, group: Loop | RegionLoop) -> Document:
    loops = group.loops if isinstance(group, RegionLoop) else (group,)
    number = next(n for n, each in enumerate(program.plan.groups) if loops[0].layer.index in each.steps)
    return {
        "form": "region" if isinstance(group, RegionLoop) else "layer",
        "sinks": list(group.sinks) if isinstance(group, RegionLoop) else [0],
        "direction": _direction(group),
        "ticks": program.plan.groups[number].ticks,
        "state": _state(program, group) if isinstance(group, RegionLoop) else None,
        "loops": [_loop(program, number, loop) for loop in loops],
    }


def _state(program: Program, region: RegionLoop) -> Document | None:
    """Where a region that takes the input by rows counts the rows that it has made."""
    if region.state_offset is None:
        return None
    bank, size = program.bank(region.state_arena), state_bytes(len(region.loops))
    return {"buffer": STATE, "bank": bank, "offset": region.state_offset, "bytes": size}


def _direction(group: Loop | RegionLoop) -> str:
    return "descending" if group.descending else "ascending"


def _loop(program: Program, number: int, loop: Loop) -> Document:
    """The loop form: what the generated C does, as it is printed."""
    step = program.plan.steps[loop.layer.index]
    bank = program.bank(loop.scratch_arena)
    scratch = {"buffer": scratch_name(loop.layer.index), "bank": bank, "offset": loop.scratch_offset}
    return {
        "layer": loop.layer.index,
        "mode": MODES[loop.mode],
        "output": {
            "buffer": step.output.root,
            "bank": program.bank(loop.arena),
            "offset": loop.offset,
            "row_stride": loop.row_stride,
            "pixel_stride": loop.pixel_stride,
            "ring": loop.ring,
        },
        "scratch": None if loop.scratch_offset is None else scratch,
        "sources": [
            _source(
                program, step, source, position, step.output if position == len(step.inputs) else step.inputs[position]
            )
            for position, source in enumerate(loop.sources)
        ],
        "demands": [_demand(demand) for demand in loop.demands],
        "tiles": [_tile(tile) for tile in loop.tiles],
        "resume": loop.resume,
    }


def _source(program: Program, step: Step, source: Source, position: int, view: View | None) -> Document:
    """The pointers of one input: pointer k of row r is row floor((a*r + lo_offset) / c) + k, or `padding` outside [0, rows)."""
    own_row = position == len(step.inputs)
    tensor = step.operands.output if own_row else step.operands.input(step.activations[position])
    return {
        "buffer": None if view is None else view.root,
        "bank": None if source.symbol is not None else program.bank(source.arena),
        "constant": _constant(source),
        "pushed": source.symbol == PUSHED_ROW,
        "offset": source.offset,
        "row_stride": source.row_stride,
        "pixel_stride": tensor.hwc[2] * tensor.dtype.bytes if view is None else view.pixel_stride,
        "rows": source.rows,
        "ring": source.ring,
        "a": source.a,
        "lo_offset": source.lo_offset,
        "c": source.c,
        "count": source.count,
        "padding": source.padding,
    }


def _tile(tile: LoopTile) -> Document:
    """What the layer makes in one tile, and the bytes from the start of stored rows to the first columns that a call touches."""
    return {
        "first": tile.first,
        "end": tile.end,
        "x0": tile.x0,
        "x1": tile.x1,
        "out": tile.out,
        "inputs": list(tile.inputs),
    }


def _demand(demand: Demand) -> Document:
    return {
        "writers": list(demand.writers),
        "a": demand.a,
        "offset": demand.offset,
        "c": demand.c,
        "rows": demand.rows,
    }
