"""ADD, SUB and MUL on Armv7E-M: four elements at a time, of inputs that have the output's channels."""

from __future__ import annotations

from tinyc.ir import Op, Operands
from tinyc.kernels.affine import affine
from tinyc.kernels.contract import Bound, Extent, Isa, Kernel, Strides
from tinyc.kernels.elementwise import accepts_long_row, accepts_row, steps
from tinyc.kernels.requantize import MOST_SHIFT
from tinyc.ops import Add, Mul, Sub, activation_range
from tinyc.ops.scaling import product_multiplier


def _accepts_affine(op: Op, operands: Operands) -> bool:
    """Both inputs have the output's channels, and an exact affine form was found."""
    assert isinstance(op, Add | Sub)
    channels = operands.output.hwc[2]
    if not accepts_row(op, operands) or any(operands.input(index).hwc[2] != channels for index in (0, 1)):
        return False
    return affine(op, operands) is not None


def _accepts_affine_long_row(op: Op, operands: Operands) -> bool:
    return accepts_long_row(op, operands) and _accepts_affine(op, operands)


def _bind_affine(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Add | Sub)
    form = affine(op, operands)
    assert form is not None
    by_name = steps(operands, strides)
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={name: by_name[name] for name in ("channels", "column_step_0", "column_step_1", "out_stride")}
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
    return 7 * rows * columns * channels + 20 * rows


# --- products on Armv7E-M -----------------------------------------------------------------------------------------------


def _accepts_product(op: Op, operands: Operands) -> bool:
    """Both inputs have the output's channels; the shift is one that the five-instruction requantization takes."""
    assert isinstance(op, Mul)
    channels = operands.output.hwc[2]
    if not accepts_row(op, operands) or any(operands.input(index).hwc[2] != channels for index in (0, 1)):
        return False
    return int(_has_ties(op, operands)) <= -product_multiplier(operands).shift <= MOST_SHIFT


def _accepts_product_long_row(op: Op, operands: Operands) -> bool:
    return accepts_long_row(op, operands) and _accepts_product(op, operands)


def _has_ties(op: Mul, operands: Operands) -> bool:
    """Whether something negative survives the activation."""
    return activation_range(op.activation, operands.output)[0] < operands.output.zero_point


def _bind_product(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, Mul)
    by_name = steps(operands, strides)
    by = product_multiplier(operands)
    least, most = activation_range(op.activation, operands.output)
    return Bound(
        fields={name: by_name[name] for name in ("channels", "column_step_0", "column_step_1", "out_stride")}
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


def _product_cost(op: Op, operands: Operands) -> int:
    assert isinstance(op, Mul)
    rows, columns, channels = operands.output.hwc
    element = 10 if _has_ties(op, operands) else 8
    return rows * (columns * (10 + element * channels) + 10)


KERNELS: tuple[Kernel, ...] = (
    *(
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
            outlined=True,
        )
        for extent, accepts in ((Extent.LONG_ROW, _accepts_affine_long_row), (Extent.ROW, _accepts_affine))
        for op in (Add, Sub)
    ),
    *(
        Kernel(
            name="mul_s8__dsp",
            isa=Isa.DSP,
            op=Mul,
            header="dsp/mul_s8.h",
            struct="tinyc_mul_s8_dsp",
            accepts=accepts,
            bind=_bind_product,
            cost=_product_cost,
            extent=extent,
            in_place=True,
        )
        for extent, accepts in ((Extent.LONG_ROW, _accepts_product_long_row), (Extent.ROW, _accepts_product))
    ),
)
