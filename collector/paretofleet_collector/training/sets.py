"""Labelled sets to learn from and to test on: scikit-learn's digits, Fashion-MNIST, an .npz of the user's."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from paretofleet_collector.datasets.arrays import digits
from paretofleet_collector.datasets.labelled import BYTES_MAX, checked_labels
from paretofleet_collector.errors import Refused, misused

DIGITS, FASHION = "digits", "fashion-mnist"
#: Where Debian's package dataset-fashion-mnist puts it.
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_PARTS = ("x_train", "y_train", "x_test", "y_test")
#: Bytes of an idx file before its values: a magic number and the size of each axis (of 3 and of 1).
_IDX_HEADS = {"images-idx3-ubyte.gz": 16, "labels-idx1-ubyte.gz": 8}


@dataclass(frozen=True)
class TrainingSet:
    """A set called `name`: items (n, channels, height, width) as float32, and labels (n,) from 0.

    `split`: how items to learn from and to test on were parted. `item`: the shape in which it was given.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    split: str
    item: tuple[int, ...]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.y_train.max()) + 1

    @property
    def mean(self) -> float:
        """The mean of all values that are learnt from; with `std` it stands in the network's file."""
        return float(self.x_train.mean(dtype=np.float64))

    @property
    def std(self) -> float:
        """Their standard deviation."""
        return float(self.x_train.std(dtype=np.float64))

    @property
    def sha256(self) -> str:
        """Of all items and labels."""
        digest = hashlib.sha256()
        for part in _PARTS:
            digest.update(np.ascontiguousarray(getattr(self, part)).tobytes())
        return digest.hexdigest()

    @property
    def preprocessing(self) -> str:
        """For people: what becomes of an item before the first layer, in the file itself."""
        return f"values as they are; the file takes off {self.mean:.4g} and divides by {self.std:.4g}"

    def save(self, target: Path) -> None:
        """Writes the four arrays to the .npz `target`."""
        np.savez(target, **{part: getattr(self, part) for part in _PARTS})


def read_training_set(source: str, folder: Path = FASHION_FOLDER) -> TrainingSet:
    """The set that `source` names: `digits`, `fashion-mnist`, or an .npz file. Raises Refused.

    `folder`: where the files of Fashion-MNIST lie.
    """
    if source == DIGITS:
        (x_train, y_train), (x_test, y_test) = digits("train"), digits("test")
        split = f"{len(y_train):,} to learn from and {len(y_test):,} to test on, by a fixed order by chance"
        return _checked(TrainingSet(DIGITS, x_train, y_train, x_test, y_test, split, (8, 8)))
    if source == FASHION:
        return _fashion_mnist(folder)
    path = Path(source)
    if path.suffix != ".npz" or not path.is_file():
        raise misused(
            f"{source} is no set to learn from: name {DIGITS}, {FASHION}, or an .npz file with "
            f"{', '.join(_PARTS)}."
        )
    return _npz(path)


def _fashion_mnist(folder: Path) -> TrainingSet:
    arrays = []
    for part in ("train", "t10k"):
        for ending, head in _IDX_HEADS.items():
            path = folder / f"{part}-{ending}"
            try:
                data = gzip.decompress(path.read_bytes())
            except FileNotFoundError:
                raise Refused(
                    f"{path} is not there: `apt-get install dataset-fashion-mnist` brings Fashion-MNIST on "
                    "Debian."
                ) from None
            except (OSError, EOFError) as error:
                raise Refused(f"{path} cannot be read ({error}): install its package again.") from None
            values = np.frombuffer(data, dtype=np.uint8, offset=min(head, len(data)))
            arrays.append(values.reshape(-1, 28, 28) if head == 16 else values.astype(np.int64))
    x_train, y_train, x_test, y_test = arrays
    split = f"its own: {len(y_train):,} to learn from and {len(y_test):,} to test on"
    return _checked(TrainingSet(FASHION, x_train, y_train, x_test, y_test, split, (28, 28)))


