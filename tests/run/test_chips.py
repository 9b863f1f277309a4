"""The boards' own images, from the .bin as it is flashed, on models of the chips: start-up, clocks, serial port, one inference."""

from __future__ import annotations

from pathlib import Path

import handmade
import numpy as np
import pytest

from tinyc.board import load
from tinyc.build import Target, build
from tinyc.run.protocol import Client, CounterKind

pytest.importorskip("unicorn", reason="unicorn is missing: pip install unicorn")
from chips import CHIPS, Stm32h743, UnicornStream, on_unicorn

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_the_boards_own_image_runs(name: str, tmp_path: Path, arm_tools: None) -> None:
    board = on_unicorn(load(name))
    built = build(handmade.tree(), board=board, target=Target.parse("qemu"), directory=tmp_path)
    assert built.board_bin is not None
    stream = UnicornStream(board=board, image=built.board_bin.read_bytes())
    client = Client(stream, timeout=60.0, explain=str)
    description = client.describe()
    assert (description.name, description.sha256) == ("tiny", built.tree.program.sha256)
    assert (description.clock_hz, description.counter_kind) == (board.clock_hz, CounterKind.CYCLES)
    ((x,),) = handmade.samples(1)
    client.reset(0)
    client.input(0, x.tobytes())
    run = client.run()
    assert (run.status, run.arena_bytes) == (0, 2 * handmade.BYTES)
    assert 16 <= run.stack_bytes <= 200
    np.testing.assert_array_equal(
        np.frombuffer(client.output(0, x.nbytes), np.int8).reshape(x.shape), handmade.expected(x)
    )

    assert stream.chip.core_hz == board.clock_hz
    assert board.uart is not None
    assert abs(stream.chip.baud / board.uart.baud - 1) < 0.01


def test_an_older_revision_runs_slower_and_says_so(tmp_path: Path, arm_tools: None) -> None:
    board = load("stm32h743")
    built = build(handmade.tree(), board=board, target=Target.parse("qemu"), directory=tmp_path)
    assert built.board_bin is not None
    stream = UnicornStream(board=board, image=built.board_bin.read_bytes(), chip=Stm32h743(revision=0x1003))
    description = Client(stream, timeout=60.0, explain=str).describe()
    assert stream.chip.core_hz == description.counter_hz == 400_000_000
    assert abs(stream.chip.baud / 115_200 - 1) < 0.01
