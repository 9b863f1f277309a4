"""What `--optimize size` changes in a program: compact kernels on the same plan, and weights that are close to the model's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc.bench.peers import read_peers
from tinyc.frontends import tflite
from tinyc.kernels.catalogue import CHOICES
from tinyc.kernels.contract import Isa
from tinyc.lower import Program, lower
from tinyc.passes import quantized_boundary, rewrite
from tinyc.plan import make_plan

ISAS = (Isa.SCALAR, Isa.DSP)
TARGETS = {name: model.target for name, model in read_peers().models.items() if model.target.code is not None}


def _programs(path: Path) -> tuple[Program, Program, int]:
    """For speed, for size, and the bytes of the model's own constants."""
    imported = tflite.load(path)
    plan = make_plan(rewrite(quantized_boundary(imported.graph)), isas=ISAS, schedule="layers")
    speed, size = (lower(plan, model_name=path.stem, sha256=imported.sha256, share=share) for share in (False, True))
    return speed, size, sum(tensor.bytes for tensor in imported.graph.tensors.values() if tensor.is_constant)


def _weights(program: Program) -> int:
    return sum(constant.bytes for constant in program.constants)


def test_the_plan_stays_and_kernels_become_compact(digits: Path) -> None:
    speed, size, _ = _programs(digits)
    compact = {kernel.name: kernel.compact.name for kernel in CHOICES if kernel.compact is not None}
    assert [layer.kernel.name for layer in size.layers] == [
        compact.get(layer.kernel.name, layer.kernel.name) for layer in speed.layers
    ]
    assert size.arena_bytes == speed.arena_bytes and size.plan.placement == speed.plan.placement
    assert [layer.scratch_bytes for layer in size.layers] == [layer.scratch_bytes for layer in speed.layers]
    assert _weights(size) < _weights(speed)


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_weights_are_close_to_the_models(name: str, models: Path) -> None:
    speed, size, own = _programs(models / f"{name}.tflite")
    goals = read_peers().goals
    assert _weights(speed) <= goals.weights_speed * own
    assert _weights(size) <= goals.weights_size * own
