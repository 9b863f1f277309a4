"""An inverted bottleneck as one operator: expansion, depthwise convolution and projection, some channels of the expanded image at a time.

Made by the pass `fuse_bottleneck` only.  For every output row each block of expanded channels is made from the rows of the window,
filtered, and added to the sums of the projection, so that the expanded image exists nowhere, at the price of expanding a row once for every
window that it is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyc.ir import Op, Operands, Tensor
from tinyc.ir.op import RowRule
from tinyc.ir.types import Array, Shape
from tinyc.ops.conv2d import Conv2D
from tinyc.ops.depthwise_conv2d import DepthwiseConv2D


@dataclass(frozen=True, slots=True, kw_only=True)
class InvertedBottleneck(Op):
    """Inputs: image; weights and bias (or None) of the expansion, of the depthwise convolution and of the projection.

    `expanded` and `filtered` are the images between them; `block` is how many of their channels are made at a time.
    """

    kind: ClassVar[str] = "inverted_bottleneck"

    expand: Conv2D
    depthwise: DepthwiseConv2D
    project: Conv2D
    expanded: Tensor
    filtered: Tensor
    block: int

    def output_shapes(self, inputs: tuple[Tensor | None, ...]) -> tuple[Shape, ...]:
        weights = inputs[5]
        assert weights is not None
        return ((*self.filtered.shape[:3], weights.shape[0]),)

    def stages(self, operands: Operands) -> tuple[Operands, Operands, Operands]:
        """The operands of the three convolutions."""
        x, *constants = operands.inputs
        return (
            Operands(inputs=(x, *constants[0:2]), outputs=(self.expanded,)),
            Operands(inputs=(self.expanded, *constants[2:4]), outputs=(self.filtered,)),
            Operands(inputs=(self.filtered, *constants[4:6]), outputs=operands.outputs),
        )

    def activations(self, operands: Operands) -> tuple[int, ...]:
        return (0,)

    def row_rule(self, operands: Operands, index: int) -> RowRule:
        return self.depthwise.row_rule(self.stages(operands)[1], index)

    def column_rule(self, operands: Operands, index: int) -> RowRule:
        return self.depthwise.column_rule(self.stages(operands)[1], index)

    def macs(self, operands: Operands) -> int:
        first, second, third = self.stages(operands)
        return self.expand.macs(first) + self.depthwise.macs(second) + self.project.macs(third)

    def repeated_macs(self, operands: Operands) -> int:
        first, _, _ = self.stages(operands)
        rows, kernel_rows = self.expanded.hwc[0], operands.input(3).shape[1]
        top = [self.depthwise.stride[0] * row - self.depthwise.padding.top for row in range(self.filtered.hwc[0])]
        taps = (row + tap * self.depthwise.dilation[0] for row in top for tap in range(kernel_rows))
        made = sum(0 <= row < rows for row in taps)
        return max(0, self.expand.macs(first) * (made - rows) // rows)

    def evaluate(self, operands: Operands, values: tuple[Array | None, ...]) -> tuple[Array, ...]:
        first, second, third = self.stages(operands)
        (expanded,) = self.expand.evaluate(first, (values[0], *values[1:3]))
        (filtered,) = self.depthwise.evaluate(second, (expanded, *values[3:5]))
        return self.project.evaluate(third, (filtered, *values[5:7]))
