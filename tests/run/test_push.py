"""A model whose input is pushed row by row: on every kind of target it computes what it computes with its input whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc.pipeline import Options, deploy

pytestmark = pytest.mark.tools


@pytest.mark.parametrize(("board", "on"), [("stm32f746", "qemu"), ("stm32f407", "qemu"), ("host", "host")])
def test_pushed_rows(board: str, on: str, digits: Path, arm_tools: None) -> None:
    options = Options(input="rows", samples=2, profile=True)
    report = deploy(digits, board=board, on=on, options=options, progress=lambda message: None)
    assert report.analysis.program.pushed is not None
    assert (report.check.mismatches, report.check.row_mismatches) == (0, 0)
    assert report.check.tensor_rows > 0
    if on == "host":
        return
    result = report.result
    assert result.instructions is not None and result.layer_instructions is not None
    assert 0 < sum(result.layer_instructions) < result.instructions
