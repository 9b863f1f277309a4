"""A report as JSON; design.md section 9 fixes the keys, more may be added, none renamed.

What a command did not do is null: `analyze` knows no stack, no code size, no `run` and no `check`, and this
computer as a target counts no instructions and no stack.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from tinyc.board import Board
from tinyc.lower import Program, predicted_layers, predicted_total
from tinyc.passes import overflowing
from tinyc.plan.plan import layer_by_layer_bytes
from tinyc.report.fit import by_bank
from tinyc.report.inputs import Inputs
from tinyc.report.predictions import predictions
from tinyc.report.report import Analysis, Check, Report, Seconds

Document = dict[str, Any]


def to_json(subject: Analysis | Report, *, inputs: Inputs | None = None) -> Document:
    """The document of an analysis or of a whole deployment."""
    if isinstance(subject, Analysis):
        return _analysis(subject) | {"run": None, "check": None, "seconds": _seconds(subject.seconds)}
    document = _analysis(subject.analysis)
    document["memory"] |= _measured_memory(subject)
    document["flash"] = _flash(subject)
    document["run"] = _run(subject)
    document["check"] = _check(subject.check)
    counts, classes = subject.result.layer_instructions, subject.result.classes
    for row in document["layers"]:
        row["instructions"] = None if counts is None else counts[row["index"]]
        row["classes"] = None if classes is None else asdict(classes.layers[row["index"]])
    document["predictions"] = [asdict(prediction) for prediction in predictions(subject, inputs)]
    document["seconds"] = _seconds(subject.seconds)
    return document


def json_text(document: Document) -> str:
    """The document as readable JSON, ending in a newline."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _analysis(analysis: Analysis) -> Document:
    program, model = analysis.program, analysis.model
    macs = sum(layer.macs for layer in program.layers)
    placement, searched = program.plan.placement, program.plan.searched
    board = analysis.board
    emulated = board is not None and not board.is_host
    predicted = predicted_layers(program) if emulated else None
    return {
        "model": {
            "file": model.path.name,
            "sha256": model.sha256,
            "format": model.format,
            "io": analysis.io,
            "macs": model.graph.macs(),
            "macs_executed": analysis.macs_executed,
            "removed_channels": analysis.removed_channels,
            "accumulator_overflow": list(overflowing(model.graph)),
            "predicted_instructions": predicted_total(program) if emulated else None,
        },
        "board": None if board is None else _board(board),
        "memory": {
            "arena_bytes": program.arena_bytes,
            "stack_bytes": None,
            "static_bytes": None,
            "peak_sram_bytes": None,
            "lower_bound_bytes": placement.lower_bound,
            "placement_optimal": placement.optimal,
            "search_exhaustive": searched is not None and searched.exhaustive,
            "search_bound_bytes": None if searched is None else searched.bound,
            "search_class": None if searched is None else searched.kind,
            "layers_arena_bytes": layer_by_layer_bytes(model.graph),
            "banks": by_bank(analysis),
            "peak": [
                {
                    "buffer": buffer.name,
                    "bank": placement.banks[placement.bank(buffer.name)],
                    "offset": placement.offsets[buffer.name],
                    "bytes": buffer.bytes,
                }
                for buffer in program.plan.peak
            ],
        },
        "schedule": {
            "mode": _mode(program),
            "input": analysis.input,
            "regions": program.plan.regions,
            "extra_macs": program.plan.extra_macs,
            "pareto": [
                {
                    "arena_bytes": way.block_bytes,
                    "extra_macs_ratio": way.extra_macs / max(macs, 1),
                    "ram_bytes": way.block_bytes + analysis.stack_allowance + way.extra_stack,
                }
                for way in analysis.ways
            ],
        },
        "flash": {"weights_bytes": weights_bytes(analysis), "code_bytes": None, "total_bytes": None},
        "layers": [
            {
                "index": layer.index,
                "name": layer.name,
                "op": layer.op,
                "kernel": layer.kernel.name,
                "macs": layer.macs,
                "instructions": None,
                "predicted_instructions": None if predicted is None else predicted[layer.index],
                "classes": None,
                "arena_live_bytes": layer.arena_live_bytes,
            }
            for layer in program.layers
        ],
    }


def weights_bytes(analysis: Analysis) -> int:
    """The constants of the program as C lays them out."""
    return sum(constant.bytes for constant in analysis.program.constants)


def _mode(program: Program) -> str:
    """What the plan comes down to: layers, stream (rings), strips or patches (tiles)."""
    tiles = [region for region in program.regions if region.is_tiled]
    if tiles:
        return "patches" if any(len({tile.first for tile in r.loops[-1].tiles}) > 1 for r in tiles) else "strips"
    return "stream" if program.plan.regions else "layers"


def _board(board: Board) -> Document:
    return {
        "name": board.name,
        "core": board.core,
        "clock_hz": board.clock_hz,
        "sram_bytes": board.sram_bytes,
        "flash_bytes": board.flash.bytes,
    }


def _measured_memory(report: Report) -> Document:
    arena, static = report.analysis.program.arena_bytes, report.firmware.static_bytes
    stack = report.firmware.stack_bound_bytes
    peak = None if stack is None else arena + stack + static
    banks = by_bank(report.analysis, stack=stack, static=static)
    return {"stack_bytes": stack, "static_bytes": static, "peak_sram_bytes": peak, "banks": banks}


def _flash(report: Report) -> Document:
    weights, code = report.firmware.weights_bytes, report.firmware.code_bytes
    return {
        "weights_bytes": weights,
        "code_bytes": code,
        "total_bytes": weights + code,
        "harness_bytes": report.firmware.harness_bytes,
    }


def _run(report: Report) -> Document:
    result = report.result
    return {
        "target": str(report.firmware.target),
        "machine": result.machine,
        "stand_in": result.stand_in,
        "samples": report.samples,
        "instructions": result.instructions,
        "cycles": result.cycles,
        "stack_used_bytes": result.stack_used_bytes,
        "arena_used_bytes": result.arena_used_bytes,
    }


def _check(check: Check) -> Document:
    largest = check.max_abs_difference
    return asdict(check) | {"max_abs_difference": largest if math.isfinite(largest) else None}


def _seconds(seconds: Seconds) -> Document:
    return {
        "analyze": round(seconds.analyze, 3),
        "build": round(seconds.build, 3),
        "run": round(seconds.run, 3),
        "total": round(seconds.total, 3),
    }