def _npz(path: Path) -> TrainingSet:
    if path.stat().st_size > BYTES_MAX:
        raise Refused(f"{path.name} has {path.stat().st_size:,} bytes; at most {BYTES_MAX:,} are read.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = next((name for name in _PARTS if name not in arrays.files), None)
            if missing is not None:
                there = ", ".join(sorted(arrays.files)) or "none"
                raise Refused(
                    f"{path.name} has no array {missing}, it has {there}: a set to learn from has "
                    f"{', '.join(_PARTS)}."
                )
            x_train, y_train, x_test, y_test = (arrays[part] for part in _PARTS)
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise Refused(
            f"{path.name} cannot be read as an .npz ({error}): write it with numpy.savez."
        ) from None
    split = f"the file's own: {len(y_train):,} to learn from and {len(y_test):,} to test on"
    return _checked(TrainingSet(path.stem, x_train, y_train, x_test, y_test, split, tuple(x_train.shape[1:])))


def _checked(given: TrainingSet) -> TrainingSet:
    """The set with its items as float32 images and its labels as int64; raises Refused."""
    items: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    for part in ("train", "test"):
        x, y = f"x_{part}", f"y_{part}"
        items[x] = _images(getattr(given, x), f"{given.name}: array {x}")
        labels[y] = checked_labels(getattr(given, y), len(items[x]), f"{given.name}: array {y}")
    if items["x_train"].shape[1:] != items["x_test"].shape[1:]:
        shapes = " and ".join(" x ".join(map(str, each.shape[1:])) for each in items.values())
        raise Refused(f"{given.name}: items to learn from and to test on differ in their shape: {shapes}.")
    _check_classes(given.name, labels["y_train"], labels["y_test"])
    checked = replace(given, **items, **labels)
    if not checked.std > 0:
        raise Refused(f"{given.name}: all values of x_train are equal: there is nothing to learn from.")
    return checked


def _images(values: np.ndarray, called: str) -> np.ndarray:
    """The items as (n, channels, height, width) of float32."""
    if values.dtype.kind not in "fiub" or values.ndim not in (2, 3, 4) or 0 in values.shape:
        raise Refused(
            f"{called} is {values.dtype} of the shape {list(values.shape)}: give numbers, a row an item, as "
            "(n, height, width), (n, channels, height, width) or (n, features)."
        )
    if values.ndim == 4 and values.shape[3] in (1, 3) and values.shape[1] not in (1, 3):
        values = values.transpose(0, 3, 1, 2)
    channels = {2: (len(values), values.shape[1], 1, 1), 3: (len(values), 1, *values.shape[1:])}
    images = np.ascontiguousarray(values.reshape(channels.get(values.ndim, values.shape)), dtype=np.float32)
    if not np.isfinite(images).all():
        raise Refused(f"{called} has values that are not finite: leave those items out.")
    return images


def _check_classes(name: str, train: np.ndarray, test: np.ndarray) -> None:
    """Refuses labels that cannot be learnt: of one class, with gaps, or of classes that are only tested."""
    counts = np.bincount(train)
    if len(counts) < 2:
        raise Refused(f"{name}: all items to learn from are of one class: there is nothing to tell apart.")
    only = sorted(set(np.unique(test).tolist()) - set(np.flatnonzero(counts).tolist()))
    if only:
        raise Refused(
            f"{name}: class {only[0]} is in y_test and not in y_train: labels do not match; number the "
            "classes of both alike."
        )
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise Refused(
            f"{name}: class {empty[0]} has no item to learn from, and class {len(counts) - 1} has: number "
            "the classes from 0 without gaps."
        )


def of_classes(whole: TrainingSet, first: int, last: int) -> TrainingSet:
    """The items of the `whole` set that are of the classes `first` to `last`, numbered from 0 anew.

    Raises Refused where it has no such classes, or fewer than two.
    """
    if not 0 <= first < last < whole.classes:
        raise misused(
            f"{whole.name}:{first}-{last}: the set has the classes 0 to {whole.classes - 1}; name two "
            "or more."
        )
    kept = {
        part: (labels >= first) & (labels <= last)
        for part, labels in (("train", whole.y_train), ("test", whole.y_test))
    }
    if not kept["test"].any():
        raise Refused(f"{whole.name}: there are no items to test on of the classes {first} to {last}.")
    return replace(
        whole,
        name=f"{whole.name}-{first}-{last}",
        x_train=whole.x_train[kept["train"]],
        y_train=whole.y_train[kept["train"]] - first,
        x_test=whole.x_test[kept["test"]],
        y_test=whole.y_test[kept["test"]] - first,
        split=f"{whole.split}; of the classes {first} to {last} {kept['train'].sum():,} and "
        f"{kept['test'].sum():,}",
    )
