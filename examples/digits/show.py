"""Draw the images that a deployment was run on, with what the firmware read in them.

tinyc deploy examples/digits/digits.tflite --board stm32f746 --inputs examples/digits/digits_test.npz --json report.json
python examples/digits/show.py report.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

INK = " .:-=+*#%@"
ACROSS = 4
WIDTH = 18


def drawn(image: npt.NDArray[np.float32]) -> list[str]:
    """The image as text, two characters a pixel, dark for ink."""
    levels = (image[..., 0] * (len(INK) - 1)).round().astype(int)
    return ["".join(2 * INK[level] for level in row).ljust(WIDTH) for row in levels]


def caption(prediction: dict[str, Any]) -> str:
    verdict = "" if prediction["predicted"] == prediction["label"] else f", wrong: {prediction['label']}"
    return f"read as {prediction['predicted']}{verdict}".ljust(WIDTH)


def main(report: Path) -> None:
    """Print the images of the report's predictions, some side by side."""
    images = np.load(Path(__file__).parent / "digits_test.npz")["image"]
    predictions = json.loads(report.read_text())["predictions"]
    for start in range(0, len(predictions), ACROSS):
        group = predictions[start : start + ACROSS]
        pictures = [[*drawn(images[prediction["sample"]]), caption(prediction)] for prediction in group]
        print("\n".join("  ".join(lines).rstrip() for lines in zip(*pictures, strict=True)), end="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
