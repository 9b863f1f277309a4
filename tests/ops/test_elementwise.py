"""Sums, products and functions of one element against the witnesses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models import single, tensor
from witnesses import agree

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


def draw(random: np.random.Generator, name: str, shape: tuple[int, ...], low: float = 0.001, high: float = 0.5) -> Tensor:
    scale = float(np.exp(random.uniform(np.log(low), np.log(high))))
    return tensor(name, *shape, scale=scale, zero=int(random.integers(-128, 128)))


def with_data(random: np.random.Generator, t: Tensor) -> Tensor:
    data = random.integers(-128, 128, t.shape).astype(np.int8)
    return Tensor(name=t.name, shape=t.shape, dtype=t.dtype, quantization=t.quantization, data=data)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
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


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", TABLES)
def test_every_pair_of_bytes(kind: str, seed: int, tmp_path: Path) -> None:
    """256 x 256 pairs under scales that are drawn freely, so that ties and last bits of the multipliers show."""
    random = np.random.default_rng(1000 + seed)
    a, b = draw(random, "a", (256, 1)), draw(random, "b", (1, 256))
    spread = a.scale * b.scale * 128 if kind == "MUL" else max(a.scale, b.scale)
    y = tensor("y", 256, 256, scale=float(spread * random.uniform(0.3, 2.0)), zero=int(random.integers(-128, 128)))
    a = Tensor(name="a", shape=a.shape, dtype=a.dtype, quantization=a.quantization, data=EVERY_BYTE.reshape(256, 1))
    agree(single(kind, [a, b], y, TABLES[kind]), tmp_path, seed=seed, count=40)
