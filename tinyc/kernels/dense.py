"""Dense layer kernels: which exist, what they accept, how their weights and constants are packed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from tinyc.ir import Op, Operands
from tinyc.kernels.contract import Bound, CArray, Extent, Isa, Kernel, Strides
from tinyc.kernels.packing import Words, dual_is_exact, group_order, pack_dual, pack_plain
from tinyc.kernels.products import is_int8, is_pixelwise, matrix
from tinyc.kernels.requantize import Constants, FastRequantization, Ties, general, layer_words, requantization
from tinyc.ops.arithmetic import Integers
from tinyc.ops.attributes import Activation, activation_range
from tinyc.ops.conv2d import Conv2D
from tinyc.ops.fully_connected import FullyConnected


def _vectors(operands: Operands) -> Strides:
    """The strides of whole images seen as vectors."""
    outputs, inputs = operands.input(1).shape
    return Strides(inputs=(inputs,), output=outputs)


# Plain C


def _accepts_pixels(op: Op, operands: Operands) -> bool:
    return is_int8(op, operands) and is_pixelwise(op, operands)


def _accepts_whole(op: Op, operands: Operands) -> bool:
    return is_int8(op, operands) and not is_pixelwise(op, operands)


def bind_scalar(op: Op, activation: Activation, operands: Operands, strides: Strides) -> Bound:
    """The constants of `dense_s8__scalar`, for a dense layer or a pointwise convolution."""
    x, weights, output = operands.input(0), operands.input(1), operands.output
    channels = weights.shape[0]
    least, most = activation_range(activation, output)
    return Bound(
        fields={
            "weights": CArray(c_type="int8_t", data=weights.values.reshape(-1)),
            "requantize": general(op, operands, channels),
            "pixels": output.elements // channels,
            "in_channels": weights.elements // channels,
            "in_stride": strides.inputs[0],
            "in_zero_point": x.zero_point,
            "out_channels": channels,
            "out_stride": strides.output,
            "out_zero_point": output.zero_point,
            "least": least,
            "most": most,
        }
    )


def cost_scalar(op: Op, operands: Operands) -> int:
    """Instructions of `dense_s8__scalar`."""
    return 7 * op.macs(operands) + 40 * operands.output.elements


def _bind_pixels(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, FullyConnected)
    return bind_scalar(op, op.activation, operands, strides)


def _bind_whole(op: Op, operands: Operands, strides: Strides) -> Bound:
    return _bind_pixels(op, operands, _vectors(operands))


# Armv7E-M: one vector times blocks of outputs


class Form(Enum):
    """How weights are packed: in dual words for blocks of eight outputs, or as bytes for blocks of four."""

    DUAL = ""
    PLAIN = "_plain"


def _requantization(op: Op, operands: Operands, constants: Constants) -> FastRequantization | None:
    assert isinstance(op, (FullyConnected, Conv2D))
    return requantization(op, op.activation, operands, constants)


def _packed(form: Form, weights: Integers, requantization: Integers) -> Words:
    if form is Form.PLAIN:
        return pack_plain(weights, requantization, block=4)
    return pack_dual(weights, group_order(weights.shape[1]), requantization, block=8)


def _bind_dsp(form: Form, constants: Constants, op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, (FullyConnected, Conv2D))
    least, most = activation_range(op.activation, operands.output)
    found = _requantization(op, operands, constants)
    assert found is not None
    channels, inputs = matrix(operands).shape
    words = _packed(form, matrix(operands), found.rows)
    return Bound(
        fields={
            "weights": CArray(c_type="int32_t", data=layer_words(words, operands, constants)),
            "vectors": operands.output.elements // channels,
            "in_channels": inputs,
            "in_stride": strides.inputs[0],
            "out_channels": channels,
            "out_stride": strides.output,
            "least": least,
            "most": most,
        }
    )


def _cost_dsp(form: Form, ties: Ties, constants: Constants, operands: Operands) -> int:
    channels = operands.input(1).shape[0]
    groups = (operands.input(1).elements // channels + 3) // 4
    block, a_group, a_block = (4, 20, 36) if form is Form.PLAIN else (8, 31, 68)
    corrections = (block if ties is Ties.CORRECTED else 0) + (5 * block if constants is Constants.COMPACT else 0)
    blocks = (channels + block - 1) // block
    vector = blocks * (a_group * groups + 3 * (groups // 4 + 1) + a_block + corrections) + 43
    return operands.output.elements // channels * (vector + (40 if channels % block else 0)) + 30


def _is_exact(form: Form, ties: Ties, constants: Constants, op: Op, operands: Operands) -> bool:
    """Whether the form's sums and the five-instruction requantization are exact, with this treatment of ties."""
    assert isinstance(op, (FullyConnected, Conv2D))
    if not is_int8(op, operands):
        return False
    if form is Form.DUAL and not dual_is_exact(matrix(operands), input_limits=operands.input(0).dtype.limits):
        return False
    found = _requantization(op, operands, constants)
    return found is not None and found.ties is ties


