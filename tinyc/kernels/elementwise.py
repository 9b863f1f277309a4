"""ADD, SUB and MUL kernels: two inputs, broadcast along rows, columns or channels, either possibly constant."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.kernels.requantize import MOST_SHIFT
from tinyc.ops import Add, Mul, Sub, activation_range
from tinyc.ops.arithmetic import Integers
from tinyc.ops.scaling import product_multiplier, sum_multipliers

OUTER_AXES = 3
"""Loops that a kernel for whole tensors has around its rows."""
BYTE_VALUES = np.arange(-128, 128, dtype=np.int64)


def _is_int8(operands: Operands) -> bool:
    return all(tensor.dtype is DType.INT8 for tensor in (operands.input(0), operands.input(1), operands.output))


def _accepts_row(op: Op, operands: Operands) -> bool:
    """Each input's rows, columns and channels are the output's, or one."""
    rules = [rule(operands, index) for rule in (op.row_rule, op.column_rule) for index in (0, 1)]
    channels = {operands.input(index).hwc[2] for index in (0, 1)}
    return _is_int8(operands) and ALL_ROWS not in rules and channels <= {1, operands.output.hwc[2]}


def _accepts_long_row(op: Op, operands: Operands) -> bool:
    """Each input has the output's pixels, or one pixel."""
    pixels = {operands.input(index).hwc[:2] for index in (0, 1)}
    return _accepts_row(op, operands) and pixels <= {(1, 1), operands.output.hwc[:2]}


def _steps(operands: Operands, strides: Strides) -> dict[str, int]:
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
    return Bound(fields=_steps(operands, strides) | _sum_constants(op, operands))


def _bind_sum_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _whole(operands, _sum_constants(op, operands))


def _bind_product(op: Op, operands: Operands, strides: Strides) -> Bound:
    return Bound(fields=_steps(operands, strides) | _product_constants(op, operands))


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


# --- sums as an affine form on Armv7E-M ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """(((factor_0 * (a << 8)) >> 16) + ((factor_1 * (b << 8)) >> 16) + offset) >> shift."""

    factor_0: int
    factor_1: int
    offset: int
    shift: int


