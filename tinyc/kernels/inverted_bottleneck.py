"""Inverted bottlenecks a block of expanded channels at a time: in plain C, and of the Armv7E-M kernels of their three convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import DType, Shape
from tinyc.kernels import conv2d, depthwise_dsp
from tinyc.kernels.contract import Bound, CArray, Isa, Kernel, Strides, contiguous
from tinyc.kernels.requantize import general
from tinyc.ops import InvertedBottleneck, activation_range

POINTWISE = tuple(row for row in conv2d.KERNELS if row.name.removesuffix("_relu") == "pointwise_s8__dsp")
WINDOWS_3X3 = tuple(row for row in depthwise_dsp.KERNELS if row.header == "dsp/depthwise_3x3_s8.h")
WINDOWS = tuple(row for row in depthwise_dsp.KERNELS if row.header == "dsp/depthwise_window_s8.h")
STORE = 62
"""Instructions to requantize and store four channels of two pixels."""


def _sums_bytes(operands: Operands) -> int:
    """Four bytes a channel of each output pixel, in pairs of pixels."""
    _, columns, channels = operands.output.hwc
    return 4 * channels * (-(-columns // 2) * 2)


# Plain C


def _accepts_scalar(op: Op, operands: Operands) -> bool:
    assert isinstance(op, InvertedBottleneck)
    tensors = (operands.input(0), op.expanded, op.filtered, operands.output)
    return all(tensor.dtype is DType.INT8 for tensor in tensors)


def _bind_scalar(op: Op, operands: Operands, strides: Strides) -> Bound:
    assert isinstance(op, InvertedBottleneck)
    first, second, third = op.stages(operands)
    x, weights = operands.input(0), [stage.input(1) for stage in (first, second, third)]
    expanded, filtered, least = (
        activation_range(stage.activation, output)
        for stage, output in (
            (op.expand, op.expanded),
            (op.depthwise, op.filtered),
            (op.project, operands.output),
        )
    )
    _, rows, columns, channels = weights[1].shape
    return Bound(
        fields={
            "in_columns": x.hwc[1],
            "in_channels": x.hwc[2],
            "in_stride": strides.inputs[0],
            "in_zero_point": x.zero_point,
            "channels": channels,
            "block": op.block,
            "expanded_zero_point": op.expanded.zero_point,
            "expanded_least": expanded[0],
            "expanded_most": expanded[1],
            "window_rows": rows,
            "window_columns": columns,
            "dilation_rows": op.depthwise.dilation[0],
            "dilation": op.depthwise.dilation[1],
            "stride": op.depthwise.stride[1],
            "pad_left": op.depthwise.padding.left,
            "filtered_zero_point": op.filtered.zero_point,
            "filtered_least": filtered[0],
            "filtered_most": filtered[1],
            "out_channels": operands.output.hwc[2],
            "out_stride": strides.output,
            "out_zero_point": operands.output.zero_point,
            "least": least[0],
            "most": least[1],
            "expand_weights": CArray(c_type="int8_t", data=weights[0].values.reshape(-1)),
            "depthwise_weights": CArray(c_type="int8_t", data=weights[1].values.reshape(-1)),
            "project_weights": CArray(c_type="int8_t", data=weights[2].values.reshape(-1)),
            "expand": general(op.expand, first, channels),
            "depthwise": general(op.depthwise, second, channels),
            "project": general(op.project, third, operands.output.hwc[2]),
        }
    )


def _scratch_scalar(op: Op, operands: Operands) -> int:
    """The sums, and the window's rows of a block."""
    assert isinstance(op, InvertedBottleneck)
    rows = operands.input(3).shape[1] * op.expanded.hwc[1] * min(op.block, op.expanded.hwc[2])
    return _sums_bytes(operands) + -(-rows // 4) * 4


def _cost_scalar(op: Op, operands: Operands) -> int:
    assert isinstance(op, InvertedBottleneck)
    return 12 * (op.macs(operands) + op.repeated_macs(operands)) + 60 * op.expanded.elements


# Armv7E-M


def _row(rows: Sequence[Kernel], op: Op, operands: Operands) -> Kernel | None:
    """The first of the catalogue's rows that takes a stage."""
    return next((row for row in rows if row.accepts(op, operands)), None)


def _accepts_dsp(op: Op, operands: Operands, windows: Sequence[Kernel]) -> bool:
    assert isinstance(op, InvertedBottleneck)
    first, second, third = op.stages(operands)
    columns, padding = second.input(1).shape[2], op.depthwise.padding
    in_fours = op.block % 4 == op.expanded.hwc[2] % 4 == operands.output.hwc[2] % 4 == 0
    return (
        in_fours
        and max(padding.left, padding.right) < columns  # every window meets the image
        and _accepts_scalar(op, operands)
        and _row(POINTWISE, op.expand, first) is not None
        and _row(windows, op.depthwise, second) is not None
        and _row(POINTWISE, op.project, third) is not None
    )


def _bind_dsp(op: Op, operands: Operands, strides: Strides, windows: Sequence[Kernel]) -> Bound:
    """The structs of the three stages, and what the operator adds."""
    assert isinstance(op, InvertedBottleneck)
    first, second, third = op.stages(operands)
    fields: dict[str, int | CArray] = {}
    inner = contiguous(second, (0,))
    stages = (
        ("expand", POINTWISE, op.expand, first, replace(inner, inputs=strides.inputs)),
        ("depthwise", windows, op.depthwise, second, inner),
        ("project", POINTWISE, op.project, third, replace(inner, output=strides.output)),
    )
    for name, rows, stage, stage_operands, stage_strides in stages:
        row = _row(rows, stage, stage_operands)
        assert row is not None
        within = "depthwise" if name == "depthwise" else f"bottleneck.{name}"
        bound = row.bind(stage, stage_operands, stage_strides)
        fields |= {f"{within}.{field}": value for field, value in bound.fields.items()}
        fields[f"bottleneck.{name}_ties"] = int(not row.name.endswith("_relu"))
    stream = fields["depthwise.stream"]
    assert isinstance(stream, CArray)
    _, rows_of_window, columns, channels = second.input(1).shape
    return Bound(
        fields=fields
        | {
            "depthwise.row_dilation": 1,
            "bottleneck.channels": channels,
            "bottleneck.block": min(op.block, channels),
            "bottleneck.window_rows": rows_of_window,
            "bottleneck.window_columns": columns,
            "bottleneck.dilation_rows": op.depthwise.dilation[0],
            "bottleneck.stride": op.depthwise.stride[1],
            "bottleneck.stream_words": np.asarray(stream.data).size // channels,
        }
    )


def _scratch_dsp(op: Op, operands: Operands, windows: Sequence[Kernel]) -> int:
    """The sums; the window's rows and the filtered row of a block; and what the kernels of the stages need one after the other."""
    assert isinstance(op, InvertedBottleneck)
    first, second, _ = op.stages(operands)
    block = min(op.block, op.expanded.hwc[2])
    rows = block * (operands.input(3).shape[1] * op.expanded.hwc[1] + op.filtered.hwc[1])
    window = _row(windows, op.depthwise, second)
    assert window is not None
    inner = max(POINTWISE[0].scratch(op.expand, first), window.scratch(op.depthwise, second), 4 * block)
    return _sums_bytes(operands) + rows + inner


def _cost_dsp(op: Op, operands: Operands, windows: Sequence[Kernel]) -> int:
    """The stages on one block, as often as there are blocks; rows are expanded once for every window that they are in."""
    assert isinstance(op, InvertedBottleneck)
    first, second, _ = op.stages(operands)
    block = min(op.block, op.expanded.hwc[2])
    blocks = -(-op.expanded.hwc[2] // block)
    height, width, depth = operands.input(0).hwc
    again = 1 + op.repeated_macs(operands) / max(op.expand.macs(first), 1)
    window, weights = _row(windows, op.depthwise, second), second.input(1)
    assert window is not None
    row = _shaped(first, (1, 1, width, depth), (block, 1, 1, depth), (1, 1, width, block))
    expand = POINTWISE[0].cost(op.expand, row) * height * again
    narrow = _shaped(
        second, (1, height, width, block), (1, *weights.shape[1:3], block), (*op.filtered.shape[:3], block)
    )
    filtered = window.cost(op.depthwise, narrow)
    rows, columns, channels = operands.output.hwc
    pairs, steps = rows * -(-columns // 2), block // 2
    project = pairs * (7 * block // 4 + 40 + -(-channels // 4) * (12 * steps + 3 * -(-steps // 8) + 14))
    return round(blocks * (expand + filtered + project) + pairs * -(-channels // 4) * STORE)


def _shaped(stage: Operands, x: Shape, weights: Shape, output: Shape) -> Operands:
    """A stage on other shapes, without values: for costs."""
    w = stage.input(1)
    return Operands(
        inputs=(
            _of_shape(stage.input(0), x),
            Tensor(name=w.name, shape=weights, dtype=w.dtype),
        ),
        outputs=(_of_shape(stage.output, output),),
    )


def _of_shape(tensor: Tensor, shape: Shape) -> Tensor:
    return Tensor(name=tensor.name, shape=shape, dtype=tensor.dtype, quantization=tensor.quantization)


def _row_dsp(name: str, struct: str, windows: Sequence[Kernel]) -> Kernel:
    return Kernel(
        name=name,
        isa=Isa.DSP,
        op=InvertedBottleneck,
        header="dsp/inverted_bottleneck_s8.h",
        struct=struct,
        accepts=lambda op, operands: _accepts_dsp(op, operands, windows),
        bind=lambda op, operands, strides: _bind_dsp(op, operands, strides, windows),
        cost=lambda op, operands: _cost_dsp(op, operands, windows),
        scratch=lambda op, operands: _scratch_dsp(op, operands, windows),
        stack=540,
    )


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        name="inverted_bottleneck_s8__scalar",
        isa=Isa.SCALAR,
        op=InvertedBottleneck,
        header="scalar/inverted_bottleneck_s8.h",
        struct="tinyc_inverted_bottleneck_s8",
        accepts=_accepts_scalar,
        bind=_bind_scalar,
        cost=_cost_scalar,
        scratch=_scratch_scalar,
    ),
    _row_dsp("bottleneck_3x3_s8__dsp", "tinyc_bottleneck_3x3_s8_dsp", WINDOWS_3X3),
    _row_dsp("bottleneck_window_s8__dsp", "tinyc_bottleneck_window_s8_dsp", WINDOWS),
)
