"""Sums, products and functions of one element against the witnesses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models import single, tensor
from witnesses import agree, seeds

from tinyc.ir import DType, Tensor

TABLES = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}
SHAPES = (
    ((1, 3, 5, 4), (1, 3, 5, 4)),
    ((1, 3, 5, 4), (4,)),
    ((1, 3, 5, 4), (1, 1, 1, 4)),
    ((1, 1, 1, 4), (1, 3, 5, 4)),
    ((1, 3, 5, 4), (1, 3, 5, 1)),
    ((1, 3, 1, 4), (1, 1, 5, 1)),
    ((7, 256), (7, 256)),
    ((7, 256), (1, 256)),
    ((64,), (1,)),
)
EVERY_BYTE = np.arange(-128, 128, dtype=np.int8)


def draw(
    random: np.random.Generator, name: str, shape: tuple[int, ...], low: float = 0.001, high: float = 0.5
) -> Tensor:
    scale = float(np.exp(random.uniform(np.log(low), np.log(high))))
    return tensor(name, *shape, scale=scale, zero=int(random.integers(-128, 128)))


def with_data(random: np.random.Generator, t: Tensor) -> Tensor:
    data = random.integers(-128, 128, t.shape).astype(np.int8)
    return Tensor(name=t.name, shape=t.shape, dtype=t.dtype, quantization=t.quantization, data=data)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("seed", seeds(2, 6))
@pytest.mark.parametrize("kind", TABLES)
def test_sums_and_products(kind: str, seed: int, shapes: tuple[tuple[int, ...], ...], tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    a, b = draw(random, "a", shapes[0]), draw(random, "b", shapes[1])
    if seed % 2:
        b = with_data(random, b)
    spread = a.scale * b.scale * 128 if kind == "MUL" else max(a.scale, b.scale)
    y = tensor(
        "y",
        *np.broadcast_shapes(*shapes),
        scale=float(spread * random.uniform(0.3, 2.0)),
        zero=int(random.integers(-128, 128)),
    )
    model = single(kind, [a, b], y, TABLES[kind], FusedActivationFunction=int(random.integers(0, 4)))
    agree(model, tmp_path, seed=seed)


@pytest.mark.parametrize("seed", [*seeds(4, 34), 34])
@pytest.mark.parametrize("kind", TABLES)
def test_every_pair_of_bytes(kind: str, seed: int, tmp_path: Path) -> None:
    """256 x 256 pairs under scales that are drawn freely, so that ties and last bits of the multipliers show."""
    random = np.random.default_rng(seed)
    a, b = draw(random, "a", (256, 1)), draw(random, "b", (1, 256))
    spread = a.scale * b.scale * 128 if kind == "MUL" else max(a.scale, b.scale)
    y = tensor("y", 256, 256, scale=float(spread * random.uniform(0.3, 2.0)), zero=int(random.integers(-128, 128)))
    a = Tensor(name="a", shape=a.shape, dtype=a.dtype, quantization=a.quantization, data=EVERY_BYTE.reshape(256, 1))
    agree(single(kind, [a, b], y, TABLES[kind]), tmp_path, seed=seed, extra=[(EVERY_BYTE.reshape(1, 256),)])


def unary(random: np.random.Generator, *, low: float = 0.001, high: float = 0.5) -> Tensor:
    return draw(random, "x", (1, 256), low, high)


ALL = [(EVERY_BYTE.reshape(1, 256),)]


@pytest.mark.parametrize("seed", seeds(5, 25))
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("kind", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_relu(kind: str, same: bool, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    x = unary(random, low=0.03)
    scale, zero = (
        (x.scale, x.zero_point) if same else (x.scale * random.uniform(0.3, 2.0), int(random.integers(-128, 128)))
    )
    y = tensor("y", 1, 256, scale=scale, zero=zero)
    agree(single(kind, [x], y), tmp_path, tflm=kind == "RELU", extra=ALL)


@pytest.mark.parametrize("seed", seeds(10, 60))
def test_logistic(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    x = unary(random, low=1e-6, high=30.0)
    model = single("LOGISTIC", [x], tensor("y", 1, 256, scale=1 / 256, zero=-128))
    agree(model, tmp_path, seed=seed, lite=x.scale < 2.0, extra=ALL)


@pytest.mark.parametrize("seed", seeds(10, 60))
def test_softmax(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    shape = ((1, 256), (37, 7), (5, 1), (1, 3, 5, 40), (11,), (1, 511))[seed % 6]
    x = draw(random, "x", shape, low=0.0005, high=20.0)
    y = tensor("y", *shape, scale=1 / 256, zero=-128)
    beta = float(random.choice([1.0, 0.1, 3.7]))
    agree(
        single("SOFTMAX", [x], y, "SoftmaxOptions", Beta=beta),
        tmp_path,
        seed=seed,
        extra=ALL if shape == (1, 256) else (),
    )


@pytest.mark.parametrize("seed", seeds(7, 30))
@pytest.mark.parametrize("types", [("INT8", "INT8"), ("UINT8", "INT8"), ("INT8", "UINT8"), ("UINT8", "UINT8")], ids=str)
def test_requantize(types: tuple[str, str], seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    tensors = []
    scale = float(np.exp(random.uniform(np.log(0.001), np.log(0.5))))
    for name, kind in zip("xy", types, strict=True):
        low, high = DType[kind].limits
        tensors.append(tensor(name, 1, 256, dtype=DType[kind], scale=scale, zero=int(random.integers(low, high + 1))))
        scale *= 1.0 if seed < 5 else random.uniform(0.3, 3.0)
    every = np.arange(256).astype(np.uint8).view(DType[types[0]].numpy).reshape(1, 256)
    agree(single("QUANTIZE", tensors[:1], tensors[1]), tmp_path, tflm=types != ("UINT8", "UINT8"), extra=[(every,)])


@pytest.mark.parametrize("seed", seeds(5, 20))
@pytest.mark.parametrize("kind", ["INT8", "UINT8"])
def test_quantize(kind: str, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    low, high = DType[kind].limits
    scale = float(np.exp(random.uniform(np.log(0.01), np.log(0.5)))) if seed else 0.5
    y = tensor("y", 1, 4096, dtype=DType[kind], scale=scale, zero=int(random.integers(low, high + 1)))
    x = tensor("x", 1, 4096, dtype=DType.FLOAT32)
    halves = ((np.arange(4096) - 2048) * np.float32(y.scale) / np.float32(2)).astype(np.float32).reshape(1, 4096)
    neighbours = np.nextafter(halves, np.float32(np.inf)), np.nextafter(halves, np.float32(-np.inf))
    extra = [(values,) for values in (halves, *neighbours)]
    agree(single("QUANTIZE", [x], y), tmp_path, seed=seed, tflm=kind == "INT8", extra=extra)


@pytest.mark.parametrize("seed", seeds(5, 20))
@pytest.mark.parametrize("kind", ["INT8", "UINT8"])
def test_dequantize(kind: str, seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    low, high = DType[kind].limits
    scale = float(np.exp(random.uniform(np.log(0.001), np.log(0.5))))
    x = tensor("x", 1, 256, dtype=DType[kind], scale=scale, zero=int(random.integers(low, high + 1)))
    y = tensor("y", 1, 256, dtype=DType.FLOAT32)
    every = np.arange(256).astype(np.uint8).view(DType[kind].numpy).reshape(1, 256)
    agree(single("DEQUANTIZE", [x], y), tmp_path, extra=[(every,)])
