"""Class predictions: what a classifier said about a user's own inputs, from the values that the target computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyc.ir import DType, Graph, Tensor
from tinyc.ir.types import Array
from tinyc.ops import Dequantize, Quantize, Reshape, Softmax
from tinyc.report.inputs import Inputs
from tinyc.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The class of one sample with the highest `score` (a real value), and the right one where it is known."""

    sample: int
    predicted: int
    score: float
    label: int | None


def predictions(report: Report, inputs: Inputs | None) -> tuple[Prediction, ...]:
    """One per sample of `inputs`; none where the model has no single class vector as output."""
    outputs = report.analysis.program.outputs
    if (
        inputs is None
        or len(outputs) != 1
        or not _is_classifier(report.analysis.model.graph, outputs[0].tensor, inputs)
    ):
        return ()
    labels = [None] * report.samples if inputs.labels is None else [int(label) for label in inputs.labels]
    scores = [_real(outputs[0].tensor, values[0].reshape(-1)) for values in report.result.outputs]
    return tuple(
        Prediction(sample=number, predicted=int(score.argmax()), score=float(score.max()), label=label)
        for number, (score, label) in enumerate(zip(scores, labels, strict=True))
    )


def _is_classifier(graph: Graph, output: Tensor, inputs: Inputs) -> bool:
    """Whether the output is one vector that a softmax made, or that the user has labels for."""
    if output.elements != output.shape[-1] or output.elements < 2:
        return False
    producers = graph.producers()
    writer = producers.get(graph.outputs[0])
    while writer is not None and isinstance(writer.op, Dequantize | Quantize | Reshape):
        writer = producers.get(writer.inputs[0] or "")
    return inputs.labels is not None or (writer is not None and isinstance(writer.op, Softmax))


def _real(tensor: Tensor, stored: Array) -> Array:
    if tensor.dtype is DType.FLOAT32 or tensor.quantization is None:
        return stored
    return (stored.astype(np.float64) - tensor.zero_point) * tensor.scale
