"""ADD, SUB, MUL and tables on Helium."""

from __future__ import annotations

from collections.abc import Callable

from tinyc.ir import Op, Operands
from tinyc.kernels import lut
from tinyc.kernels.affine import affine
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.kernels.elementwise import accepts_long_row, accepts_row, steps
from tinyc.kernels.mve import MOST_SHIFT, STEP, on_helium
from tinyc.kernels.requantize import Ties, ties_of
from tinyc.ops import Add, Mul, Sub, activation_range
from tinyc.ops.scaling import product_multiplier

LANES = 4


def _accepts_channels(operands: Operands) -> bool:
    return all(operands.input(index).hwc[2] == operands.output.hwc[2] for index in (0, 1))


def _accepts_sum(op: Op, operands: Operands) -> bool:
    """Both inputs have the output's channels, and an exact affine form was found."""
    assert isinstance(op, (Add, Sub))
    return accepts_row(op, operands) and _accepts_channels(operands) and affine(op, operands) is not None


def _accepts_product(op: Op, operands: Operands) -> bool:
    """Both inputs have the output's channels; the shift is one that the vector's two roundings take."""
    assert isinstance(op, Mul)
    if not accepts_row(op, operands) or not _accepts_channels(operands):
        return False
    least = 1 if ties_of(op.activation, operands) is Ties.CORRECTED else 0
    return least <= -product_multiplier(operands).shift <= MOST_SHIFT


def _bind_sum(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, (Add, Sub))
    form = affine(op, operands)
    assert form is not None
    terms = {"term_0": form.factor_0, "term_1": form.factor_1, "offset": form.offset, "shift": -form.shift}
    return _bind(op, operands, strides, terms | {"ties": 0, "out_zero_point": 0})


def _bind_product(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Mul)
    by = product_multiplier(operands)
    terms = {f"term_{index}": -operands.input(index).zero_point for index in (0, 1)}
    terms |= {"offset": by.mantissa, "shift": by.shift, "out_zero_point": operands.output.zero_point}
    return _bind(op, operands, strides, terms | {"ties": int(ties_of(op.activation, operands) is Ties.CORRECTED)})


def _bind(op: Add | Sub | Mul, operands: Operands, strides: Strides, terms: dict[str, int]) -> Bound:
    by_name = steps(operands, strides)
    least, most = activation_range(op.activation, operands.output)
    fields = {name: by_name[name] for name in ("channels", "column_step_0", "column_step_1", "out_stride")}
    return Bound(fields=fields | terms | {"least": least, "most": most})


def _cost_sum(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * (50 + 13 * -(-columns * channels // LANES))


def _cost_product(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * (60 + 16 * -(-columns * channels // LANES))


def _cost_table(op: Op, operands: Operands) -> int:
    rows, columns, channels = operands.output.hwc
    return rows * (20 + 4 * -(-columns * channels // STEP))


def _long(accepts: Callable[[Op, Operands], bool]) -> Callable[[Op, Operands], bool]:
    """`accepts`, of tensors that may be taken as one row."""
    return lambda op, operands: accepts_long_row(op, operands) and accepts(op, operands)


_TABLES = tuple(on_helium(kernel, cost=_cost_table, outlined=False) for kernel in lut.KERNELS)

KERNELS: tuple[Kernel, ...] = (
    *(
        Kernel(
            name=name,
            isa=Isa.MVE,
            op=op,
            header="mve/elementwise_s8.h",
            struct="tinyc_elementwise_s8_mve",
            accepts=accepts if extent is Extent.ROW else _long(accepts),
            bind=bind,
            cost=cost,
            extent=extent,
            in_place=True,
            outlined=True,
        )
        for extent in (Extent.LONG_ROW, Extent.ROW)
        for name, op, accepts, bind, cost in (
            ("add_s8__mve", Add, _accepts_sum, _bind_sum, _cost_sum),
            ("add_s8__mve", Sub, _accepts_sum, _bind_sum, _cost_sum),
            ("mul_s8__mve", Mul, _accepts_product, _bind_product, _cost_product),
        )
    ),
    *_TABLES,
)
