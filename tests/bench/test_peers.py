"""The peers' figures: read strictly, and complete for what the bench measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyc.bench import read_peers
from tinyc.bench.layers import LAYERS, as_graph
from tinyc.bench.peers import PEERS


def test_every_layer_has_its_figures() -> None:
    assert {layer.name for layer in LAYERS} == set(read_peers().layers)


def test_eight_models_have_a_32_bit_arena_and_every_model_some() -> None:
    models = read_peers().models.values()
    assert sum(model.tflm.arena is not None for model in models) == 8
    assert all(model.tflm.arena or model.tflm.arena_64bit for model in models)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "peers.toml"
    wrong.write_text(PEERS.read_text().replace("arena = 22_820", "arna = 22_820"))
    with pytest.raises(ValueError, match=r"Figures has no arna"):
        read_peers(wrong)


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("1x1 12x12x64->64", 12 * 12 * 64 * 64),
        ("3x3 s2 96x96x3->8", 48 * 48 * 8 * 27),
        ("dw3x3 s2 48x48x16", 24 * 24 * 16 * 9),
        ("dense 640->128", 640 * 128),
    ],
)
def test_a_layer_is_what_its_name_says(name: str, macs: int) -> None:
    (layer,) = (layer for layer in LAYERS if layer.name == name)
    assert as_graph(layer).macs() == macs
