"""The kernel runs that a graph comes down to: one an operation, or a copy where a reshape or a piece is not already where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyc.errors import ModelError
from tinyc.ir import Graph, Op, Operands, Operation
from tinyc.kernels.catalogue import select
from tinyc.kernels.contract import Isa, Kernel
from tinyc.ops import Concatenation, InputRows, Reshape
from tinyc.plan.step import Step
from tinyc.plan.views import View, assign_views, piece_view

NO_KERNEL = (Concatenation, InputRows, Reshape)
"""Operators that become views or copies."""


def make_steps(
    graph: Graph, *, isas: tuple[Isa, ...], scratch: Mapping[str, int] | None = None
) -> tuple[tuple[Step, ...], dict[str, View]]:
    """The kernel runs that a graph comes down to, in the graph's order, and where its tensors live relative to one another.

    `scratch` limits it for the operations that it names.
    """
    limits = scratch or {}
    kernels = {
        o.name: _kernel(graph, o, isas, limits.get(o.name)) for o in graph.operations if not isinstance(o.op, NO_KERNEL)
    }
    views = assign_views(graph, kernels)
    return _steps(graph, kernels, views, isas), views


def _kernel(graph: Graph, operation: Operation, isas: tuple[Isa, ...], scratch: int | None) -> Kernel:
    try:
        return select(operation.op, graph.operands(operation), isas, scratch=scratch)
    except ValueError as reason:
        raise ModelError(
            f"operation {operation.source_index} {operation.op.kind} ({operation.name}): {reason}"
        ) from None


def _steps(
    graph: Graph, kernels: Mapping[str, Kernel], views: Mapping[str, View], isas: tuple[Isa, ...]
) -> tuple[Step, ...]:
    steps: list[Step] = []
    for operation in graph.operations:
        operands = graph.operands(operation)
        if isinstance(operation.op, Concatenation):
            steps += _concatenation_steps(operation, operation.op, operands, views, isas)
        elif isinstance(operation.op, InputRows):
            steps.append(_pushed_step(operation, operation.op, operands, views, isas))
        elif isinstance(operation.op, Reshape):
            steps += _reshape_steps(operation, operands, views, isas)
        else:
            steps.append(
                _step(operation, operation.op, operands, kernels[operation.name], views, views[operands.output.name])
            )
    return tuple(steps)


def _step(
    operation: Operation,
    op: Op,
    operands: Operands,
    kernel: Kernel,
    views: Mapping[str, View],
    output: View,
    *,
    name: str | None = None,
) -> Step:
    activations = op.activations(operands)
    return Step(
        name=name or operation.name,
        op=op,
        operands=operands,
        kernel=kernel,
        activations=activations,
        inputs=tuple(None if (t := operands.input(i)).is_constant else views[t.name] for i in activations),
        output=output,
        source_index=operation.source_index,
    )


def _concatenation_steps(
    operation: Operation, op: Concatenation, operands: Operands, views: Mapping[str, View], isas: tuple[Isa, ...]
) -> list[Step]:
    """A copy for every piece that is not already where it belongs."""
    output = operands.output
    axis = op.axis % len(output.shape)
    steps: list[Step] = []
    index = 0
    for number, tensor in enumerate(operands.inputs):
        assert tensor is not None
        place = piece_view(output, views[output.name], axis, index)
        if place is None:
            raise ModelError(
                f"operation {operation.source_index} concatenation: axis {axis} of {output.shape} is not supported."
            )
        index += tensor.shape[axis]
        if not tensor.is_constant and views[tensor.name] == place:
            continue
        copied = replace(tensor, name=f"{output.name}:{number}", data=None)
        pair = Operands(inputs=(tensor,), outputs=(copied,))
        copy = Reshape(shape=tensor.shape)
        name = f"{operation.name}:{number}"
        steps.append(_step(operation, copy, pair, select(copy, pair, isas), views, place, name=name))
    return steps


def _pushed_step(
    operation: Operation, op: InputRows, operands: Operands, views: Mapping[str, View], isas: tuple[Isa, ...]
) -> Step:
    """A copy of each row that the caller pushes; what it copies from is not in the arena."""
    pair = Operands(inputs=(replace(operands.input(0), shape=op.shape),), outputs=operands.outputs)
    copy = Reshape(shape=op.shape)
    step = _step(operation, copy, pair, select(copy, pair, isas), views, views[operands.output.name])
    return replace(step, inputs=(None,), pushed=True)


def _reshape_steps(
    operation: Operation, operands: Operands, views: Mapping[str, View], isas: tuple[Isa, ...]
) -> list[Step]:
    source, target = operands.input(0), operands.output
    if not source.is_constant:
        here, there = views[source.name], views[target.name]
        if (here.root, here.offset) == (there.root, there.offset):
            return []
    flat = (1, source.elements)
    pair = Operands(inputs=(replace(source, shape=flat),), outputs=(replace(target, shape=flat),))
    copy = Reshape(shape=flat)
    return [_step(operation, copy, pair, select(copy, pair, isas), views, views[target.name])]
