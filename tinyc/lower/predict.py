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
    whole = _whole(step, loop)
    made = sum((tile.end - tile.first) * (tile.x1 - tile.x0) for tile in loop.tiles)
    return whole * made // max(rows * columns, 1) if loop.tiles else whole


def _whole(step: Step, loop: Loop) -> int:
    """Without tiles; a kernel that can take the tensor as one long row says what one of its calls takes."""
    if step.kernel.extent is not Extent.LONG_ROW or _differ_in_rows(step.operands):
        return step.kernel.cost(step.op, step.operands)
    calls = loop.layer.rows if loop.mode is Mode.ROWS else 1
    return calls * step.kernel.cost(step.op, _one_call(step.operands, calls))


def _differ_in_rows(operands: Operands) -> bool:
    return len({each.hwc[:2] for each in (*operands.inputs, operands.output) if each and not each.is_constant}) > 1


def _one_call(operands: Operands, calls: int) -> Operands:
    """The operands of one of so many calls: each is handed as many rows, as one."""

    def row(tensor: Tensor) -> Tensor:
        rows, columns, channels = tensor.hwc
        return tensor if tensor.is_constant else replace(tensor, shape=(1, 1, rows // calls * columns, channels))

    return Operands(
        inputs=tuple(None if each is None else row(each) for each in operands.inputs),
        outputs=tuple(map(row, operands.outputs)),
    )


def _schedule(group: Loop | RegionLoop) -> int:
    if isinstance(group, RegionLoop):
        calls = [(loop, sum(tile.end - tile.first for tile in loop.tiles) or loop.calls) for loop in group.loops]
        return sum(count * (REGION_CALL + REGION_POINTER * loop.pointers) for loop, count in calls)
    return group.calls * (ROW_CALL + ROW_POINTER * group.pointers)
