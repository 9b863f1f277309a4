"""Graphs that hypothesis draws: branches, joins and every operator that schedules treat differently, with odd shapes.

A drawn graph keeps the constraints that the importer enforces, so that what is drawn is what a model file could hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphs import Builder
from hypothesis import assume
from hypothesis import strategies as st

from tinyc.ir import Graph, Op
from tinyc.ops import (
    Activation,
    Add,
    AveragePool2D,
    Concatenation,
    Lut,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Padding,
    Quantize,
    Relu,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
    StridedSlice,
    Sub,
    Transpose,
)

MOST_ELEMENTS = 6000
MOST_MACS = 400_000
MOST_OPERATIONS = 12
CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17)
ACTIVATIONS = (Activation.NONE, Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1)

Draw = Callable[..., Any]


@dataclass(slots=True)
class Drawing:
    """A graph under construction: `open` are the tensors, newest last, that operations are drawn for."""

    draw: Draw
    builder: Builder
    open: list[str] = field(default_factory=list)
    first: str = ""

    def integer(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def chance(self, one_in: int) -> bool:
        return self.integer(0, one_in - 1) == one_in - 1

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def activation(self) -> Activation:
        return self.one_of(*ACTIVATIONS)

    def quantized_like(self, source: str) -> str | None:
        """Mostly one quantization throughout, so that joins need no rescaling."""
        return None if self.chance(5) else self.first

    def shape(self, name: str) -> tuple[int, ...]:
        return self.builder[name].shape

    def is_image(self, name: str) -> bool:
        shape = self.shape(name)
        return len(shape) == 4 and shape[0] == 1

    def source(self) -> str:
        """The newest tensor, mostly."""
        return self.open[-1] if not self.chance(4) else self.open[self.integer(0, len(self.open) - 1)]

    # --- one operation ----------------------------------------------------------------------------------------------

    def step(self) -> None:
        source = self.source()
        ways = ANYWHERE + (IMAGES * 2 if self.is_image(source) else FLATS)
        made = self.one_of(*ways)(self, source)
        if made is not None and made not in self.open:
            self.open.append(made)

    def conv2d(self, source: str) -> str:
        size, stride, dilation, padding = self.window(source)
        channels = self.one_of(*CHANNELS)
        return self.builder.conv2d(
            source,
            channels,
            size,
            stride=stride,
            dilation=dilation,
            padding=padding,
            activation=self.activation(),
            like=self.quantized_like(source),
            bias=not self.chance(6),
        )

    def pointwise(self, source: str) -> str:
        channels = self.one_of(*CHANNELS)
        return self.builder.conv2d(
            source, channels, (1, 1), activation=self.activation(), like=self.quantized_like(source)
        )

    def depthwise(self, source: str) -> str:
        size, stride, dilation, padding = self.window(source)
        return self.builder.depthwise(
            source,
            size,
            multiplier=self.integer(2, 3) if self.chance(5) else 1,
            stride=stride,
            dilation=dilation,
            padding=padding,
            activation=self.activation(),
            like=self.quantized_like(source),
            bias=not self.chance(6),
        )

    def pool(self, source: str) -> str:
        size, stride, _, padding = self.window(source, dilated=False)
        padding = Padding(*(min(p, size[i // 2] - 1) for i, p in enumerate(padding)))
        rows, columns = self.shape(source)[1:3]
        size = (min(size[0], rows + padding.top + padding.bottom), min(size[1], columns + padding.left + padding.right))
        padding = Padding(*(min(p, size[i // 2] - 1) for i, p in enumerate(padding)))
        kind = self.one_of(AveragePool2D, MaxPool2D)
        op = kind(size=size, stride=stride, padding=padding, activation=self.activation())
        return self.apply(op, source, like=source)

    def window(
        self, source: str, *, dilated: bool = True
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
        """Size, stride, dilation and padding, asymmetric as often as not, of a window that fits."""
        rows, columns = self.shape(source)[1:3]
        along = [self.along(extent, dilated=dilated) for extent in (rows, columns)]
        (size_y, stride_y, dilation_y, top, bottom), (size_x, stride_x, dilation_x, left, right) = along
        return (size_y, size_x), (stride_y, stride_x), (dilation_y, dilation_x), Padding(top, bottom, left, right)

    def along(self, extent: int, *, dilated: bool) -> tuple[int, int, int, int, int]:
        size = self.integer(1, 7) if self.chance(4) else self.integer(1, 3)
        dilation = self.integer(2, 3) if dilated and self.chance(6) else 1
        stride = self.integer(2, 3) if self.chance(3) else 1
        reach = dilation * (size - 1)
        before, after = ((reach + 1) // 2, reach // 2) if not self.chance(4) else (0, 0)
        if self.chance(4):
            before, after = self.integer(0, reach), self.integer(0, reach)
        after += max(0, reach + 1 - (before + extent + after))
        return size, stride, dilation, before, after

    def lut(self, source: str) -> str:
        table = self.builder.random.integers(-128, 128, 256)
        return self.apply(Lut(table=tuple(int(v) for v in table)), source, like=self.first)

    def unary(self, source: str) -> str:
        if self.chance(3):
            return self.builder.apply(Softmax(beta=1.0), source, scale=1 / 256, zero=-128)
        if self.chance(2):
            return self.builder.apply(Quantize(), source)
        return self.builder.apply(Relu(activation=self.activation()), source, like=self.first)

    def arithmetic(self, source: str) -> str:
        """With another tensor of the shape, one made for it, a constant, a broadcast pixel or vector; either side first."""
        kind = self.one_of(Add, Add, Mul, Sub)
        other = self.partner(source)
        pair = (other, source) if self.chance(2) else (source, other)
        return self.builder.apply(kind(activation=self.activation()), *pair, like=self.first)

    def partner(self, source: str) -> str:
        shape = self.shape(source)
        same = [name for name in self.open if self.shape(name) == shape and name != source]
        if same and not self.chance(4):
            return same[self.integer(0, len(same) - 1)]
        if self.chance(3):
            broadcast = [1 if self.chance(2) else extent for extent in shape]
            return self.builder.constant(*(broadcast if self.chance(2) else shape))
        if self.is_image(source) and self.chance(3):
            squeezed = self.apply(Mean(axes=(1, 2), keep_dims=True), source, like=self.first)
            self.open.insert(0, squeezed)
            return squeezed
        return self.sibling(source, shape[-1])

    def sibling(self, source: str, channels: int) -> str:
        """Another tensor with the source's rows and columns, made of the source."""
        if not self.is_image(source):
            return self.lut(source) if channels == self.shape(source)[-1] else source
        size = self.one_of((1, 1), (3, 3), (3, 1), (5, 3))
        padding = Padding(size[0] // 2, size[0] // 2, size[1] // 2, size[1] // 2)
        if channels == self.shape(source)[-1] and self.chance(2):
            return self.builder.depthwise(source, size, padding=padding, like=self.first)
        return self.builder.conv2d(source, channels, size, padding=padding, like=self.first)

    def concatenation(self, source: str) -> str | None:
        """Along any axis, two to four pieces: existing tensors, siblings made for it, constants, the same one twice."""
        shape = self.shape(source)
        axis = self.integer(1 if len(shape) > 1 else 0, len(shape) - 1) if not self.chance(2) else len(shape) - 1
        quantization = self.builder[source].quantization
        pieces = [source]
        for _ in range(self.integer(1, 3)):
            piece = self.piece(source, axis)
            if piece is not None and self.builder[piece].quantization == quantization:
                pieces.insert(self.integer(0, len(pieces)), piece)
        if len(pieces) == 1:
            return None
        return self.builder.apply(Concatenation(axis=axis), *pieces, like=source)

    def piece(self, source: str, axis: int) -> str | None:
        shape = self.shape(source)

        def fits(name: str) -> bool:
            other = self.shape(name)
            return len(other) == len(shape) and all(
                a == b or i == axis for i, (a, b) in enumerate(zip(other, shape, strict=True))
            )

        existing = [name for name in self.open if fits(name)]
        if self.chance(8):
            extent = self.integer(1, 3)
            constant = (*shape[:axis], extent, *shape[axis + 1 :])
            scale, zero = self.builder[source].scale, self.builder[source].zero_point
            return self.builder.constant(*constant, scale=scale, zero=zero)
        if len(existing) > 1 and self.chance(2):
            return existing[self.integer(0, len(existing) - 1)]
        channels = int(self.one_of(*CHANNELS)) if axis == len(shape) - 1 else shape[-1]
        return self.sibling(source, channels)

    def reshape(self, source: str) -> str:
        shape = self.shape(source)
        elements = math.prod(shape)
        choices: list[tuple[int, ...]] = [(1, elements), (elements, 1), (1, 1, elements)]
        if len(shape) == 4:
            _, rows, columns, channels = shape
            choices += [
                (1, rows * columns, channels),
                (1, columns, rows, channels),
                (1, rows, 1, columns * channels),
                (1, rows * columns, 1, channels),
                (1, 1, rows * columns, channels),
                (rows * columns, channels),
            ]
        if len(shape) == 3:
            choices += [(1, shape[1], 1, shape[2]), (1, 1, shape[1], shape[2])]
        if len(shape) == 2:
            choices += [(1, 1, *shape), (1, shape[0], shape[1])]
            choices += [(1, n, elements // n, 1) for n in (2, 3, 4) if elements % n == 0]
        return self.apply(Reshape(shape=self.one_of(*choices)), source, like=source)

    def dense(self, source: str) -> str:
        features = int(self.one_of(1, 3, 4, 8, 10))
        depth = self.shape(source)[-1]
        keep = self.chance(3)
        if not keep and self.chance(2):
            depth = math.prod(self.shape(source))
        return self.builder.dense(
            source,
            features,
            depth=depth,
            keep_dims=keep,
            activation=self.activation(),
            like=self.quantized_like(source),
        )

    def mean(self, source: str) -> str:
        rank = len(self.shape(source))
        axes = ((1, 2), (1,), (2,), (1, 2, 3), (3,)) if rank == 4 else tuple((axis,) for axis in range(rank))
        op = Mean(axes=self.one_of(*axes), keep_dims=not self.chance(3))
        return self.apply(op, source, like=self.quantized_like(source))

    def pad(self, source: str) -> str | None:
        if len(self.shape(source)) == 1:
            return None
        pairs = [(self.integer(0, 2), self.integer(0, 2)) for _ in range(len(self.shape(source)) - 1)]
        if not self.chance(3):
            pairs[-1] = (0, 0)
        value = None if self.chance(2) else self.integer(-128, 127)
        return self.apply(Pad(paddings=((0, 0), *pairs), value=value), source, like=source)

    def resize(self, source: str) -> str:
        _, rows, columns, _ = self.shape(source)
        size = (
            (rows * 2, columns * 2) if self.chance(2) else (self.integer(1, 2 * rows + 1), self.integer(1, columns + 3))
        )
        align, half = self.one_of((False, False), (True, False), (False, True))
        return self.apply(
            ResizeNearestNeighbor(size=size, align_corners=align, half_pixel_centers=half), source, like=source
        )

    def slice(self, source: str) -> str:
        begins, ends, strides = [], [], []
        for extent in self.shape(source):
            begin = self.integer(0, extent - 1) if self.chance(2) else 0
            end = self.integer(begin + 1, extent) if self.chance(2) else extent
            begins.append(begin)
            ends.append(end)
            strides.append(self.integer(1, 2))
        return self.apply(
            StridedSlice(begin=tuple(begins), end=tuple(ends), strides=tuple(strides)), source, like=source
        )

    def transpose(self, source: str) -> str:
        rank = len(self.shape(source))
        permutation = self.draw(st.permutations(range(1, rank))) if rank > 2 else list(range(1, rank))
        return self.apply(Transpose(permutation=(0, *permutation)), source, like=source)

    def apply(self, op: Op, source: str, *, like: str | None) -> str:
        return self.builder.apply(op, source, like=like)


D = Drawing
IMAGES = (
    *(D.conv2d, D.conv2d, D.conv2d, D.pointwise, D.pointwise, D.depthwise, D.depthwise, D.pool, D.pool, D.resize),
    *(D.arithmetic, D.arithmetic, D.concatenation, D.concatenation, D.pad, D.slice),
)
FLATS = (D.dense, D.dense, D.arithmetic, D.concatenation, D.slice, D.pad)
ANYWHERE = (D.lut, D.unary, D.reshape, D.mean, D.transpose, D.dense)


@st.composite
def graphs(draw: Draw) -> Graph:
    """A graph of up to a dozen operations whose loose ends are its outputs."""
    drawing = Drawing(draw, Builder(draw(st.integers(0, 2**16))))
    inputs = 2 if drawing.chance(6) else 1
    for _ in range(inputs):
        channels = drawing.one_of(*CHANNELS)
        shape = (1, drawing.integer(1, 16), drawing.integer(1, 13), channels)
        drawing.open.append(drawing.builder.input(*shape, scale=0.05, zero=drawing.one_of(-128, -3, 127)))
    drawing.first = drawing.open[0]
    for _ in range(drawing.integer(1, MOST_OPERATIONS)):
        drawing.step()
        _bounded(drawing.builder)
    return _finished(drawing)


def _bounded(builder: Builder) -> None:
    operations = builder.operations[-3:]
    assume(all(builder[name].elements <= MOST_ELEMENTS for o in operations for name in o.outputs))
    assume(sum(builder[o.inputs[1]].elements for o in operations if len(o.inputs) == 3 and o.inputs[1]) <= 12_000)


def _finished(drawing: Drawing) -> Graph:
    builder = drawing.builder
    read = {name for operation in builder.operations for name in operation.inputs}
    loose = [o.outputs[0] for o in builder.operations if o.outputs[0] not in read]
    outputs = [*loose, *([drawing.source()] if drawing.chance(6) else [])]
    outputs = [name for name in dict.fromkeys(outputs) if name not in builder.inputs]
    unread = [name for name in builder.inputs if name not in read]
    assume(outputs and not unread)
    graph = builder.graph(*outputs)
    assume(graph.macs() <= MOST_MACS)
    for operation in graph.operations:
        operands = graph.operands(operation)
        assume(all(constraint.holds(operation.op, operands) for constraint in operation.op.constraints))
    return graph
