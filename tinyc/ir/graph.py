"""The graph: operations in execution order over named tensors, and what must be true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinyc.ir.op import Op, Operands
from tinyc.ir.types import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operator applied to named tensors; `name` is unique in the graph, `source_index` its place in the model file."""

    name: str
    op: Op
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    source_index: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A model: `operations` in an order in which they can run, `tensors` by name, the names of inputs and outputs."""

    name: str
    tensors: Mapping[str, Tensor]
    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    def operands(self, operation: Operation) -> Operands:
        """The tensors that `operation` reads and writes."""
        return Operands(
            inputs=tuple(None if name is None else self.tensors[name] for name in operation.inputs),
            outputs=tuple(self.tensors[name] for name in operation.outputs),
        )

    def producers(self) -> dict[str, Operation]:
        """The operation that writes each tensor; constants and graph inputs have none."""
        return {name: operation for operation in self.operations for name in operation.outputs}

    def consumers(self) -> dict[str, tuple[Operation, ...]]:
        """The operations that read each tensor, in order, each once."""
        readers: dict[str, list[Operation]] = {name: [] for name in self.tensors}
        for operation in self.operations:
            for name in dict.fromkeys(name for name in operation.inputs if name is not None):
                readers[name].append(operation)
        return {name: tuple(operations) for name, operations in readers.items()}

    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(operation.op.macs(self.operands(operation)) for operation in self.operations)

    def verify(self) -> Graph:
        """This graph, or ValueError: every tensor written once and before it is read, names unique, shapes as the operators give them."""
        known = {name for name, tensor in self.tensors.items() if tensor.is_constant} | set(self.inputs)
        missing = [name for name in (*self.inputs, *self.outputs) if name not in self.tensors]
        if missing:
            raise ValueError(f"{self.name}: no tensor is named {missing[0]}")
        repeated = [name for name, count in Counter(o.name for o in self.operations).items() if count > 1]
        if repeated:
            raise ValueError(f"{self.name}: two operations are named {repeated[0]}")
        for operation in self.operations:
            self._verify_operation(operation, known)
            known.update(operation.outputs)
        for name in self.outputs:
            if name not in known:
                raise ValueError(f"{self.name}: output {name} is never written")
        return self

    def _verify_operation(self, operation: Operation, known: set[str]) -> None:
        for name in operation.inputs:
            if name is not None and name not in known:
                raise ValueError(f"{operation.name} reads {name} before it is written")
        for name in operation.outputs:
            if name in known:
                raise ValueError(f"{operation.name} writes {name}, which already has a value")
        operands = self.operands(operation)
        expected = operation.op.output_shapes(operands.inputs)
        found = tuple(tensor.shape for tensor in operands.outputs)
        if expected != found:
            raise ValueError(f"{operation.name} gives {expected}, the graph says {found}")
