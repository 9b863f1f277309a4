"""ADD, SUB and MUL kernels: two inputs, broadcast along rows, columns or channels, either possibly constant."""

from __future__ import annotations

from tinyc.ir import ALL_ROWS, Op, Operands
from tinyc.ir.types import DType
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.ops import Add, Mul, Sub, activation_range
from tinyc.ops.scaling import add_multipliers, product_multiplier, sub_multipliers


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


def _bind_sum(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Add | Sub)
    a, b, output = operands.input(0), operands.input(1), operands.output
    by = add_multipliers(operands) if isinstance(op, Add) else sub_multipliers(operands)
    least, most = activation_range(op.activation, output)
    return Bound(
        fields=_steps(operands, strides)
        | {
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
    )


def _bind_product(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Mul)
    a, b, output = operands.input(0), operands.input(1), operands.output
    by = product_multiplier(operands)
    least, most = activation_range(op.activation, output)
    return Bound(
        fields=_steps(operands, strides)
        | {
            "zero_0": a.zero_point,
            "zero_1": b.zero_point,
            "out_zero": output.zero_point,
            "multiplier": by.mantissa,
            "shift": by.shift,
            "least": least,
            "most": most,
        }
    )


def _sum_cost(op: Op, operands: Operands) -> int:
    return 60 * operands.output.elements


def _product_cost(op: Op, operands: Operands) -> int:
    return 30 * operands.output.elements


KERNELS: tuple[Kernel, ...] = tuple(
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
