"""Bytes that somebody bent: whatever they say, the answer is a graph or a ModelError, soon and in little memory."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from frontends.samples import SAMPLES, shape_chain
from frontends.writer import ModelFile

from tinyc.errors import ModelError
from tinyc.frontends.tflite import load

MUTATIONS_A_MODEL = 60
WORDS = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, 0x7F800000, 0x7FC00000)
MODELS: dict[str, Callable[[], ModelFile]] = {**SAMPLES, "SHAPE_CHAIN": shape_chain}


def outcome(data: bytes, path: Path) -> str:
    """What loading gives; any exception but ModelError fails the test."""
    path.write_bytes(data)
    try:
        load(path)
    except ModelError as error:
        assert error.exit_code == 3
        assert len(str(error)) < 20_000
        return "refused"
    return "imported"


@pytest.mark.parametrize("kind", ["CONV_2D", "SHAPE_CHAIN"])
def test_every_truncation_is_refused(kind: str, tmp_path: Path) -> None:
    data = MODELS[kind]().bytes()
    found = Counter(outcome(data[:length], tmp_path / "m.tflite") for length in range(0, len(data), 3))
    assert set(found) == {"refused"}


@pytest.mark.parametrize("kind", MODELS)
def test_flipped_bits(kind: str, tmp_path: Path) -> None:
    data, seeded, found = MODELS[kind]().bytes(), random.Random(kind), Counter[str]()
    for _ in range(MUTATIONS_A_MODEL):
        bent = bytearray(data)
        for _ in range(seeded.choice((1, 1, 2, 8))):
            bent[seeded.randrange(len(bent))] ^= 1 << seeded.randrange(8)
        found[outcome(bytes(bent), tmp_path / "m.tflite")] += 1
    assert found["refused"] > MUTATIONS_A_MODEL // 10


@pytest.mark.parametrize("kind", MODELS)
def test_replaced_words(kind: str, tmp_path: Path) -> None:
    data, seeded, found = MODELS[kind]().bytes(), random.Random(kind), Counter[str]()
    for _ in range(MUTATIONS_A_MODEL):
        bent = bytearray(data)
        place = seeded.randrange(8, len(bent) - 4) & ~3
        word = seeded.choice((*WORDS, len(data), len(data) - place, seeded.getrandbits(32)))
        bent[place : place + 4] = word.to_bytes(4, "little")
        found[outcome(bytes(bent), tmp_path / "m.tflite")] += 1
    assert found["refused"] > MUTATIONS_A_MODEL // 10


def test_repeated_and_swapped_blocks(tmp_path: Path) -> None:
    data, seeded = MODELS["SHAPE_CHAIN"]().bytes(), random.Random(3)
    for _ in range(200):
        size = seeded.randrange(4, 64)
        source, target = (seeded.randrange(8, len(data) - size) & ~3 for _ in range(2))
        bent = bytearray(data)
        bent[target : target + size] = data[source : source + size]
        outcome(bytes(bent), tmp_path / "m.tflite")


def test_noise(tmp_path: Path) -> None:
    seeded = random.Random(4)
    for length in (0, 1, 7, 8, 12, 64, 4096):
        assert outcome(seeded.randbytes(length), tmp_path / "m.tflite") == "refused"
        header = b"\x10\0\0\0TFL3" + seeded.randbytes(length)
        assert outcome(header, tmp_path / "m.tflite") == "refused"


def test_a_shape_does_not_allocate(tmp_path: Path) -> None:
    """A tensor of 128 MB that an operator only names costs nothing."""
    model = ModelFile(inputs=[0], outputs=[1])
    for name in ("x", "y"):
        model.tensor(name, (1, 1 << 27))
    model.operator("RELU", (0,), (1,))
    tracemalloc.start()
    assert outcome(model.bytes(), tmp_path / "m.tflite") == "imported"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22


def test_constants_share_the_files_bytes(tmp_path: Path) -> None:
    """Two hundred tensors on one buffer hold it once."""
    model = ModelFile(inputs=[0], outputs=[1])
    model.tensor("x", (1, 1 << 16))
    model.tensor("y", (1, 1 << 16))
    first = model.tensor("c0", (1, 1 << 16), data=[1] * (1 << 16))
    for index in range(1, 200):
        model.tensors.append({**model.tensors[first], "Name": f"c{index}"})
    previous = 0
    for index in range(200):
        target = 1 if index == 199 else model.tensor(f"t{index}", (1, 1 << 16))
        model.operator("ADD", (previous, first + index), (target,))
        previous = target
    data = model.bytes()
    tracemalloc.start()
    assert outcome(data, tmp_path / "m.tflite") == "imported"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 23
