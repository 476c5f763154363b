"""Sets that come as arrays: an .npz of the user's with x and y, and scikit-learn's digits."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paretofleet_collector.datasets.labelled import (
    BYTES_MAX,
    ItemShape,
    LabelledSet,
    check_size,
    checked_labels,
    normalised,
)
from paretofleet_collector.datasets.members import check_unpacked
from paretofleet_collector.errors import Refused

ITEMS, LABELS = "x", "y"
#: Of the 1,797 digits so many are to evaluate on; the others are to train on.
DIGITS_TEST = 360
#: Bytes that a file is read by, for its hash.
_PIECE = 1 << 20


@dataclass(frozen=True)
class ArrayItems:
    """The `values` of a set, called `name`, their first axis that of the items.

    `largest`: what the largest value stands for, 255 of bytes; None where nothing says it.
    """

    name: str
    values: np.ndarray
    largest: float | None

    def prepared(self, shape: ItemShape, preparing: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """As `labelled.Items.prepared`: where `preparing` is empty, values stay what they are.

        Axes of one element come and go, all become one, and colours move to where they are due.
        """
        odd = next((key for key in ("resize", "crop") if key in preparing), None)
        if odd is not None:
            raise Refused(f"`data.{odd}` is for images; {self.name} holds arrays: give them in their size.")
        values, how = self.values, dict(preparing)
        check_size(len(values), values.shape[1:], shape.dtype, self.name)
        target = np.dtype(shape.dtype)
        if how.keys() & {"range", "mean", "std"}:
            if target.kind != "f":
                raise Refused(
                    f"`data`: a model that is fed {target} takes values as they are: no {', '.join(how)}."
                )
            values = self._scaled(values.astype(target), how)
        elif not _can_be(values, target):
            raise Refused(
                f"{self.name}: the items are {values.dtype}, and the model is fed {target}: save them so."
            )
        shaped = _shaped(values, shape.axes, self.name)
        how |= {"from": list(self.values.shape[1:]), "to": list(shaped.shape[1:]), "dtype": target.name}
        return np.ascontiguousarray(shaped.astype(target)), how

    def _scaled(self, values: np.ndarray, preparing: Mapping[str, Any]) -> np.ndarray:
        if "range" in preparing:
            if self.largest is None:
                raise Refused(
                    f"`data.range`: {self.name} holds {self.values.dtype}; only bytes have a range."
                )
            values = values * np.asarray(preparing["range"] / self.largest, values.dtype)
        channels = values.shape[-1] if values.ndim == 4 else 1
        return normalised(values, preparing, channels)


def _can_be(values: np.ndarray, target: np.dtype[Any]) -> bool:
    """Whether `values` can be fed as `target` without another meaning."""
    if target.kind == "f":
        return values.dtype.kind in "fiub"
    if target.kind in "iu" and values.dtype.kind in "iub":
        limits = np.iinfo(target)
        return not values.size or bool(limits.min <= values.min() and values.max() <= limits.max)
    return values.dtype == target


def _shaped(values: np.ndarray, axes: tuple[int | str, ...], name: str) -> np.ndarray:
    """The items with these `axes`; raises Refused where they have others."""
    item = values.shape[1:]
    if _fits(item, axes):
        return values
    if len(item) == 3 and len(axes) == 3:
        for moved in ((0, 3, 1, 2), (0, 2, 3, 1)):  # colours last to first, and back
            if _fits(tuple(values.shape[axis] for axis in moved[1:]), axes):
                return values.transpose(moved)
    if all(isinstance(axis, int) for axis in axes):
        plain = [size for size in item if size > 1]
        if len(axes) == 1 and axes[0] == int(np.prod(item)):
            return values.reshape(len(values), -1)
        if plain == [size for size in axes if size != 1]:
            return values.reshape(len(values), *(int(axis) for axis in axes))
    due = " x ".join(map(str, axes)) or "a number"
    raise Refused(
        f"{name}: an item is {' x '.join(map(str, item)) or 'a number'}, and the model takes {due}."
    )


def _fits(item: tuple[int, ...], axes: tuple[int | str, ...]) -> bool:
    return len(item) == len(axes) and all(
        isinstance(axis, str) or axis == size for axis, size in zip(axes, item, strict=True)
    )


def npz_set(path: Path) -> LabelledSet:
    """The set in the .npz at `path`: its items are `x`, the numbers of their classes `y`. Raises Refused."""
    if path.stat().st_size > BYTES_MAX:
        raise Refused(
            f"{path.name} has {path.stat().st_size:,} bytes; at most {BYTES_MAX:,} are read: keep fewer "
            "items, drawn by chance from all classes."
        )
    try:
        check_unpacked(path, BYTES_MAX)
        with np.load(path, allow_pickle=False) as arrays:
            missing = next((name for name in (ITEMS, LABELS) if name not in arrays.files), None)
            if missing is not None:
                there = ", ".join(sorted(arrays.files)) or "none"
                raise Refused(
                    f"{path.name} has no array {missing}, it has {there}: a labelled set has its items in x "
                    "and the numbers of their classes in y."
                )
            items, labels = arrays[ITEMS], arrays[LABELS]
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise Refused(
            f"{path.name} cannot be read as an .npz ({error}): write it with numpy.savez."
        ) from None
    return _set(path.name, items, labels, _sha256(path))


def _set(
    name: str, items: np.ndarray, labels: np.ndarray, sha256: str, largest: float | None = None
) -> LabelledSet:
    if not items.ndim or items.dtype.kind not in "fiub":
        raise Refused(
            f"{name}: array x is {items.dtype} of the shape {list(items.shape)}: give numbers, a row an item."
        )
    labels = checked_labels(labels, len(items), f"{name}: array y")
    if items.dtype.kind == "f" and not np.isfinite(items).all():
        raise Refused(f"{name}: array x has values that are not finite: leave those items out.")
    if largest is None and items.dtype == np.uint8:
        largest = 255.0
    return LabelledSet(name, sha256, ArrayItems(name, items, largest), labels)


def digits_set() -> LabelledSet:
    """The 360 digits of scikit-learn's 1,797 that are to evaluate on, 8 x 8, from 0 to 16. Raises Refused."""
    items, labels = digits("test")
    digest = hashlib.sha256(items.tobytes() + labels.tobytes()).hexdigest()
    return _set("digits", items, labels, digest, largest=16.0)


def digits(part: str) -> tuple[np.ndarray, np.ndarray]:
    """The items (n, 8, 8) and labels (n,) of one `part` of scikit-learn's digits, `test` or `train`.

    A fixed order by chance parts them: their own is by who wrote them. Raises Refused without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise Refused(
            "The digits come with scikit-learn, not here: pip install 'paretofleet-collector[digits]'."
        ) from None
    loaded = load_digits()
    order = np.random.RandomState(0).permutation(len(loaded.target))
    chosen = order[-DIGITS_TEST:] if part == "test" else order[:-DIGITS_TEST]
    return loaded.images[chosen].astype(np.float32), loaded.target[chosen].astype(np.int64)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
