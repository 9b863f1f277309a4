"""Let the caller pass stored integers where the model declares floats.

x:float -> q = quantize x -> ... -> r -> y = dequantize r   ->   q is the input, r the output
"""

from __future__ import annotations

from dataclasses import replace

from tinyc.ir import DType, Graph, Operation
from tinyc.ops import Dequantize, Quantize
from tinyc.passes.edit import with_operations


def quantized_boundary(graph: Graph) -> Graph:
    """Drops the QUANTIZE after each float input and the DEQUANTIZE before each float output (`--io quantized`).

    An input that several operations read, or an output that others read too, keeps its boundary operation.
    """
    consumers, producers = graph.consumers(), graph.producers()
    inputs = {name: _quantized_input(graph, name, consumers[name]) for name in graph.inputs}
    outputs = {name: _quantized_output(graph, name, producers.get(name), consumers[name]) for name in graph.outputs}
    gone = {operation.name for operation in (*inputs.values(), *outputs.values()) if operation is not None}
    rewritten = replace(
        graph,
        inputs=tuple(name if step is None else step.outputs[0] for name, step in inputs.items()),
        outputs=tuple(name if step is None else str(step.inputs[0]) for name, step in outputs.items()),
    )
    return with_operations(rewritten, [operation for operation in graph.operations if operation.name not in gone])


def _quantized_input(graph: Graph, name: str, readers: tuple[Operation, ...]) -> Operation | None:
    if graph.tensors[name].dtype is not DType.FLOAT32 or len(readers) != 1 or name in graph.outputs:
        return None
    return readers[0] if isinstance(readers[0].op, Quantize) else None


def _quantized_output(
    graph: Graph, name: str, writer: Operation | None, readers: tuple[Operation, ...]
) -> Operation | None:
    if writer is None or readers or not isinstance(writer.op, Dequantize):
        return None
    source = str(writer.inputs[0])
    return None if source in graph.inputs or graph.tensors[source].is_constant else writer
