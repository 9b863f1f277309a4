"""Three small models for the tests of generated code: a residual block, a branching one, and one that ends in a classifier."""

from __future__ import annotations

from functools import lru_cache

from graphs import Builder

from tinyc.board import load
from tinyc.build import arena_banks
from tinyc.emit import SourceTree, emit
from tinyc.ir import Graph
from tinyc.kernels.contract import Isa
from tinyc.lower import lower
from tinyc.ops import (
    Activation,
    Add,
    AveragePool2D,
    Concatenation,
    Logistic,
    MaxPool2D,
    Mul,
    Padding,
    Reshape,
    ResizeNearestNeighbor,
    Softmax,
)
from tinyc.passes import rewrite
from tinyc.plan import Bank, make_plan

SAME = Padding(1, 1, 1, 1)


def residual() -> Graph:
    """A stem, an inverted bottleneck around which its input goes, and a pool."""
    builder = Builder(1)
    x = builder.input(1, 12, 10, 3, scale=0.05, zero=-128)
    stem = builder.conv2d(x, 4, stride=(2, 2), padding=Padding(0, 1, 0, 1), activation=Activation.RELU6)
    wide = builder.conv2d(stem, 8, (1, 1), activation=Activation.RELU6)
    deep = builder.depthwise(wide, padding=SAME, activation=Activation.RELU6)
    narrow = builder.conv2d(deep, 4, (1, 1), like=stem)
    added = builder.apply(Add(), stem, narrow, like=stem)
    return builder.graph(builder.apply(MaxPool2D(size=(2, 2), stride=(2, 2)), added, like=stem))


def branching() -> Graph:
    """Two inputs, a concatenation on channels, a resized skip, a gate of one pixel, two outputs."""
    builder = Builder(2)
    x = builder.input(1, 8, 6, 4, scale=0.04, zero=3)
    gate = builder.input(1, 1, 1, 6, scale=1 / 256, zero=-128)
    left = builder.conv2d(x, 2, like=x, padding=SAME, bias=False)
    right = builder.depthwise(x, (3, 1), stride=(2, 2), padding=Padding(1, 1, 0, 0), like=x)
    up = builder.apply(ResizeNearestNeighbor(size=(8, 6)), right, like=x)
    joined = builder.apply(Concatenation(axis=3), left, up, like=x)
    gated = builder.apply(Mul(), joined, gate, like=x)
    pooled = builder.apply(AveragePool2D(size=(3, 3), stride=(2, 2), padding=SAME), gated, like=x)
    return builder.graph(gated, builder.apply(Logistic(), pooled, scale=1 / 256, zero=-128))


def classifier() -> Graph:
    """Dense layers and a softmax."""
    builder = Builder(3)
    x = builder.input(1, 5, 4, 1, scale=0.1, zero=0)
    flat = builder.apply(Reshape(shape=(1, 20)), x, like=x)
    hidden = builder.dense(flat, 9, activation=Activation.RELU)
    return builder.graph(builder.apply(Softmax(), builder.dense(hidden, 5), scale=1 / 256, zero=-128))


MODELS = {"residual": residual, "branching": branching, "classifier": classifier}


@lru_cache(maxsize=16)
def tree(model: str, board: str) -> SourceTree:
    """The C of a model for a board."""
    isas = tuple(Isa(name) for name in load(board).isas)
    banks = arena_banks(load(board), MODELS[model]())
    return fresh_tree(model, isas, banks if len(banks) > 1 else ())


def fresh_tree(model: str, isas: tuple[Isa, ...], banks: tuple[Bank, ...] = ()) -> SourceTree:
    plan = make_plan(rewrite(MODELS[model]()), isas=isas, banks=banks)
    return emit(lower(plan, model_name=model, sha256="5a" * 32))
