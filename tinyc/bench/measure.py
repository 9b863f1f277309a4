"""One measurement, in a process of its own: a model deployed in one setting, or a single layer."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tinyc.bench.layers import LAYERS, as_graph, instructions
from tinyc.bench.results import EQUAL, IMPOSSIBLE, Counts, LayerCount, LayerResult, Outcome
from tinyc.errors import TinycError, UsageError
from tinyc.lower import predicted_layers, predicted_total
from tinyc.pipeline import Options, deploy
from tinyc.report import Report, to_json

SAMPLES = 1
"""Random inputs a run, beside the edge ones; counts depend on the first alone."""


VERDICT_LENGTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a model is deployed: a board, and the options that counts depend on."""

    board: str
    optimize: str = "speed"
    schedule: str = "auto"
    input: str = "whole"

    @property
    def key(self) -> str:
        """The board's name, then what is not the default: `mps2_an386`, `mps2_an386 size`, `mps2_an386 rows`."""
        words = [self.optimize] if self.optimize != "speed" else []
        words += [self.schedule] if self.schedule != "auto" else []
        words += [self.input] if self.input != "whole" else []
        return " ".join([self.board, *words])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelJob:
    """A model in one setting; `profile` counts its layers too.  `macs` only orders the jobs."""

    path: Path
    setting: Setting
    profile: bool = False
    macs: int = 0

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        return f"{self.name} on {self.setting.key}"

    def measure(self) -> Outcome:
        """The outcome, whatever it is: a bench goes on."""
        setting = self.setting
        options = Options(
            samples=SAMPLES,
            profile=self.profile,
            optimize=setting.optimize,
            schedule=setting.schedule,
            input=setting.input,
        )
        try:
            report = deploy(self.path, board=setting.board, on="qemu", options=options, progress=lambda message: None)
        except UsageError as error:
            return _refused(f"{IMPOSSIBLE}: {error.message}")
        except TinycError as error:
            return _refused(str(error))
        except Exception as error:  # one model's bug must not cost the other models' figures
            return _refused(f"bug: {type(error).__name__}: {error}")
        return _outcome(report)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerJob:
    """The single layer at `index` of LAYERS, on a board, under one `--optimize`."""

    index: int
    board: str
    optimize: str
    macs: int = 0

    @property
    def name(self) -> str:
        return LAYERS[self.index].name

    @property
    def title(self) -> str:
        return f"layer {self.name} on {self.board}, --optimize {self.optimize}"

    @property
    def key(self) -> str:
        """As `Setting.key`."""
        return Setting(board=self.board, optimize=self.optimize).key

    def measure(self) -> LayerResult:
        """The layer's count."""
        graph = as_graph(LAYERS[self.index])
        try:
            count = instructions(graph, board=self.board, optimize=self.optimize)
        except TinycError:
            count = None
        return LayerResult(macs=graph.macs(), instructions={self.key: count})


def _refused(reason: str) -> Outcome:
    """An outcome without figures; the reason without the folders of this very run, so that a record stays the same."""
    return Outcome(verdict=textwrap.shorten(re.sub(r"/\S*/", "", reason), VERDICT_LENGTH, placeholder=" ..."))


def _outcome(report: Report) -> Outcome:
    document = to_json(report)
    memory, flash, run = document["memory"], document["flash"], document["run"]
    counts = Counts(
        arena_bytes=memory["arena_bytes"],
        stack_bytes=memory["stack_bytes"],
        static_bytes=memory["static_bytes"],
        peak_sram_bytes=memory["peak_sram_bytes"],
        code_bytes=flash["code_bytes"],
        weights_bytes=flash["weights_bytes"],
        instructions=run["instructions"],
    )
    graph = report.analysis.model.graph
    check = report.check
    verdict = EQUAL if check.equal else f"{check.mismatches:,} values and {check.row_mismatches:,} rows differ"
    return Outcome(
        verdict=verdict,
        counts=counts,
        macs=graph.macs(),
        model_weights_bytes=sum(tensor.bytes for tensor in graph.tensors.values() if tensor.is_constant),
        predicted=predicted_total(report.analysis.program),
        layers=_layer_counts(report),
    )


def _layer_counts(report: Report) -> tuple[LayerCount, ...]:
    counted = report.result.layer_instructions
    if counted is None:
        return ()
    program, classes = report.analysis.program, report.result.classes
    predicted = predicted_layers(program)
    return tuple(
        LayerCount(
            model=report.analysis.model.path.stem,
            board=report.firmware.board.name,
            index=layer.index,
            kernel=layer.kernel.name,
            macs=layer.macs,
            predicted=predicted[layer.index],
            instructions=counted[layer.index],
            classes=None if classes is None else classes.layers[layer.index],
        )
        for layer in program.layers
    )
