"""Single layers as models of their own: random weights, biases and scales from one seed, deployed and compared like any model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyc.board import load
from tinyc.build import Target, build
from tinyc.emit import emit
from tinyc.ir import DType, Graph, Op, Operation, Quantization, Tensor
from tinyc.ir.types import Array, Shape
from tinyc.kernels.contract import Isa
from tinyc.lower import lower
from tinyc.ops import Activation, Conv2D, DepthwiseConv2D, FullyConnected, Padding
from tinyc.oracle.tflite import Witness
from tinyc.passes import rewrite
from tinyc.plan import make_plan
from tinyc.report.compare import check, make_samples
from tinyc.run import run

WEIGHT_SPREAD = 40.0
"""The standard deviation of the weights, as stored: few reach the ends of int8, as in trained models."""
INPUT_SCALE, OUTPUT_SCALE, WEIGHT_SCALE = 0.05, 0.023, 0.02
NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleLayer:
    """A layer by its shapes: `weights` as its operator stores them (OHWI, 1HWO, OI); a ReLU follows."""

    name: str
    op: Op
    x: Shape
    weights: Shape


def _same(total: int) -> Padding:
    """Padding of `total` rows and columns, the odd one last."""
    return Padding(total // 2, total - total // 2, total // 2, total - total // 2)


def _conv(name: str, x: Shape, kernel: int, channels: int, *, stride: int = 1) -> SingleLayer:
    padding = _same(max(kernel - stride, 0))
    op = Conv2D(stride=(stride, stride), dilation=(1, 1), padding=padding, activation=Activation.RELU)
    return SingleLayer(name=name, op=op, x=x, weights=(channels, kernel, kernel, x[3]))


def _depthwise(name: str, x: Shape, *, stride: int = 1) -> SingleLayer:
    padding = _same(3 - stride)
    op = DepthwiseConv2D(
        stride=(stride, stride), dilation=(1, 1), padding=padding, activation=Activation.RELU, multiplier=1
    )
    return SingleLayer(name=name, op=op, x=x, weights=(1, 3, 3, x[3]))


LAYERS: tuple[SingleLayer, ...] = (
    _conv("1x1 12x12x64->64", (1, 12, 12, 64), 1, 64),
    _conv("1x1 48x48x8->16", (1, 48, 48, 8), 1, 16),
    _conv("1x1 6x6x128->128", (1, 6, 6, 128), 1, 128),
    _conv("3x3 32x32x16->16", (1, 32, 32, 16), 3, 16),
    _conv("3x3 8x8x64->64", (1, 8, 8, 64), 3, 64),
    _conv("3x3 s2 96x96x3->8", (1, 96, 96, 3), 3, 8, stride=2),
    _depthwise("dw3x3 48x48x8", (1, 48, 48, 8)),
    _depthwise("dw3x3 s2 48x48x16", (1, 48, 48, 16), stride=2),
    _depthwise("dw3x3 12x12x64", (1, 12, 12, 64)),
    SingleLayer(name="dense 640->128", op=FullyConnected(activation=Activation.RELU), x=(1, 640), weights=(128, 640)),
)
"""The layers that peers.toml has figures for."""


def as_graph(layer: SingleLayer, *, seed: int = 4) -> Graph:
    """The layer as a model with one operation."""
    random = np.random.default_rng(seed)
    axis = 3 if isinstance(layer.op, DepthwiseConv2D) else 0
    channels = layer.weights[axis]
    depth = int(np.prod(layer.weights)) // channels
    spread = WEIGHT_SPREAD * np.sqrt(depth) * 73 / 20
    scales = tuple(float(np.float32(WEIGHT_SCALE * each / spread)) for each in random.uniform(0.3, 2.0, channels))
    matrix = np.clip(random.normal(0, WEIGHT_SPREAD, layer.weights), -127, 127).astype(np.int8)
    biases = random.integers(-depth * 500, depth * 500 + 1, channels).astype(np.int32)
    x = _activation("x", layer.x, INPUT_SCALE, int(random.integers(-128, 128)))
    quantization = Quantization(scales=scales, zero_points=(0,) * channels, axis=axis)
    weights = Tensor(name="weights", shape=layer.weights, dtype=DType.INT8, quantization=quantization, data=matrix)
    bias = _bias(biases, [INPUT_SCALE * scale for scale in scales])
    inputs = (x, weights, bias)
    (shape,) = layer.op.output_shapes(inputs)
    y = _activation("y", shape, OUTPUT_SCALE, -128)
    operation = Operation(name="layer", op=layer.op, inputs=("x", "weights", "bias"), outputs=("y",), source_index=0)
    tensors = {tensor.name: tensor for tensor in (*inputs, y)}
    return Graph(name="layer", tensors=tensors, operations=(operation,), inputs=("x",), outputs=("y",)).verify()


def _activation(name: str, shape: Shape, scale: float, zero_point: int) -> Tensor:
    quantization = Quantization(scales=(float(np.float32(scale)),), zero_points=(zero_point,))
    return Tensor(name=name, shape=shape, dtype=DType.INT8, quantization=quantization)


def _bias(values: Array, scales: list[float]) -> Tensor:
    quantization = Quantization(
        scales=tuple(float(np.float32(scale)) for scale in scales), zero_points=(0,) * len(scales), axis=0
    )
    return Tensor(name="bias", shape=values.shape, dtype=DType.INT32, quantization=quantization, data=values)


def instructions(graph: Graph, *, board: str, optimize: str) -> int | None:
    """The instructions of one inference in the emulator; None where a value or a row is not what numpy says."""
    target = load(board)
    plan = make_plan(rewrite(graph), isas=tuple(Isa(name) for name in target.isas))
    program = lower(plan, model_name=graph.name, sha256=NO_HASH, share=optimize == "size")
    samples = make_samples([port.tensor for port in program.inputs], count=1, seed=0)
    with tempfile.TemporaryDirectory(prefix="tinyc-bench-") as folder:
        firmware = build(emit(program), board=target, target=Target.parse("qemu"), directory=Path(folder))
        result = run(firmware, samples)
    alone = Witness(note="a layer by itself has no model file")
    compared = check(original=graph, program=program, samples=samples, result=result, witness=alone)
    return result.instructions if compared.equal else None
