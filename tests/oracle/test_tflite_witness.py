"""The witness: what it reads, when it is silent, and the faults that it is known to have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models import Operator, single, tensor, write
from witnesses import micro

from tinyc.frontends.tflite import load
from tinyc.ir import DType, Graph, Tensor
from tinyc.ir.types import Array
from tinyc.oracle import evaluate
from tinyc.oracle.tflite import FAULTS, open_witness

pytest.importorskip("tflite_runtime", reason="tflite-runtime is not installed")


def saved(model: bytes, folder: Path) -> tuple[Path, Graph]:
    path = folder / "model.tflite"
    path.write_bytes(model)
    return path, load(path).graph


def dense(rank_3: bool) -> tuple[bytes, Array]:
    random = np.random.default_rng(7)
    leading = (1, 4) if rank_3 else (4,)
    x = tensor("x", *leading, 16, scale=0.05, zero=3)
    weights = tensor(
        "w",
        8,
        16,
        scale=random.uniform(0.001, 0.02, 8),
        axis=0,
        data=random.integers(-127, 128, (8, 16)).astype(np.int8),
    )
    y = tensor("y", *leading, 8, scale=0.1, zero=-4)
    model = single("FULLY_CONNECTED", [x, weights], y, "FullyConnectedOptions", KeepNumDims=rank_3)
    return model, random.integers(-128, 128, (4, 16)).astype(np.int8)


def test_per_channel_dense_on_rank_3_is_wrong_in_the_witness_and_right_on_rank_2(tmp_path: Path) -> None:
    plain, values = dense(rank_3=False)
    path, graph = saved(plain, tmp_path)
    (right,) = open_witness(path, graph).run((values,)) or ()
    assert np.array_equal(right, evaluate(graph, {"x": values})["y"])

    model, _ = dense(rank_3=True)
    path, graph = saved(model, tmp_path)
    values = values.reshape(1, 4, 16)
    meant = evaluate(graph, {"x": values})["y"]
    assert np.array_equal(meant.reshape(4, 8), right)
    assert np.array_equal(micro(model, [(values,)])[0][0], meant)
    silent = open_witness(path, graph)
    assert not silent.name
    assert silent.note == f"tflite-runtime is known to be wrong here: {FAULTS[0].sentence}"
    assert silent.run((values,)) is None
    (wrong,) = open_witness(path).run((values,)) or ()
    assert not np.array_equal(wrong, meant)


def test_logistic_of_large_inputs_is_cut_off_in_tflm_and_not_in_the_witness(tmp_path: Path) -> None:
    x, y = tensor("x", 1, 3, scale=4.0), tensor("y", 1, 3, scale=1 / 256, zero=-128)
    model = single("LOGISTIC", [x], y)
    path, graph = saved(model, tmp_path)
    values = np.array([[-1, 0, 1]], np.int8)
    meant = evaluate(graph, {"x": values})["y"]
    assert meant.tolist() == [[-128, 0, 127]]
    assert np.array_equal(micro(model, [(values,)])[0][0], meant)
    assert open_witness(path, graph).run((values,)) is None
    (wrong,) = open_witness(path).run((values,)) or ()
    assert wrong.tolist() == [[-123, 0, 123]]


def test_logistic_in_the_witness_rounds_a_tie_of_float32(tmp_path: Path) -> None:
    """256 / (1 + exp(-0.371398...)) is 151.49998895."""
    x, y = tensor("x", 1, 2, scale=0.008842818439006805), tensor("y", 1, 2, scale=1 / 256, zero=-128)
    model = single("LOGISTIC", [x], y)
    path, graph = saved(model, tmp_path)
    tie, plain = np.array([[42, 0]], np.int8), np.array([[41, 0]], np.int8)
    meant = evaluate(graph, {"x": tie})["y"]
    assert meant.tolist() == [[151 - 128, 0]]
    assert np.array_equal(micro(model, [(tie,)])[0][0], meant)
    assert open_witness(path, graph).run((tie,)) is None
    (wrong,) = open_witness(path).run((tie,)) or ()
    assert wrong.tolist() == [[152 - 128, 0]]
    (right,) = open_witness(path, graph).run((plain,)) or ()
    assert np.array_equal(right, evaluate(graph, {"x": plain})["y"])


def test_products_in_the_witness_go_through_a_float32_multiplier(tmp_path: Path) -> None:
    every = np.arange(-128, 128, dtype=np.int8)
    random = np.random.default_rng(157)
    scales = np.exp(random.uniform(np.log(0.001), np.log(0.5), 2))
    zeros = [int(zero) for zero in random.integers(-128, 128, 3)]
    a = tensor("a", 256, 1, scale=scales[0], zero=zeros[0], data=every.reshape(256, 1))
    b = tensor("b", 1, 256, scale=scales[1], zero=zeros[1])
    y = tensor("y", 256, 256, scale=scales.prod() * 128 * random.uniform(0.3, 2.0), zero=zeros[2])
    model = single("MUL", [a, b], y, "MulOptions")
    path, graph = saved(model, tmp_path)
    values = every.reshape(1, 256)
    meant = evaluate(graph, {"b": values})["y"]
    assert np.array_equal(micro(model, [(values,)])[0][0], meant)
    witness = open_witness(path, graph)
    (wrong,) = open_witness(path).run((values,)) or ()
    assert np.count_nonzero(wrong != meant)
    assert witness.run((values,)) is None
    harmless = np.full((1, 256), b.zero_point, np.int8)
    (right,) = witness.run((harmless,)) or ()
    assert np.array_equal(right, evaluate(graph, {"b": harmless})["y"])


def test_softmax_over_many_equal_values_shifts_too_far_in_the_witness(tmp_path: Path) -> None:
    x, y = tensor("x", 1, 600, scale=0.1), tensor("y", 1, 600, scale=1 / 256, zero=-128)
    path, graph = saved(single("SOFTMAX", [x], y, "SoftmaxOptions", Beta=1.0), tmp_path)
    witness = open_witness(path, graph)
    peaked, equal = np.full((1, 600), -128, np.int8), np.zeros((1, 600), np.int8)
    peaked[0, 5] = 127
    (found,) = witness.run((peaked,)) or ()
    assert np.array_equal(found, evaluate(graph, {"x": peaked})["y"])
    assert witness.run((equal,)) is None
    assert np.all(evaluate(graph, {"x": equal})["y"] == -128)
    (wrong,) = open_witness(path).run((equal,)) or ()
    assert np.all(wrong == 127)


def test_quantize_of_a_float_beyond_int32_wraps_in_the_witness(tmp_path: Path) -> None:
    x, y = tensor("x", 1, 3, dtype=DType.FLOAT32), tensor("y", 1, 3, scale=0.5, zero=3)
    path, graph = saved(single("QUANTIZE", [x], y), tmp_path)
    witness = open_witness(path, graph)
    near, far = np.array([[1e9, -1e9, 1.25]], np.float32), np.array([[2e9, np.inf, np.nan]], np.float32)
    (found,) = witness.run((near,)) or ()
    assert np.array_equal(found, evaluate(graph, {"x": near})["y"])
    assert witness.run((far,)) is None
    assert evaluate(graph, {"x": far})["y"].tolist() == [[127, 127, -128]]
    (wrong,) = open_witness(path).run((far,)) or ()
    assert wrong.tolist() == [[-128, -128, -128]]


def test_tensors_that_were_overwritten_in_place_are_not_read(tmp_path: Path) -> None:
    x = tensor("x", 1, 4, 4, 1, scale=1.0)
    tensors: list[Tensor] = [x, *(tensor(name, 1, 4, 4, 1, scale=1.0) for name in "abc")]
    pool = {"Padding": 1, "StrideH": 1, "StrideW": 1, "FilterHeight": 1, "FilterWidth": 1}
    operators = [
        Operator(kind="MAX_POOL_2D", inputs=["x"], outputs=["a"], table="Pool2DOptions", options=pool),
        Operator(kind="ADD", inputs=["a", "x"], outputs=["b"], table="AddOptions"),
        Operator(kind="ADD", inputs=["b", "x"], outputs=["c"], table="AddOptions"),
    ]
    path, graph = saved(write(tensors, operators, ["x"], ["c"]), tmp_path)
    value = np.arange(16, dtype=np.int8).reshape(1, 4, 4, 1)
    meant = evaluate(graph, {"x": value})
    found = open_witness(path, graph).tensors((value,))
    assert set(found) < {0, 1, 2, 3}
    assert {0, 3} <= set(found)
    for index, array in found.items():
        assert np.array_equal(array, meant["xabc"[index]])


def test_a_model_that_the_witness_refuses_has_none(tmp_path: Path) -> None:
    x, y = tensor("x", 1, 2, scale=1.0), tensor("y", 1, 2, scale=1.0)
    path = tmp_path / "future.tflite"
    path.write_bytes(single("RELU", [x], y, version=99))
    witness = open_witness(path)
    assert not witness.name
    assert witness.note.startswith("tflite-runtime refuses the model: ")
    assert witness.run(()) is None
    assert witness.tensors(()) == {}
