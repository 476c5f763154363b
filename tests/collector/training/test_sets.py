"""Sets to learn from: what is read of them, and why some are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.training.sets import FASHION_FOLDER, of_classes, read_training_set

PARTS = ("x_train", "y_train", "x_test", "y_test")


def write(folder: Path, **changed: object) -> str:
    """An .npz of four grey images of two classes to learn from and two to test on, some arrays `changed`."""
    arrays = {
        "x_train": np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3),
        "y_train": np.array([0, 1, 0, 1]),
        "x_test": np.ones((2, 3, 3), dtype=np.uint8),
        "y_test": np.array([1, 0]),
        **changed,
    }
    path = folder / "own.npz"
    np.savez(path, **{name: each for name, each in arrays.items() if each is not None})
    return str(path)


def test_images_become_real_numbers_with_a_channel_and_say_what_the_file_does_to_them(tmp_path):
    found = read_training_set(write(tmp_path))
    assert (found.name, found.x_train.shape, found.x_train.dtype) == ("own", (4, 1, 3, 3), np.float32)
    assert (found.y_train.dtype, found.classes) == (np.int64, 2)
    assert found.split == "the file's own: 4 to learn from and 2 to test on"
    assert found.mean == 17.5
    assert found.preprocessing == "values as they are; the file takes off 17.5 and divides by 10.39"


@pytest.mark.parametrize(
    ("shape", "item"),
    [((4, 5), (5, 1, 1)), ((4, 6, 5), (1, 6, 5)), ((4, 3, 6, 5), (3, 6, 5)), ((4, 6, 5, 3), (3, 6, 5))],
    ids=["features", "grey", "channels first", "channels last"],
)
def test_items_come_in_the_usual_shapes(tmp_path, shape, item):
    values = np.random.default_rng(1).normal(size=shape)
    found = read_training_set(write(tmp_path, x_train=values, x_test=values[:2]))
    assert found.x_train.shape[1:] == item


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"y_test": None}, "no array y_test, it has x_test, x_train, y_train"),
        ({"y_train": np.array([0, 1, 0])}, "array y_train has 3 labels and there are 4 items"),
        ({"y_train": np.array([0, 0, 0, 0])}, "of one class: there is nothing to tell apart"),
        ({"y_test": np.array([1, 2])}, "class 2 is in y_test and not in y_train: labels do not match"),
        (
            {"y_train": np.array([0, 3, 0, 3]), "y_test": np.array([0, 3])},
            "class 1 has no item to learn from",
        ),
        ({"y_train": np.array([0.5, 1, 0, 1])}, "labels that are no whole numbers"),
        ({"x_test": np.ones((2, 4, 3))}, "differ in their shape: 1 x 3 x 3 and 1 x 4 x 3"),
        ({"x_train": np.full((4, 3, 3), np.nan)}, "x_train has values that are not finite"),
        ({"x_train": np.ones((4, 3, 3))}, "all values of x_train are equal"),
        ({"x_train": np.array(["a", "b", "c", "d"])}, "give numbers, a row an item"),
    ],
)
def test_what_no_network_could_learn_is_refused_in_a_sentence(tmp_path, changed, sentence):
    with pytest.raises(Refused, match=sentence):
        read_training_set(write(tmp_path, **changed))


def test_what_is_no_set_says_what_could_be(tmp_path):
    with pytest.raises(Refused, match=r"name digits, fashion-mnist, or an \.npz file with") as refused:
        read_training_set("mnist")
    assert refused.value.is_usage
    (tmp_path / "odd.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(Refused, match=r"odd\.npz cannot be read as an \.npz"):
        read_training_set(str(tmp_path / "odd.npz"))


def test_some_classes_are_a_set_of_their_own(tmp_path):
    labels = np.array([0, 1, 2, 3])
    images = np.arange(4 * 9).reshape(4, 3, 3)
    whole = read_training_set(write(tmp_path, x_train=images, x_test=images, y_train=labels, y_test=labels))
    part = of_classes(whole, 2, 3)
    assert (part.name, part.y_train.tolist(), part.y_test.tolist()) == ("own-2-3", [0, 1], [0, 1])
    assert part.x_train[0, 0, 0, 0] == 18
    assert "of the classes 2 to 3 2 and 2" in part.split
    assert part.sha256 != whole.sha256
    for first, last in ((3, 4), (2, 2)):
        with pytest.raises(Refused, match="the set has the classes 0 to 3"):
            of_classes(whole, first, last)


def test_the_digits_are_parted_as_an_evaluation_parts_them():
    pytest.importorskip("sklearn")
    found = read_training_set("digits")
    assert (found.x_train.shape, found.x_test.shape) == ((1437, 1, 8, 8), (360, 1, 8, 8))
    assert found.split == "1,437 to learn from and 360 to test on, by a fixed order by chance"


def idx(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return gzip.compress(head + values.astype(np.uint8).tobytes())


def test_fashion_mnist_is_read_from_the_files_of_its_package(tmp_path):
    images = np.arange(4 * 784).reshape(4, 28, 28) % 251
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(np.array([0, 1, 2, 0])))
    found = read_training_set("fashion-mnist", tmp_path)
    assert (found.x_train[1, 0] == images[1]).all()
    assert found.y_test.tolist() == [0, 1, 2, 0]
    with pytest.raises(Refused, match="apt-get install dataset-fashion-mnist"):
        read_training_set("fashion-mnist", tmp_path / "none")


@pytest.mark.skipif(not FASHION_FOLDER.is_dir(), reason="NOT TRIED: no dataset-fashion-mnist is installed")
def test_debians_fashion_mnist_is_whole():
    found = read_training_set("fashion-mnist")
    assert (found.x_train.shape, found.x_test.shape) == ((60_000, 1, 28, 28), (10_000, 1, 28, 28))
    assert np.bincount(found.y_test).tolist() == [1000] * 10
