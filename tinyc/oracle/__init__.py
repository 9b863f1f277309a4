"""Who says what is right: the numpy meaning defines every value, an independent runtime confirms it."""

from tinyc.oracle.numpy import evaluate

__all__ = ["evaluate"]
