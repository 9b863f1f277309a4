"""Certificates of plans made in every way hold; the same plan gives the same bytes; the checker stands alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from planned import GRAPHS, WAYS, program

from tinyc import checker
from tinyc.checker.claims import lower_bound
from tinyc.checker.document import Buffer, Overlap
from tinyc.checker.schedule import calls
from tinyc.frontends import tflite
from tinyc.kernels.contract import Isa
from tinyc.lower import lower
from tinyc.lower.certificate import certificate_text
from tinyc.passes import quantized_boundary, rewrite
from tinyc.plan import make_plan

CHECKER = Path(checker.__file__).parent
WHOLE_MODELS = (
    "mlperf_ic_resnet8_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_vww_mbv1_int8",
    "mlperf_ad_ae_int8",
    "mlonmcu_kws_m_int8",
    "tflm_person_detect_int8",
    "te_vww_int8",
    "omv_fomo_face_int8",
    "st_resnet32_cifar100_int8",
    "st_squeezenet10_128_int8",
)


@pytest.mark.slow
@pytest.mark.parametrize("make", [each.__name__ for each in GRAPHS])
@pytest.mark.parametrize("way", WAYS)
def test_plans_hold(make: str, way: str) -> None:
    planned = program(make, way)
    verdict = checker.check(certificate_text(planned))
    trace = verdict.trace
    assert trace.calls == sum(1 for _ in planned.calls())
    assert trace.regions == len(planned.regions)
    assert trace.extra_macs == pytest.approx(planned.plan.extra_macs, abs=len(planned.groups))
    assert trace.live_bytes <= planned.arena_bytes
    assert verdict.lower_bound <= -(-planned.arena_bytes // 4) * 4
    assert trace.bytes_written >= sum(
        loop.layer.tensor.bytes for loop in planned.loops if loop.ring is None and not loop.tiles
    )


@pytest.mark.parametrize("way", ["layers", "stream", "patches", "rows"])
def test_the_checker_calls_what_the_program_calls(way: str) -> None:
    planned = program("residual", way)
    certificate = checker.check(certificate_text(planned)).certificate
    found = [
        (call.layer.index, call.row, call.tile.x0, call.tile.x1)
        for group in certificate.groups
        for call in calls(certificate, group)
    ]
    expected = [
        (layer, row, x0, x1 if row is not None else planned.loops[layer].layer.row_pixels)
        for layer, row, x0, x1 in planned.ranges()
    ]
    assert found == expected


def test_the_same_plan_gives_the_same_bytes() -> None:
    planned = program("residual", "stream")
    text = certificate_text(planned)
    assert text == certificate_text(planned)
    document = json.loads(text)
    assert list(document)[:3] == ["format", "version", "model"]
    assert text == json.dumps(document, indent=1) + "\n"


def test_an_example_model(digits: Path) -> None:
    imported = tflite.load(digits)
    plan = make_plan(rewrite(quantized_boundary(imported.graph)), isas=(Isa.SCALAR, Isa.DSP))
    verdict = checker.check(certificate_text(lower(plan, model_name="digits", sha256=imported.sha256)))
    assert verdict.certificate.sha256 == imported.sha256
    assert verdict.bound_derived


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE_MODELS)
def test_whole_models(name: str, models: Path) -> None:
    imported = tflite.load(models / f"{name}.tflite")
    plan = make_plan(rewrite(quantized_boundary(imported.graph)), isas=(Isa.SCALAR, Isa.DSP))
    verdict = checker.check(certificate_text(lower(plan, model_name=name, sha256=imported.sha256)))
    assert verdict.certificate.claims.placement_optimal and verdict.bound_derived


def test_the_checker_knows_nothing_of_what_it_checks() -> None:
    allowed = {"tinyc.checker", "tinyc.errors", "numpy", *sys.stdlib_module_names}
    for path in CHECKER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                parts = name.split(".")
                assert {parts[0], ".".join(parts[:2])} & allowed, f"{path.name} imports {name}"
    loaded = "import sys, tinyc.checker; print(*(m for m in sys.modules if m.startswith('tinyc.')))"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert {".".join(module.split(".")[:2]) for module in modules} <= {"tinyc.checker", "tinyc.errors"}


def buffers(*lives: tuple[int, int, int]) -> tuple[Buffer, ...]:
    """Buffers `b0` ... of (bytes, first, last)."""
    return tuple(Buffer(f"b{n}", "arena", 0, size, ((first, last),)) for n, (size, first, last) in enumerate(lives))


def test_the_lower_bound_is_the_fullest_tick() -> None:
    assert lower_bound((), (), 4) == 0
    assert lower_bound(buffers((10, 0, 1), (7, 1, 2), (100, 3, 3)), (), 1) == 100
    assert lower_bound(buffers((10, 0, 1), (7, 1, 2), (4, 2, 3)), (), 1) == 17
    assert lower_bound(buffers((10, 0, 1), (7, 1, 2)), (), 4) == 20


def test_what_pairs_share_is_not_counted_twice() -> None:
    pair = buffers((100, 0, 1), (60, 1, 2))
    assert lower_bound(pair, (Overlap("b0", "b1", 20, 40),), 1) == 120
    assert lower_bound(pair, (Overlap("b0", "b1", 40, 20),), 1) == 120
    assert lower_bound(pair, (Overlap("b0", "b1", 40, None),), 1) == 140
    assert lower_bound(pair, (Overlap("b0", "b1", -5, None),), 1) == 100
    assert lower_bound(pair, (Overlap("b0", "b1", 500, 500),), 1) == 160
    both = buffers((100, 0, 1), (60, 1, 2), (30, 1, 2))
    assert lower_bound(both, (Overlap("b0", "b1", 20, 20), Overlap("b0", "b2", 10, 10)), 1) == 130
