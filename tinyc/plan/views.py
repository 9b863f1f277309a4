"""Where tensors live relative to one another: reshapes, concatenations and operands computed in place as views of one buffer.

A view is a place in the buffer of its root tensor: a byte offset, the bytes from row to row and from pixel to pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tinyc.ir import Graph, Operation, Tensor, Window
from tinyc.kernels.contract import Extent, Kernel
from tinyc.ops import Concatenation, Reshape


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`tensor` inside the buffer of `root`; strides and offset in bytes, rows and pixels as in `Tensor.hwc`."""

    root: str
    offset: int
    row_stride: int
    pixel_stride: int

    def is_contiguous(self, tensor: Tensor) -> bool:
        """Whether the tensor's bytes lie side by side."""
        rows, columns, channels = tensor.hwc
        pixel = channels * tensor.dtype.bytes
        return (columns == 1 or self.pixel_stride == pixel) and (rows == 1 or self.row_stride == columns * pixel)


Views = Mapping[str, View]
"""The view of every tensor that is not constant, by name."""


def whole(tensor: Tensor, *, root: str | None = None, offset: int = 0) -> View:
    """The view of a tensor that lies contiguously at `offset` of `root` (by default: a buffer of its own)."""
    _, columns, channels = tensor.hwc
    pixel = channels * tensor.dtype.bytes
    return View(root=root or tensor.name, offset=offset, row_stride=columns * pixel, pixel_stride=pixel)


def assign_views(graph: Graph, kernels: Mapping[str, Kernel]) -> dict[str, View]:
    """A view for every tensor that is not constant; `kernels` by operation name, absent for reshapes and concatenations.

    Walks backwards, so that a producer learns where its consumer wants the data.  What cannot be a view keeps a buffer of its own and
    is copied.
    """
    resolver = _Resolver(graph, kernels)
    for operation in reversed(graph.operations):
        if isinstance(operation.op, Concatenation):
            resolver.concatenation(operation, operation.op)
        elif isinstance(operation.op, Reshape):
            resolver.reshape(operation)
        elif operation.name in kernels and kernels[operation.name].in_place:
            resolver.in_place(operation)
    return {name: resolver.view(name) for name, tensor in graph.tensors.items() if not tensor.is_constant}


def piece_view(output: Tensor, place: View, axis: int, index: int) -> View | None:
    """Where the piece that starts at `index` of an axis lies, of an output at `place`; None where no row and pixel stride describes it."""
    rank = len(output.shape)
    axis %= rank
    if axis == rank - 1:
        return replace(place, offset=place.offset + index * output.dtype.bytes)
    if rank >= 4 and axis == rank - 2:
        return replace(place, offset=place.offset + index * place.pixel_stride)
    if any(size != 1 for size in output.shape[:axis]):
        return None
    rows = output.hwc[0] // output.shape[axis]
    return replace(place, offset=place.offset + index * rows * place.row_stride)


class _Resolver:
    """The views assigned so far; a tensor without one is its own root."""

    def __init__(self, graph: Graph, kernels: Mapping[str, Kernel]) -> None:
        self.graph = graph
        self.kernels = kernels
        self.assigned: dict[str, View] = {}
        self.consumers = graph.consumers()
        self.producers = graph.producers()
        self.order = {name: i for i, operation in enumerate(graph.operations) for name in operation.outputs}

    def view(self, name: str) -> View:
        return self.assigned.get(name) or whole(self.graph.tensors[name])

    def concatenation(self, operation: Operation, op: Concatenation) -> None:
        output = self.graph.tensors[operation.outputs[0]]
        offset = 0
        for name in operation.inputs:
            assert name is not None
            piece = self.graph.tensors[name]
            place = piece_view(output, self.view(output.name), op.axis, offset)
            offset += piece.shape[op.axis % len(output.shape)]
            if place is not None and operation.inputs.count(name) == 1 and self._accepts(piece, place):
                self.assigned[name] = place

    def reshape(self, operation: Operation) -> None:
        source, target = self.graph.operands(operation).input(0), self.graph.tensors[operation.outputs[0]]
        place = self.view(target.name)
        if place.is_contiguous(target):
            wanted = whole(source, root=place.root, offset=place.offset)
            if self._accepts(source, wanted):
                self.assigned[source.name] = wanted
                return
        existing = self.view(source.name)
        alone = target.name not in self.assigned and all(v.root != target.name for v in self.assigned.values())
        if alone and not source.is_constant and existing.is_contiguous(source):
            wanted = whole(target, root=existing.root, offset=existing.offset)
            if self._touches(target, wanted):
                self.assigned[target.name] = wanted

    def in_place(self, operation: Operation) -> None:
        """An input that nobody else reads, made as late as any, is made where the output goes; so a row of a ring serves both."""
        output = self.graph.tensors[operation.outputs[0]]
        for name in sorted(filter(None, operation.inputs), key=lambda name: self.order.get(name, -1), reverse=True):
            tensor, producer = self.graph.tensors[name], self.producers.get(name)
            if producer is None or producer.name not in self.kernels or name in self.graph.outputs:
                continue
            if (tensor.hwc, tensor.dtype) != (output.hwc, output.dtype) or self.consumers[name] != (operation,):
                continue
            place = self.view(output.name)
            if producer.op.kept_rows is None and self._accepts(tensor, place):
                self.assigned[name] = place
                return

    def _accepts(self, tensor: Tensor, place: View) -> bool:
        """Whether a tensor without a place may live there, as seen by everyone who writes or reads it."""
        if tensor.is_constant or tensor.name in self.assigned:
            return False
        if any(view.root == tensor.name for view in self.assigned.values()) and not place.is_contiguous(tensor):
            return False
        if not self._touches(tensor, place):
            return False
        self._move_children(tensor, place)
        return True

    def _move_children(self, tensor: Tensor, place: View) -> None:
        for name, view in list(self.assigned.items()):
            if view.root == tensor.name:
                self.assigned[name] = replace(view, root=place.root, offset=view.offset + place.offset)

    def _touches(self, tensor: Tensor, place: View) -> bool:
        if place.is_contiguous(tensor):
            return True
        if tensor.name in self.graph.inputs or tensor.name in self.graph.outputs:
            return False
        producer = self.producers.get(tensor.name)
        writer = None if producer is None else self.kernels.get(producer.name)
        if writer is None or not writer.strided_output or writer.extent is Extent.WHOLE:
            return False
        return all(self._reads(reader, tensor.name) for reader in self.consumers[tensor.name])

    def _reads(self, operation: Operation, name: str) -> bool:
        if isinstance(operation.op, Concatenation):
            return True
        reader = self.kernels.get(operation.name)
        if reader is None or not reader.strided_input or reader.extent is Extent.WHOLE:
            return False
        rule = operation.op.row_rule(self.graph.operands(operation), operation.inputs.index(name))
        return isinstance(rule, Window)
