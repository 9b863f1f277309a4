"""What a command found out: the nouns that the pipeline fills and that tables and JSON are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyc.board import Board
from tinyc.build import Firmware
from tinyc.ir import Graph
from tinyc.lower import Program
from tinyc.plan import Plan
from tinyc.run import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model file and the graph it holds, as imported, before any rewrite."""

    path: Path
    sha256: str
    format: str
    graph: Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The comparison of the target with the reference.

    `values` output elements over all samples were compared, and every row of `tensors` surviving tensors (`tensor_rows` in all, over all
    samples).  `mismatches` counts differing output elements, `row_mismatches` differing rows; `first` names the first difference.
    `witness` is the independent runtime that confirmed the numpy reference, or empty with the reason in `witness_note`.
    """

    oracle: str
    witness: str
    witness_note: str
    values: int
    mismatches: int
    max_abs_difference: float
    tensors: int
    tensor_rows: int
    row_mismatches: int
    first: str

    @property
    def equal(self) -> bool:
        return self.mismatches == 0 and self.row_mismatches == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Wall-clock time of the stages; zero where a stage did not run."""

    analyze: float
    build: float = 0.0
    run: float = 0.0

    @property
    def total(self) -> float:
        return self.analyze + self.build + self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The model, planned for a board (None: for a plain core, no limits) and nothing built; `io` is quantized or model."""

    model: Model
    io: str
    board: Board | None
    removed_channels: int
    """How many channels went because nobody needs them or others equal them."""
    program: Program
    schedule: str
    input: str
    ways: tuple[Plan, ...]
    """The ways to run the model, least work and most memory first; only the plan where no others were asked for."""
    stack_allowance: int
    """What `--ram` must leave beside each arena."""
    seconds: Seconds

    @property
    def macs_executed(self) -> int:
        """The multiply-accumulates of one inference, those included that tiles compute again."""
        return sum(layer.macs for layer in self.program.layers) + self.program.plan.extra_macs


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A deployment from the model file to the comparison."""

    analysis: Analysis
    firmware: Firmware
    result: RunResult
    check: Check
    samples: int
    seconds: Seconds