@lru_cache(maxsize=256)
def affine(op: Add | Sub, operands: Operands) -> Affine | None:
    """An affine form that, clamped, equals the operator on every pair of inputs; None where none was found.

    The forms tried differ in their fractional bits.  Given the factors, each pair of inputs bounds the offset from both
    sides (from one where the output is clamped); any offset within all the bounds is exact.
    """
    expected = _every_pair(op, operands)
    least, most = activation_range(op.activation, operands.output)
    for shift in (22, 21, 20, 19):
        factors = _affine_factors(op, operands, shift)
        if max(map(abs, factors)) >= 2**31:
            continue
        left, right = ((factor * (BYTE_VALUES << 8)) >> 16 for factor in factors)
        products = left[:, None] + right[None, :]
        lowest = np.where(expected > least, (expected << shift) - products, -(2**40)).max()
        highest = np.where(expected < most, ((expected + 1) << shift) - 1 - products, 2**40).min()
        offset = int(np.clip((lowest + highest) // 2, -(2**30), 2**30))
        if lowest <= offset <= highest and np.abs(products).max() + abs(offset) < 2**31:
            return Affine(factor_0=factors[0], factor_1=factors[1], offset=offset, shift=shift)
    return None


def _affine_factors(op: Add | Sub, operands: Operands, shift: int) -> tuple[int, int]:
    a, b, output = operands.input(0), operands.input(1), operands.output
    sign = -1 if isinstance(op, Sub) else 1
    unit = 2.0 ** (shift + 8) / output.scale
    return round(a.scale * unit), round(sign * b.scale * unit)


def _every_pair(op: Add | Sub, operands: Operands) -> Integers:
    """The output for every value of a (rows) and b (columns)."""
    a = replace(operands.input(0), shape=(256, 1), data=None)
    b = replace(operands.input(1), shape=(1, 256), data=None)
    every = Operands(inputs=(a, b), outputs=(replace(operands.output, shape=(256, 256)),))
    values = BYTE_VALUES.astype(np.int8)
    return op.evaluate(every, (values[:, None], values[None, :]))[0].astype(np.int64)


def _accepts_affine(op: Op, operands: Operands) -> bool:
    """Both inputs have the output's channels, and an exact affine form was found."""
    assert isinstance(op, Add | Sub)
    channels = operands.output.hwc[2]
    if not _accepts_row(op, operands) or any(operands.input(index).hwc[2] != channels for index in (0, 1)):
        return False
    return affine(op, operands) is not None


def _accepts_affine_long_row(op: Op, operands: Operands) -> bool:
    return _accepts_long_row(op, operands) and _accepts_affine(op, operands)


def _bind_affine(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Add | Sub)
    form = affine(op, operands)
    assert form is not None
    steps = _steps(operands, strides)
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={name: steps[name] for name in ("channels", "column_step_0", "column_step_1", "out_stride")}
        | {
            "factor_0": form.factor_0,
            "factor_1": form.factor_1,
            "offset": form.offset,
            "shift": form.shift,
            "least": least,
            "most": most,
        }
    )


def _affine_cost(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return 6 * rows * columns * channels + 20 * rows


# --- products on Armv7E-M -----------------------------------------------------------------------------------------------


def _accepts_product_dsp(op: Op, operands: Operands) -> bool:
    """Both inputs have the output's channels; the shift is one that the five-instruction requantization takes."""
    assert isinstance(op, Mul)
    channels = operands.output.hwc[2]
    if not _accepts_row(op, operands) or any(operands.input(index).hwc[2] != channels for index in (0, 1)):
        return False
    return int(_has_ties(op, operands)) <= -product_multiplier(operands).shift <= MOST_SHIFT


def _accepts_product_dsp_long_row(op: Op, operands: Operands) -> bool:
    return _accepts_long_row(op, operands) and _accepts_product_dsp(op, operands)


def _has_ties(op: Mul, operands: Operands) -> bool:
    """Whether something negative survives the activation."""
    return activation_range(op.activation, operands.output)[0] < operands.output.zero_point


def _bind_product_dsp(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Mul)
    steps = _steps(operands, strides)
    by = product_multiplier(operands)
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={name: steps[name] for name in ("channels", "column_step_0", "column_step_1", "out_stride")}
        | {
            "zero_0": operands.input(0).zero_point,
            "zero_1": operands.input(1).zero_point,
            "multiplier": by.mantissa,
            "offset": (1 << -by.shift >> 1) + operands.output.zero_point * (1 << -by.shift),
            "shift": -by.shift,
            "ties": int(_has_ties(op, operands)),
            "least": least,
            "most": most,
        }
    )


def _product_dsp_cost(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return 10 * rows * columns * channels + 20 * rows


KERNELS: tuple[Kernel, ...] = (
    tuple(
        Kernel(
            name="add_s8__dsp",
            isa=Isa.DSP,
            op=op,
            header="dsp/add_s8.h",
            struct="tinyc_add_s8_dsp",
            accepts=accepts,
            bind=_bind_affine,
            cost=_affine_cost,
            extent=extent,
            in_place=True,
        )
        for extent, accepts in ((Extent.LONG_ROW, _accepts_affine_long_row), (Extent.ROW, _accepts_affine))
        for op in (Add, Sub)
    )
    + tuple(
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
        for extent, accepts in ((Extent.LONG_ROW, _accepts_long_row), (Extent.ROW, _accepts_row))
        for name, op, header, struct, bind, cost in (
            ("add_s8__scalar", Add, "scalar/add_s8.h", "tinyc_add_s8", _bind_sum, _sum_cost),
            ("sub_s8__scalar", Sub, "scalar/add_s8.h", "tinyc_add_s8", _bind_sum, _sum_cost),
            ("mul_s8__scalar", Mul, "scalar/mul_s8.h", "tinyc_mul_s8", _bind_product, _product_cost),
        )
    )
    + tuple(
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
    )
)
