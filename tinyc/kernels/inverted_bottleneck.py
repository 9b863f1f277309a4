"""Inverted bottlenecks a block of expanded channels at a time: in plain C, and of the Armv7E-M kernels of their three convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.types import DType, Shape
from tinyc.kernels import conv2d, depthwise_dsp
from tinyc.kernels.contract import Bound, CArray, Isa, Kernel, Strides, contiguous
from tinyc.kernels.requantize import Ties, general, ties_of
from tinyc.ops import Conv2D, DepthwiseConv2D, InvertedBottleneck, activation_range

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


class _Shape(Enum):
    """What the depthwise convolution's window is, and so which kernels it is made of."""

    FIXED = "3x3"
    ANY = "window"

    def rows(self, ties: Ties) -> Iterator[Kernel]:
        """The depthwise kernels, those of most pixels at a time first."""
        if self is _Shape.FIXED:
            yield from (row for (_, _, its), row in depthwise_dsp.ROWS_3X3.items() if its is ties)
        else:
            yield from (row for (_, its), row in depthwise_dsp.ROWS_WINDOW.items() if its is ties)


class _Stage(NamedTuple):
    """One of the three convolutions, and the kernel whose inner loops it runs."""

    op: Conv2D | DepthwiseConv2D
    operands: Operands
    ties: Ties
    kernel: Kernel


def _stages(op: Op, operands: Operands, shape: _Shape) -> tuple[_Stage, _Stage, _Stage] | None:
    """The stages where each has a kernel for windows of its shape."""
    assert isinstance(op, InvertedBottleneck)
    first, second, third = op.stages(operands)
    expand, project = _pointwise(op.expand, first), _pointwise(op.project, third)
    ties = ties_of(op.depthwise.activation, second)
    window = next((row for row in shape.rows(ties) if row.accepts(op.depthwise, second)), None)
    return None if window is None else (expand, _Stage(op.depthwise, second, ties, window), project)


def _pointwise(op: Conv2D, operands: Operands) -> _Stage:
    ties = ties_of(op.activation, operands)
    return _Stage(op, operands, ties, conv2d.POINTWISE[ties])


def _accepts_dsp(op: Op, operands: Operands, shape: _Shape) -> bool:
    assert isinstance(op, InvertedBottleneck)
    in_fours = op.block % 4 == op.expanded.hwc[2] % 4 == operands.output.hwc[2] % 4 == 0
    columns, padding = operands.input(3).shape[2], op.depthwise.padding
    meets_image = max(padding.left, padding.right) < columns  # every window does
    if not in_fours or not meets_image or not _accepts_scalar(op, operands):
        return False
    stages = _stages(op, operands, shape)
    return stages is not None and all(stage.kernel.accepts(stage.op, stage.operands) for stage in stages)


def _bind_dsp(op: Op, operands: Operands, strides: Strides, shape: _Shape) -> Bound:
    """The structs of the three stages, and what the operator adds."""
    stages = _stages(op, operands, shape)
    assert isinstance(op, InvertedBottleneck) and stages is not None
    expand, depthwise, project = stages
    inner = contiguous(depthwise.operands, (0,))
    fields: dict[str, int | CArray] = {}
    for name, struct, stage, its in (
        ("expand", "bottleneck.expand", expand, replace(inner, inputs=strides.inputs)),
        ("depthwise", "depthwise", depthwise, inner),
        ("project", "bottleneck.project", project, replace(inner, output=strides.output)),
    ):
        bound = stage.kernel.bind(stage.op, stage.operands, its)
        fields |= {f"{struct}.{field}": value for field, value in bound.fields.items()}
        fields[f"bottleneck.{name}_ties"] = int(stage.ties is Ties.CORRECTED)
    stream = fields["depthwise.stream"]
    assert isinstance(stream, CArray)
    _, window_rows, window_columns, channels = operands.input(3).shape
    return Bound(
        fields=fields
        | {
            "depthwise.row_dilation": 1,
            "bottleneck.channels": channels,
            "bottleneck.block": min(op.block, channels),
            "bottleneck.window_rows": window_rows,
            "bottleneck.window_columns": window_columns,
            "bottleneck.dilation_rows": op.depthwise.dilation[0],
            "bottleneck.stride": op.depthwise.stride[1],
            "bottleneck.stream_words": np.asarray(stream.data).size // channels,
        }
    )


def _scratch_dsp(op: Op, operands: Operands, shape: _Shape) -> int:
    """The sums; the window's rows and the filtered row of a block; and what the kernels of the stages need one after the other."""
    stages = _stages(op, operands, shape)
    assert isinstance(op, InvertedBottleneck) and stages is not None
    block = min(op.block, op.expanded.hwc[2])
    rows = block * (operands.input(3).shape[1] * op.expanded.hwc[1] + op.filtered.hwc[1])
    expand, depthwise = (stage.kernel.scratch(stage.op, stage.operands) for stage in stages[:2])
    return _sums_bytes(operands) + rows + max(expand, depthwise, 4 * block)


def _cost_dsp(op: Op, operands: Operands, shape: _Shape) -> int:
    """The stages on one block, as often as there are blocks; rows are expanded once for every window that they are in."""
    stages = _stages(op, operands, shape)
    assert isinstance(op, InvertedBottleneck) and stages is not None
    expand, depthwise, _ = stages
    block = min(op.block, op.expanded.hwc[2])
    blocks = -(-op.expanded.hwc[2] // block)
    height, width, depth = operands.input(0).hwc
    again = 1 + op.repeated_macs(operands) / max(op.expand.macs(expand.operands), 1)
    row = _shaped(expand.operands, (1, 1, width, depth), (block, 1, 1, depth), (1, 1, width, block))
    expanded = expand.kernel.cost(op.expand, row) * height * again
    window = operands.input(3).shape[1:3]
    narrow = _shaped(
        depthwise.operands, (1, height, width, block), (1, *window, block), (*op.filtered.shape[:3], block)
    )
    filtered = depthwise.kernel.cost(op.depthwise, narrow)
    rows, columns, channels = operands.output.hwc
    pairs, steps = rows * -(-columns // 2), block // 2
    project = pairs * (7 * block // 4 + 40 + -(-channels // 4) * (12 * steps + 3 * -(-steps // 8) + 14))
    return round(blocks * (expanded + filtered + project) + pairs * -(-channels // 4) * STORE)


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


def _row_dsp(shape: _Shape) -> Kernel:
    return Kernel(
        name=f"bottleneck_{shape.value}_s8__dsp",
        isa=Isa.DSP,
        op=InvertedBottleneck,
        header="dsp/inverted_bottleneck_s8.h",
        struct=f"tinyc_bottleneck_{shape.value}_s8_dsp",
        accepts=lambda op, operands: _accepts_dsp(op, operands, shape),
        bind=lambda op, operands, strides: _bind_dsp(op, operands, strides, shape),
        cost=lambda op, operands: _cost_dsp(op, operands, shape),
        scratch=lambda op, operands: _scratch_dsp(op, operands, shape),
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
    *(_row_dsp(shape) for shape in _Shape),
)
