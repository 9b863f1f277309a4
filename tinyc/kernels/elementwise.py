"""ADD, SUB and MUL kernels: two inputs, broadcast along rows, columns or channels, either possibly constant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.ops import Add, Mul, Sub, activation_range
from tinyc.ops.scaling import product_multiplier, sum_multipliers

OUTER_AXES = 3
"""Loops that a kernel for whole tensors has around its rows."""


def _is_int8(operands: Operands) -> bool:
    return all(tensor.dtype is DType.INT8 for tensor in (operands.input(0), operands.input(1), operands.output))


def accepts_row(op: Op, operands: Operands) -> bool:
    """Each input's rows, columns and channels are the output's, or one."""
    rules = [rule(operands, index) for rule in (op.row_rule, op.column_rule) for index in (0, 1)]
    channels = {operands.input(index).hwc[2] for index in (0, 1)}
    return _is_int8(operands) and ALL_ROWS not in rules and channels <= {1, operands.output.hwc[2]}


def accepts_long_row(op: Op, operands: Operands) -> bool:
    """Each input has the output's pixels, or one pixel."""
    pixels = {operands.input(index).hwc[:2] for index in (0, 1)}
    return accepts_row(op, operands) and pixels <= {(1, 1), operands.output.hwc[:2]}


def steps(operands: Operands, strides: Strides) -> dict[str, int]:
    """The channels, and the bytes from column to column and from channel to channel of each input: 0 where it repeats."""
    rows, columns, channels = operands.output.hwc
    fields = {"channels": channels}
    for index in (0, 1):
        own_rows, own_columns, own_channels = operands.input(index).hwc
        repeated = own_columns == 1 and (own_rows, own_columns) != (rows, columns)
        fields[f"column_step_{index}"] = 0 if repeated else strides.inputs[index]
        fields[f"channel_step_{index}"] = int(own_channels == channels)
    return fields | {"out_stride": strides.output}


class Axis(NamedTuple):
    """An axis of the output and the bytes from one index to the next in each input."""

    times: int
    step_0: int
    step_1: int

    def continues(self, inner: Axis) -> bool:
        return (self.step_0, self.step_1) == (inner.times * inner.step_0, inner.times * inner.step_1)


def _axes(operands: Operands) -> list[Axis]:
    """The output's axes, those that continue one another merged."""
    shape = operands.output.shape
    merged: list[Axis] = []
    for axis in reversed([Axis(*entry) for entry in zip(shape, *_byte_steps(operands), strict=True) if entry[0] > 1]):
        if merged and axis.continues(merged[0]):
            merged[0] = merged[0]._replace(times=axis.times * merged[0].times)
        else:
            merged.insert(0, axis)
    return merged


def _byte_steps(operands: Operands) -> Iterator[list[int]]:
    rank = len(operands.output.shape)
    for index in (0, 1):
        shape = (1,) * (rank - len(operands.input(index).shape)) + operands.input(index).shape
        yield [0 if shape[axis] == 1 else math.prod(shape[axis + 1 :]) for axis in range(rank)]


def _accepts_whole(op: Op, operands: Operands) -> bool:
    return _is_int8(operands) and len(_axes(operands)) <= OUTER_AXES + 2


def _whole(operands: Operands, constants: dict[str, int]) -> Bound:
    axes = _axes(operands)
    *outer, columns, channels = [Axis(1, 0, 0)] * (OUTER_AXES + 2 - len(axes)) + axes
    fields = {f"outer.count_{index}": axis.times for index, axis in enumerate(outer)}
    fields |= {f"outer.step_{index}_of_0": axis.step_0 for index, axis in enumerate(outer)}
    fields |= {f"outer.step_{index}_of_1": axis.step_1 for index, axis in enumerate(outer)}
    fields |= {"outer.columns": columns.times, "outer.row_bytes": columns.times * channels.times}
    row = {
        "channels": channels.times,
        "column_step_0": columns.step_0,
        "channel_step_0": channels.step_0,
        "column_step_1": columns.step_1,
        "channel_step_1": channels.step_1,
        "out_stride": channels.times,
    }
    return Bound(fields=fields | {f"row.{name}": value for name, value in (row | constants).items()})


def _bind_sum(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(fields=steps(operands, strides) | _sum_constants(op, operands))


def _bind_sum_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _whole(operands, _sum_constants(op, operands))


def _bind_product(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(fields=steps(operands, strides) | _product_constants(op, operands))


def _bind_product_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _whole(operands, _product_constants(op, operands))


def _sum_constants(op: Op, operands: Operands) -> dict[str, int]:
    assert isinstance(op, Add | Sub)
    a, b, output = operands.input(0), operands.input(1), operands.output
    by = sum_multipliers(operands)
    least, most = activation_range(op.activation, output)
    return {
        "zero_0": a.zero_point,
        "multiplier_0": by.a.mantissa,
        "shift_0": by.a.shift,
        "zero_1": b.zero_point,
        "multiplier_1": by.b.mantissa,
        "shift_1": by.b.shift,
        "out_zero": output.zero_point,
        "multiplier": by.output.mantissa,
        "shift": by.output.shift,
        "least": least,
        "most": most,
    }


def _product_constants(op: Op, operands: Operands) -> dict[str, int]:
    assert isinstance(op, Mul)
    a, b, output = operands.input(0), operands.input(1), operands.output
    by = product_multiplier(operands)
    least, most = activation_range(op.activation, output)
    return {
        "zero_0": a.zero_point,
        "zero_1": b.zero_point,
        "out_zero": output.zero_point,
        "multiplier": by.mantissa,
        "shift": by.shift,
        "least": least,
        "most": most,
    }


def _sum_cost(op: Op, operands: Operands) -> int:
    return 60 * operands.output.elements


def _product_cost(op: Op, operands: Operands) -> int:
    return 30 * operands.output.elements


KERNELS: tuple[Kernel, ...] = (
    *(
        Kernel(
            name=name,
            isa=Isa.SCALAR,
            op=op,
            header=header,
            struct=struct,
            accepts=accepts,
            bind=bind,
            cost=cost,
            extent=extent,
            in_place=True,
        )
        for extent, accepts in ((Extent.LONG_ROW, accepts_long_row), (Extent.ROW, accepts_row))
        for name, op, header, struct, bind, cost in (
            ("add_s8__scalar", Add, "scalar/add_s8.h", "tinyc_add_s8", _bind_sum, _sum_cost),
            ("sub_s8__scalar", Sub, "scalar/add_s8.h", "tinyc_add_s8", _bind_sum, _sum_cost),
            ("mul_s8__scalar", Mul, "scalar/mul_s8.h", "tinyc_mul_s8", _bind_product, _product_cost),
        )
    ),
    *(
        Kernel(
            name=name,
            isa=Isa.SCALAR,
            op=op,
            header=header,
            struct=struct,
            accepts=_accepts_whole,
            bind=bind,
            cost=cost,
            extent=Extent.WHOLE,
        )
        for name, op, header, struct, bind, cost in (
            ("add_s8_whole__scalar", Add, "scalar/add_s8.h", "tinyc_add_s8_whole", _bind_sum_whole, _sum_cost),
            ("sub_s8_whole__scalar", Sub, "scalar/add_s8.h", "tinyc_add_s8_whole", _bind_sum_whole, _sum_cost),
            ("mul_s8_whole__scalar", Mul, "scalar/mul_s8.h", "tinyc_mul_s8_whole", _bind_product_whole, _product_cost),
        )
    ),
)
