"""Program -> how many instructions one inference will take: what the catalogue says of each layer, as it is called, and the schedule."""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import Operands, Tensor
from tinyc.kernels.contract import Extent
from tinyc.lower.program import Loop, Program, RegionLoop
from tinyc.plan import Mode
from tinyc.plan.step import Step

REGION_CALL, REGION_POINTER = 25, 8
ROW_CALL, ROW_POINTER = 20, 3
"""Instructions of the schedule for a call within a region or of a layer by itself, and for each row pointer of it."""


def predicted_layers(program: Program) -> tuple[int, ...]:
    """Instructions of each layer, by its index."""
    return tuple(_layer(program.plan.steps[loop.layer.index], loop) for loop in program.loops)


def predicted_total(program: Program) -> int:
    """Instructions of one inference."""
    return sum(predicted_layers(program)) + sum(_schedule(group) for group in program.groups)


def _layer(step: Step, loop: Loop) -> int:
    rows, columns, _ = loop.layer.tensor.hwc
    once = _one_row(step.operands) if _is_cut(step, loop) else None
    whole = step.kernel.cost(step.op, step.operands) if once is None else rows * step.kernel.cost(step.op, once)
    made = sum((tile.end - tile.first) * (tile.x1 - tile.x0) for tile in loop.tiles)
    return whole * made // max(rows * columns, 1) if loop.tiles else whole


def _is_cut(step: Step, loop: Loop) -> bool:
    """Whether a kernel that could take the tensor as one long row is called row by row."""
    return step.kernel.extent is Extent.LONG_ROW and loop.mode is Mode.ROWS and loop.layer.rows > 1


def _one_row(operands: Operands) -> Operands | None:
    """The operands of one call; None where an input has other rows than the output."""
    rows = operands.output.hwc[0]
    activations = [each for each in operands.inputs if each is not None and not each.is_constant]
    if any(each.hwc[0] not in (1, rows) for each in activations):
        return None
    return Operands(
        inputs=tuple(None if each is None else _first_row(each) for each in operands.inputs),
        outputs=tuple(map(_first_row, operands.outputs)),
    )


def _first_row(tensor: Tensor) -> Tensor:
    _, columns, channels = tensor.hwc
    return tensor if tensor.is_constant else replace(tensor, shape=(1, 1, columns, channels))


def _schedule(group: Loop | RegionLoop) -> int:
    if isinstance(group, RegionLoop):
        calls = [(loop, sum(tile.end - tile.first for tile in loop.tiles) or loop.calls) for loop in group.loops]
        return sum(count * (REGION_CALL + REGION_POINTER * loop.pointers) for loop, count in calls)
    return group.calls * (ROW_CALL + ROW_POINTER * group.pointers)
