"""Whole models of the collection: every tensor that a witness holds, to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from witnesses import micro, samples

from tinyc.errors import ModelError
from tinyc.frontends.tflite import Imported, load
from tinyc.oracle import evaluate
from tinyc.oracle.tflite import Witness, open_witness

pytest.importorskip("tflite_runtime", reason="tflite-runtime is not installed")

pytestmark = [pytest.mark.models, pytest.mark.slow]

SUPPORTED = 28
"""How many models of the collection the importer takes at least."""


def imported(models: Path) -> list[Imported]:
    found = []
    for entry in json.loads((models / "catalog.json").read_text()):
        if not entry["name"].endswith(".tflite"):
            continue
        try:
            found.append(load(models / entry["name"]))
        except ModelError:
            continue
    return found


def test_every_tensor_of_every_model_equals_the_witness(models: Path) -> None:
    graphs = imported(models)
    assert len(graphs) >= SUPPORTED
    silent = [model.path.name for model in graphs if not compare(model, open_witness(model.path, model.graph))]
    assert silent == ["tflm_person_detect_int8.tflite"]


def compare(model: Imported, witness: Witness) -> int:
    """How many values were compared."""
    count, graph = 0, model.graph
    for sample in samples([graph.tensors[name] for name in graph.inputs], count=2):
        values = evaluate(graph, dict(zip(graph.inputs, sample, strict=True)))
        found = witness.tensors(sample)
        for name, value in values.items():
            theirs = found.get(model.tensor_indices[name])
            if theirs is not None:
                wrong = np.count_nonzero(theirs.reshape(value.shape) != value)
                assert not wrong, f"{model.path.name}: {wrong} of {value.size} values of {name} differ"
                count += value.size
    return count


@pytest.mark.parametrize(
    "name", ["tflm_person_detect_int8", "mlperf_ic_resnet8_int8", "mlperf_ad_ae_int8", "st_stmnist_int8"]
)
def test_outputs_equal_tensorflow_lite_micro(name: str, models: Path) -> None:
    """The person detector among them, which the Python runtimes refuse."""
    model = load(models / f"{name}.tflite")
    graph = model.graph
    stored = samples([graph.tensors[n] for n in graph.inputs], count=3)
    for sample, theirs in zip(stored, micro(model.path.read_bytes(), stored), strict=True):
        values = evaluate(graph, dict(zip(graph.inputs, sample, strict=True)))
        for output, array in zip(graph.outputs, theirs, strict=True):
            assert np.array_equal(values[output], array.reshape(values[output].shape))
