"""Labelled sets as arrays: what is read, what is refused, and how items become what a model takes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paretofleet_collector.datasets.arrays import digits
from paretofleet_collector.datasets.labelled import ItemShape, LabelledSet
from paretofleet_collector.datasets.members import check_unpacked
from paretofleet_collector.datasets.reading import read_set, write_array
from paretofleet_collector.errors import Refused


def set_of(path: Path, **arrays: Any) -> LabelledSet:
    np.savez(path / "set.npz", **arrays)
    return read_set(str(path / "set.npz"))


GOOD = {"x": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "y": np.array([0, 5])}
NO_SET = {
    "no labels": ({"x": np.ones((4, 2))}, "has no array y, it has x"),
    "no items": ({"y": np.ones(4)}, "has no array x, it has y"),
    "another length": ({"x": np.ones((4, 2)), "y": np.zeros(5)}, "5 labels and there are 4 items"),
    "not numbers": ({"x": np.full((4, 2), np.nan), "y": np.zeros(4)}, "values that are not finite"),
    "infinite labels": ({"x": np.ones((2, 2)), "y": np.array([0, np.inf])}, "no whole numbers"),
    "labels between": ({"x": np.ones((2, 2)), "y": np.array([0, 0.5])}, "no whole numbers"),
    "a row a class": ({"x": np.ones((4, 2)), "y": np.eye(4)}, "argmax"),
    "negative labels": (
        {"x": np.ones((2, 2)), "y": np.array([0, -1])},
        "label -1: classes are numbered from 0",
    ),
    "text as labels": ({"x": np.ones((2, 2)), "y": np.array(["a", "b"])}, "no whole numbers"),
    "objects": ({"x": np.array([{}, 1], dtype=object), "y": np.zeros(2)}, "cannot be read as an .npz"),
    "text as items": ({"x": np.array(["a", "b"]), "y": np.zeros(2)}, "give numbers"),
    "nothing": ({"x": np.ones((0, 2)), "y": np.zeros(0)}, "an empty set"),
}


@pytest.mark.parametrize("case", list(NO_SET))
def test_what_is_no_labelled_set_is_refused_with_a_sentence(tmp_path: Path, case: str) -> None:
    arrays, says = NO_SET[case]
    with pytest.raises(Refused, match=says) as refused:
        set_of(tmp_path, **arrays)
    assert "\n" not in str(refused.value)
    assert "set.npz" in str(refused.value)


def test_a_file_that_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist"):
        read_set(str(tmp_path / "missing.npz"))
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(Refused, match=r"text\.npz cannot be read"):
        read_set(str(tmp_path / "text.npz"))
    (tmp_path / "set.csv").write_text("1,2")
    with pytest.raises(Refused, match="is no labelled set"):
        read_set(str(tmp_path / "set.csv"))


SHAPES = {
    "as it is": ((3, 4), (3, 4), None),
    "free axes": ((3, 4), ("height", "width"), None),
    "one axis more": ((3, 4), (1, 3, 4), (1, 3, 4)),
    "one axis more behind": ((3, 4), (3, 4, 1), (3, 4, 1)),
    "flat": ((3, 4), (12,), (12,)),
}


@pytest.mark.parametrize("case", list(SHAPES))
def test_axes_of_one_element_come_and_go(tmp_path: Path, case: str) -> None:
    _, axes, shape = SHAPES[case]
    values, how = set_of(tmp_path, **GOOD).items.prepared(ItemShape(axes, "float32"), {})
    assert values.shape == (2, *(shape or (3, 4)))
    assert np.array_equal(values.reshape(-1), GOOD["x"].reshape(-1))
    assert (how["from"], how["to"]) == ([3, 4], list(values.shape[1:]))


def test_colours_move_to_where_they_are_wanted_and_are_not_shuffled(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (2, 4, 5, 3), dtype=np.uint8)
    given = set_of(tmp_path, x=x, y=np.array([0, 1]))
    values, _ = given.items.prepared(ItemShape((3, 4, 5), "float32"), {})
    assert np.array_equal(values, x.transpose(0, 3, 1, 2))
    back = set_of(tmp_path, x=x.transpose(0, 3, 1, 2), y=np.array([0, 1]))
    values, _ = back.items.prepared(ItemShape((4, 5, 3), "uint8"), {})
    assert np.array_equal(values, x)


MISFITS = {
    "another size": (
        ItemShape((1, 28, 28), "float32"),
        {},
        "an item is 3 x 4, and the model takes 1 x 28 x 28",
    ),
    "other axes": (ItemShape((4, 3), "float32"), {}, "an item is 3 x 4, and the model takes 4 x 3"),
    "whole numbers": (ItemShape((3, 4), "int64"), {}, "the items are float32, and the model is fed int64"),
    "a range of real numbers": (ItemShape((3, 4), "float32"), {"range": 1.0}, "only bytes have a range"),
    "a size of images": (ItemShape((3, 4), "float32"), {"resize": 32}, "is for images"),
    "three colours": (ItemShape((3, 4), "float32"), {"mean": [1.0, 2.0, 3.0]}, "has 3 numbers"),
}


@pytest.mark.parametrize("case", list(MISFITS))
def test_items_that_a_model_does_not_take_are_refused(tmp_path: Path, case: str) -> None:
    wanted, asked, says = MISFITS[case]
    with pytest.raises(Refused, match=says):
        set_of(tmp_path, **GOOD).items.prepared(wanted, asked)


def test_bytes_come_to_their_range_less_mean_over_std_and_it_is_stated(tmp_path: Path) -> None:
    x = np.array([[0, 51], [255, 102]], dtype=np.uint8)
    given = set_of(tmp_path, x=x, y=np.array([0, 1]))
    asked = {"range": 1.0, "mean": [0.5], "std": [0.25]}
    values, how = given.items.prepared(ItemShape((2,), "float32"), asked)
    assert values == pytest.approx((x / 255 - 0.5) / 0.25)
    assert values.dtype == np.float32
    assert {key: how[key] for key in asked} == asked


def test_the_same_set_is_the_same_file_and_another_is_not(tmp_path: Path) -> None:
    first, again = set_of(tmp_path, **GOOD), set_of(tmp_path, **GOOD)
    assert first.labels.tolist() == [0, 5]
    assert first.classes == 6
    assert first.sha256 == again.sha256 != set_of(tmp_path, x=GOOD["x"], y=np.array([1, 5])).sha256
    write_array(tmp_path / "a.npz", "x", GOOD["x"])
    write_array(tmp_path / "b.npz", "x", GOOD["x"].copy())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert np.array_equal(np.load(tmp_path / "a.npz")["x"], GOOD["x"])


def test_digits_to_train_on_and_to_evaluate_on_are_different_ones() -> None:
    pytest.importorskip("sklearn")
    (items, labels), (others, _) = digits("test"), digits("train")
    assert (len(items), len(others), set(labels.tolist())) == (360, 1437, set(range(10)))
    found = read_set("digits")
    assert (found.name, len(found.labels), found.classes) == ("digits", 360, 10)
    values, how = found.items.prepared(ItemShape((1, 8, 8), "float32"), {"range": 1.0})
    assert 0.0 <= values.min() < values.max() == 1.0
    assert how["range"] == 1.0


def header_only(path: Path, values: int) -> Path:
    """A file of an array whose header claims so many `values`, with none behind it."""
    with path.open("wb") as file:
        about = {"descr": "<f4", "fortran_order": False, "shape": (values,)}
        np.lib.format.write_array_header_1_0(file, about)
    return path


def test_a_header_that_claims_what_is_not_there_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    """A few bytes that say they are 4 TB."""
    array = header_only(tmp_path / "x.npy", 10**12)
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.write(array, "x.npy")
    with pytest.raises(Refused, match=r"set\.npz: array 'x' claims 4,000,000,000,000 bytes of values, and"):
        read_set(str(tmp_path / "set.npz"))
    with pytest.raises(Refused, match=r"x\.npy claims 4,000,000,000,000 bytes of values, and"):
        check_unpacked(array, 1 << 20)


def test_an_array_of_more_bytes_than_are_read_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(100))
    with pytest.raises(Refused, match=r"x\.npy has 928 bytes of arrays; at most 900 are read"):
        check_unpacked(tmp_path / "x.npy", 900)
    check_unpacked(tmp_path / "x.npy", 928)
