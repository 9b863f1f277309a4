"""A user's own inputs become the values that the model stores, or a sentence says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyc.errors import UsageError
from tinyc.ir import DType, Quantization, Tensor
from tinyc.report.inputs import read_inputs

QUANTIZATION = Quantization(scales=(0.5,), zero_points=(-3,))
IMAGE = Tensor(name="image", shape=(1, 2, 2, 1), dtype=DType.INT8, quantization=QUANTIZATION)


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path / "x.npz", **arrays)
    return path / "x.npz"


def test_real_values_are_quantized_as_the_model_does(tmp_path: Path) -> None:
    images = np.array([[[0.0, 0.24], [0.25, 1000.0]], [[-0.25, -1000.0], [1.0, 2.0]]], np.float32)
    inputs = read_inputs(saved(tmp_path, image=images, labels=np.array([4, 5])))
    (first,), (second,) = inputs.samples([IMAGE])
    assert first.shape == IMAGE.shape
    assert first.dtype == np.int8
    assert first.reshape(-1).tolist() == [-3, -3, -2, 127]
    assert second.reshape(-1).tolist() == [-4, -128, -1, 1]
    assert inputs.labels is not None
    assert inputs.labels.tolist() == [4, 5]


def test_stored_values_stay_and_one_array_needs_no_name(tmp_path: Path) -> None:
    stored = np.arange(8, dtype=np.int8).reshape(2, 1, 2, 2, 1)
    np.save(tmp_path / "x.npy", stored)
    samples = read_inputs(tmp_path / "x.npy").samples([IMAGE])
    assert [sample[0].tolist() for sample in samples] == stored.tolist()


def test_the_limit_takes_the_first_samples(tmp_path: Path) -> None:
    path = saved(tmp_path, image=np.zeros((9, 2, 2), np.float32), labels=np.arange(9))
    inputs = read_inputs(path, limit=4)
    assert len(inputs.samples([IMAGE])) == 4
    assert inputs.labels is not None
    assert inputs.labels.tolist() == [0, 1, 2, 3]


def test_several_inputs_go_by_name(tmp_path: Path) -> None:
    other = Tensor(name="other", shape=(1, 3), dtype=DType.INT8, quantization=QUANTIZATION)
    path = saved(tmp_path, other=np.zeros((1, 3), np.int8), image=np.ones((1, 2, 2), np.int8))
    ((image, vector),) = read_inputs(path).samples([IMAGE, other])
    assert (image.sum(), vector.sum()) == (4, 0)
    with pytest.raises(UsageError, match="the model's inputs are image, third, the file's arrays other, image"):
        read_inputs(path).samples([IMAGE, Tensor(name="third", shape=(1, 3), dtype=DType.INT8)])


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 3, 3), np.float32), "a sample is 3x3, input image is 1x2x2x1"),
        (np.zeros((5, 2, 2), np.uint8), "samples are uint8, input image is int8"),
        (np.full((5, 2, 2), np.nan, np.float32), "not all finite"),
    ],
)
def test_what_does_not_suit_is_refused(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_inputs(saved(tmp_path, image=array)).samples([IMAGE])


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(UsageError, match=r"is not a \.npy or \.npz file"):
        read_inputs(tmp_path / "x.npy")


def test_arrays_of_different_length_or_of_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the same number of samples"):
        read_inputs(saved(tmp_path, a=np.zeros((2, 2)), b=np.zeros((3, 2))))
    with pytest.raises(UsageError, match="at least one"):
        read_inputs(saved(tmp_path, a=np.zeros((0, 2))))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match=r"is not a \.npy"):
        read_inputs(tmp_path / "x.npy")
