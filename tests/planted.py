"""Graphs with channels and taps that cannot matter, planted into the weights and biases of any graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyc.ir import Graph, Operation, Tensor
from tinyc.ir.types import Array
from tinyc.ops import Conv2D, DepthwiseConv2D, FullyConnected

LINEAR = (Conv2D, DepthwiseConv2D, FullyConnected)
FAR = 2**27
"""A bias that saturates any output."""


def planted(graph: Graph, seed: int) -> Graph:
    """`graph` with zero filters, zero weight columns, zero outer taps and saturating biases in random places."""
    random = np.random.default_rng(seed)
    tensors = dict(graph.tensors)
    for operation in graph.operations:
        if isinstance(operation.op, LINEAR):
            _plant(operation, tensors, random)
    return replace(graph, tensors=tensors).verify()


def with_data(graph: Graph, **data: Array) -> Graph:
    """`graph` with other values in some constants."""
    changed = {name: replace(graph.tensors[name], data=values) for name, values in data.items()}
    return replace(graph, tensors={**graph.tensors, **changed}).verify()


def _plant(operation: Operation, tensors: dict[str, Tensor], random: np.random.Generator) -> None:
    _, weights, bias = (*operation.inputs, None)[:3]
    assert weights is not None
    axis = 3 if isinstance(operation.op, DepthwiseConv2D) else 0
    values = np.moveaxis(tensors[weights].values.copy(), axis, 0)
    share = random.choice([0.0, 0.3, 0.7, 0.95])
    values[random.random(values.shape[0]) < share] = 0
    if axis == 0:
        values[..., random.random(values.shape[-1]) < random.choice([0.0, 0.3, 0.7])] = 0
    if values.ndim == 4 and random.random() < 0.3:
        _blank_taps(np.moveaxis(values, 0, axis), random)
    tensors[weights] = replace(tensors[weights], data=np.ascontiguousarray(np.moveaxis(values, 0, axis)))
    if bias is not None:
        biases = tensors[bias].values.copy()
        chosen = random.random(biases.size)
        biases[chosen < 0.2] = random.choice([-FAR, FAR])
        biases[chosen > 0.8] = 0
        tensors[bias] = replace(tensors[bias], data=biases)


def _blank_taps(weights: Array, random: np.random.Generator) -> None:
    side = random.integers(0, 4)
    if side & 1:
        weights[:, 0] = 0
    if side & 2:
        weights[:, :, -1] = 0
