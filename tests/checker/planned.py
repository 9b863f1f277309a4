"""Programs to corrupt: small built graphs, planned in every way there is."""

from __future__ import annotations

from functools import lru_cache

from graphs import Builder

from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.ops import (
    Activation,
    Add,
    Concatenation,
    MaxPool2D,
    Mean,
    Mul,
    Padding,
    ResizeNearestNeighbor,
    StridedSlice,
)
from tinyc.passes import rewrite
from tinyc.passes.input_by_rows import input_by_rows
from tinyc.plan import Bank, make_plan

SAME = Padding(top=1, bottom=1, left=1, right=1)
PREFIX = "model"


def chain(seed: int) -> Graph:
    """Convolutions that narrow: strides, padding, a depthwise one between two 1x1, a pool."""
    b = Builder(seed)
    x = b.input(1, 17, 12, 3)
    x = b.conv2d(x, 8, padding=SAME)
    x = b.depthwise(x, (3, 3), stride=(2, 2), padding=SAME)
    x = b.conv2d(x, 12, (1, 1))
    x = b.apply(MaxPool2D(size=(2, 2), stride=(1, 1)), x, like=x)
    x = b.conv2d(x, 6, (3, 3), dilation=(2, 2), padding=Padding(top=2, bottom=2, left=2, right=2))
    return b.graph(x)


def residual(seed: int) -> Graph:
    """Two residual blocks, the second with a strided shortcut."""
    b = Builder(seed)
    x = b.conv2d(b.input(1, 12, 10, 4), 8, padding=SAME, activation=Activation.RELU)
    y = b.conv2d(b.conv2d(x, 8, padding=SAME), 8, padding=SAME)
    x = b.apply(Add(), x, y)
    y = b.conv2d(b.conv2d(x, 12, stride=(2, 2), padding=SAME), 12, padding=SAME)
    short = b.conv2d(x, 12, (1, 1), stride=(2, 2))
    return b.graph(b.apply(Add(), short, y))


def inception(seed: int) -> Graph:
    """Branches that meet in a concatenation, two of them without a copy; two outputs."""
    b = Builder(seed)
    x = b.conv2d(b.input(1, 10, 9, 3), 6, padding=SAME)
    one = b.conv2d(x, 4, (1, 1), like=x)
    three = b.conv2d(b.conv2d(x, 4, (1, 1)), 8, padding=SAME, like=x)
    joined = b.apply(Concatenation(axis=3), one, three, x, like=x)
    y = b.depthwise(joined, (3, 3), padding=SAME)
    return b.graph(b.conv2d(y, 5, (1, 1)), three)


def hourglass(seed: int) -> Graph:
    """Down, up again by resizing, with a skip; a slice; a gate from a mean over the image."""
    b = Builder(seed)
    x = b.conv2d(b.input(1, 12, 8, 3), 8, padding=SAME)
    low = b.conv2d(x, 8, stride=(2, 2), padding=SAME)
    up = b.apply(ResizeNearestNeighbor(size=(12, 8)), low, like=low)
    x = b.conv2d(b.apply(Add(), x, up), 8, padding=SAME)
    gate = b.conv2d(b.apply(Mean(axes=(1, 2), keep_dims=True), x), 8, (1, 1))
    x = b.apply(Mul(), x, gate)
    return b.graph(b.apply(StridedSlice(begin=(0, 1, 2, 1), end=(1, 11, 8, 7), strides=(1, 1, 2, 1)), x, like=x))


def wide_kernels(seed: int) -> Graph:
    """Asymmetric padding, tall and wide kernels, a depthwise multiplier."""
    b = Builder(seed)
    x = b.conv2d(b.input(1, 14, 9, 2), 5, (5, 2), padding=Padding(top=1, bottom=3, left=0, right=1))
    x = b.depthwise(x, (4, 3), multiplier=2, padding=Padding(top=2, bottom=1, left=1, right=1))
    x = b.conv2d(x, 7, (1, 1))
    return b.graph(b.depthwise(x, (3, 1), stride=(2, 1), padding=Padding(top=0, bottom=1, left=0, right=0)))


GRAPHS = (chain, residual, inception, hourglass, wide_kernels)
WAYS = ("layers", "stream", "strips", "patches", "rows", "banks", "rows in banks")


@lru_cache(maxsize=64)
def program(make: str, way: str, seed: int = 0) -> Program:
    """The graph of that name, planned: by layers, in regions, in strips or patches, with its input by rows, in several banks."""
    graph = rewrite({each.__name__: each for each in GRAPHS}[make](seed))
    isas = (Isa.SCALAR,) if seed % 2 else (Isa.SCALAR, Isa.DSP)
    if way.endswith("banks"):
        return _in_banks(input_by_rows(graph) if way.startswith("rows") else graph, isas)
    if way == "rows":
        return _lowered(input_by_rows(graph), isas, "auto", None)
    if way == "strips":
        least = _lowered(graph, isas, "auto", None).arena_bytes
        plans = (_lowered(graph, isas, "auto", least * percent // 100) for percent in (99, 96, 92, 88, 80))
        return next((plan for plan in plans if plan.plan.extra_macs), _lowered(graph, isas, "auto", None))
    return _lowered(graph, isas, way, None)


def _in_banks(graph: Graph, isas: tuple[Isa, ...]) -> Program:
    """A small fast bank without DMA, and two slower ones, none of which has room for everything."""
    most = make_plan(graph, isas=isas, schedule="layers").arena_bytes
    banks = (
        Bank(name="fast", bytes=most // 4, dma=False),
        Bank(name="slow", bytes=most * 3 // 4, tier=1),
        Bank(name="far", bytes=most, tier=2),
    )
    plan = make_plan(graph, isas=isas, schedule="stream", banks=banks)
    assert plan.placement.fits and len(plan.placement.banks) > 1
    return lower(plan, model_name=PREFIX, sha256="0" * 64)


def _lowered(graph: Graph, isas: tuple[Isa, ...], schedule: str, budget: int | None) -> Program:
    plan = make_plan(graph, isas=isas, schedule=schedule, budget=budget)
    return lower(plan, model_name=PREFIX, sha256="0" * 64)
