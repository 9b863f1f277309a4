"""Plan -> Program: bind every step's kernel to its constants and resolve every address."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyc.ir import Tensor, Window
from tinyc.ir.types import Array
from tinyc.kernels.contract import CArray, Extent, PaddingRows, Strides
from tinyc.lower.program import Constant, Layer, Loop, Port, Program, Source
from tinyc.plan import Direction, Mode, Plan, Step, View

ARENA_ALIGN = 16


def lower(plan: Plan, *, model_name: str, sha256: str, share: bool = False) -> Program:
    """`share`: layers of one kernel call one copy of it (smaller); otherwise each has its own (faster)."""
    prefix = c_identifier(model_name)
    pool = _Pool(prefix)
    used = Counter(step.kernel.name for step in plan.steps)
    loops = tuple(_loop(plan, pool, index, step, share and used[step.kernel.name] > 1) for index, step in enumerate(plan.steps))
    return Program(
        plan=plan,
        prefix=prefix,
        model_name=model_name,
        sha256=sha256,
        constants=tuple(pool.constants),
        loops=loops,
        inputs=tuple(_port(plan, name) for name in plan.graph.inputs),
        outputs=tuple(_port(plan, name) for name in plan.graph.outputs),
        arena_bytes=-(-max(plan.arena_bytes, 1) // 4) * 4,
        arena_align=ARENA_ALIGN,
    )


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


def _loop(plan: Plan, pool: _Pool, index: int, step: Step, shared: bool) -> Loop:
    symbol = f"{pool.prefix}_l{index:02d}"
    layer = Layer(
        index=index,
        name=step.name,
        op=step.op.kind,
        symbol=symbol,
        kernel=step.kernel,
        fields=_fields(pool, f"l{index:02d}", step),
        shared=shared,
        scratch_bytes=step.kernel.scratch(step.op, step.operands),
        tensor=step.operands.output,
        macs=step.op.macs(step.operands),
        arena_live_bytes=plan.live_bytes(index),
    )
    sources = tuple(
        _source(plan, pool, step, position, view) for position, view in zip(step.activations, step.inputs, strict=True)
    )
    return Loop(
        layer=layer,
        mode=step.mode,
        descending=step.direction is Direction.DESCENDING,
        sources=sources,
        offset=plan.offset(step.output),
        row_stride=step.output.row_stride,
        pixel_stride=step.output.pixel_stride,
        scratch_offset=None if step.scratch is None else plan.placement.offsets[step.scratch],
    )


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
        name: pool.add(f"{prefix}_{name}", value.c_type, value.data) if isinstance(value, CArray) else int(value)
        for name, value in bound.fields.items()
    }


def _pixel_stride(tensor: Tensor, view: View | None) -> int:
    return tensor.hwc[2] * tensor.dtype.bytes if view is None else view.pixel_stride


def _source(plan: Plan, pool: _Pool, step: Step, position: int, view: View | None) -> Source:
    tensor = step.operands.input(position)
    rows, columns, channels = tensor.hwc
    symbol = pool.constant_input(tensor) if view is None else None
    offset = 0 if view is None else plan.offset(view)
    row_stride = columns * channels * tensor.dtype.bytes if view is None else view.row_stride
    rule = step.op.row_rule(step.operands, position)
    if step.mode is not Mode.ROWS or step.kernel.extent is Extent.WHOLE or not isinstance(rule, Window):
        return Source(offset=offset, symbol=symbol, row_stride=row_stride, rows=rows, count=1)
    source = Source(
        offset=offset,
        symbol=symbol,
        row_stride=row_stride,
        rows=rows,
        count=rule.hi(0) - rule.lo(0),
        a=rule.a,
        lo_offset=rule.lo_offset,
        c=rule.c,
    )
    if step.kernel.padding_rows is PaddingRows.ABSENT or not source.may_leave(step.operands.output.hwc[0]):
        return source
    size = columns * _pixel_stride(tensor, view) + step.kernel.over_read
    return replace(source, padding=pool.padding_row(tensor.zero_point, size))


def _port(plan: Plan, name: str) -> Port:
    view = plan.views[name]
    return Port(name=name, tensor=plan.graph.tensors[name], offset=plan.offset(view))
