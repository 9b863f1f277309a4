"""A Plan becomes a Program: C symbols, constants and loops, with no choice left."""

from tinyc.lower.lower import lower
from tinyc.lower.program import Constant, Layer, Loop, Port, Program, Source

__all__ = ["Constant", "Layer", "Loop", "Port", "Program", "Source", "lower"]
