"""tinyc: a trained, quantized model becomes firmware for a microcontroller, proven equal to the model's meaning."""

__version__ = "0.1.0"