def pixels_dsp_row(op: type[Op], form: Form, ties: Ties, *, takes: Callable[[Op, Operands], bool]) -> Kernel:
    """A row for operations `op` that `takes` finds to be a product of every pixel with one matrix, and its compact form."""
    ready, smaller = (_pixels_dsp_row(op, form, ties, takes, constants) for constants in Constants)
    return replace(ready, compact=smaller)


def _pixels_dsp_row(
    op: type[Op], form: Form, ties: Ties, takes: Callable[[Op, Operands], bool], constants: Constants
) -> Kernel:
    kind = "_compact" if constants is Constants.COMPACT else ""
    return Kernel(
        name=f"dense{form.value}{kind}_s8__dsp{'_relu' if ties is Ties.DROPPED else ''}",
        isa=Isa.DSP,
        op=op,
        header="dsp/dense_s8.h",
        struct="tinyc_dense_s8_dsp",
        accepts=lambda op, operands: takes(op, operands) and _is_exact(form, ties, constants, op, operands),
        bind=lambda op, operands, strides: _bind_dsp(form, constants, op, operands, strides),
        cost=lambda op, operands: _cost_dsp(form, ties, constants, operands),
        extent=Extent.LONG_ROW,
    )


def _whole_dsp_row(form: Form, ties: Ties) -> Kernel:
    ready = pixels_dsp_row(FullyConnected, form, ties, takes=lambda op, operands: not is_pixelwise(op, operands))
    assert ready.compact is not None
    return replace(_whole(ready, form, Constants.READY), compact=_whole(ready.compact, form, Constants.COMPACT))


def _whole(pixels: Kernel, form: Form, constants: Constants) -> Kernel:
    """The row of a kernel for pixels as one for whole images."""
    return replace(
        pixels,
        name=pixels.name.replace("dense", "dense_whole"),
        bind=lambda op, operands, strides: _bind_dsp(form, constants, op, operands, _vectors(operands)),
        extent=Extent.WHOLE,
        strided_input=False,
        strided_output=False,
    )


_SCALAR = Kernel(
    name="dense_s8__scalar",
    isa=Isa.SCALAR,
    op=FullyConnected,
    header="scalar/conv2d_s8.h",
    struct="tinyc_dense_s8",
    accepts=_accepts_pixels,
    bind=_bind_pixels,
    cost=cost_scalar,
    extent=Extent.LONG_ROW,
)

KERNELS: tuple[Kernel, ...] = (
    _SCALAR,
    replace(
        _SCALAR,
        name="dense_whole_s8__scalar",
        accepts=_accepts_whole,
        bind=_bind_whole,
        extent=Extent.WHOLE,
        strided_input=False,
        strided_output=False,
    ),
    *(pixels_dsp_row(FullyConnected, form, ties, takes=is_pixelwise) for form in Form for ties in Ties),
    *(_whole_dsp_row(form, ties) for form in Form for ties in Ties),
)
