"""By how much the catalogue's costs are off, as counted: calibration.json beside this file, which `tinyc bench --calibrate` writes.

Decision: one factor for each kernel on each kind of core; how a cost depends on shapes is read off the kernel's code and stays in Python.
Because: so it is right for shapes that were never measured.  Rejected: fitted coefficients, which are not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path

from tinyc.kernels.contract import Isa

CALIBRATION = Path(__file__).with_name("calibration.json")
DIGITS = 2
"""Decimals of a factor: few enough for a second calibration to find the same."""
Factors = Mapping[Isa, Mapping[str, float]]
"""By the best instruction set of a core, then by the kernel's name; 1 where a kernel's cost is near what was counted, or never was."""


def best(isas: Collection[Isa]) -> Isa:
    """The kind of a core: the instruction set of its fastest kernels, the last one that it has."""
    return [isa for isa in Isa if isa in isas][-1]


@lru_cache(maxsize=1)
def factors(path: Path = CALIBRATION) -> Factors:
    """The file's factors."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {Isa(core): own for core, own in document.items()}


def text(found: Factors) -> str:
    """What `factors` reads, sorted and rounded."""
    document = {
        isa.value: {name: round(found[isa][name], DIGITS) for name in sorted(found[isa])} for isa in Isa if isa in found
    }
    return json.dumps(document, indent=1) + "\n"
