"""A Plan becomes a Program: C symbols, constants and loops, with no choice left."""

from tinyc.lower.lower import lower
from tinyc.lower.predict import predicted_layers, predicted_total
from tinyc.lower.program import Constant, Demand, Layer, Loop, Port, Program, RegionLoop, Source

__all__ = [
    "Constant",
    "Demand",
    "Layer",
    "Loop",
    "Port",
    "Program",
    "RegionLoop",
    "Source",
    "lower",
    "predicted_layers",
    "predicted_total",
]
