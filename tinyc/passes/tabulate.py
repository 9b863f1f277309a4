"""A chain of one-input functions of single bytes is one table of 256 entries.

t = logistic x; y = quantize t   ->   y = lut x
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import DType, Graph, Operands, Operation, Tensor
from tinyc.ir.types import Array
from tinyc.ops import Dequantize, Logistic, Lut, Quantize, Relu
from tinyc.passes.edit import sole_consumer, with_operations

UNARY = (Dequantize, Logistic, Lut, Quantize, Relu)
BYTES = (DType.INT8, DType.UINT8)


def tabulate(graph: Graph) -> Graph:
    """The table is the chain's own meaning on all 256 inputs, so it is exact whatever the chain computes in between."""
    consumers = graph.consumers()
    done: set[str] = set()
    operations: list[Operation] = []
    for operation in graph.operations:
        if operation.name in done:
            continue
        chain = _chain(graph, operation, consumers)
        if not chain:
            operations.append(operation)
            continue
        done.update(link.name for link in chain)
        table = Lut(table=_table(graph, chain))
        operations.append(replace(operation, op=table, inputs=operation.inputs[:1], outputs=chain[-1].outputs))
    return with_operations(graph, operations)


def _chain(graph: Graph, first: Operation, consumers: dict[str, tuple[Operation, ...]]) -> list[Operation]:
    """The longest run of one-input functions from `first` that starts and ends in bytes; empty if there is none."""
    if not isinstance(first.op, UNARY) or graph.operands(first).input(0).dtype not in BYTES:
        return []
    run, longest = [first], 0
    while True:
        if graph.operands(run[-1]).output.dtype in BYTES:
            longest = len(run)
        following = sole_consumer(graph, run[-1].outputs[0], consumers)
        if following is None or not isinstance(following.op, UNARY):
            return run[:longest]
        run.append(following)


def _table(graph: Graph, chain: list[Operation]) -> tuple[int, ...]:
    source = graph.operands(chain[0]).input(0)
    values: Array = np.arange(256, dtype=np.uint8).view(source.dtype.numpy)
    for operation in chain:
        operands = graph.operands(operation)
        flat = Operands(inputs=(_flat(operands.input(0)),), outputs=(_flat(operands.output),))
        (values,) = operation.op.evaluate(flat, (values.reshape(1, 256),))
    return tuple(int(value) for value in values.reshape(-1).view(np.int8))


def _flat(tensor: Tensor) -> Tensor:
    return replace(tensor, shape=(1, 256))
