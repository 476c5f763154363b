"""A labelled set: its items, and the number of each item's class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    import numpy as np

#: Of the tensors of a set: what the collector takes of one file.
BYTES_MAX = 2 << 30
LABEL_MAX = 10_000_000


@dataclass(frozen=True)
class ItemShape:
    """What one item has to be for a model: its axes, a name where any size will do, and numpy's type."""

    axes: tuple[int | str, ...]
    dtype: str


class Items(Protocol):
    """The items of a set as they were given."""

    def prepared(self, shape: ItemShape, preparing: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """All items as one array, the first axis theirs, and how they came to be so.

        `preparing`: what the user says of it, as a specification has it. Raises Refused where an item cannot
        have the `shape`.
        """


@dataclass(frozen=True)
class LabelledSet:
    """A set called `name` with its `items` and `labels` (n,), whole numbers from 0.

    `sha256`: of what was given, so that two evaluations are known to be of the same items.
    """

    name: str
    sha256: str
    items: Items
    labels: np.ndarray

    @property
    def classes(self) -> int:
        """How many classes a model must have at least for these labels."""
        return int(self.labels.max()) + 1


def checked_labels(values: np.ndarray, count: int, called: str) -> np.ndarray:
    """The labels of `count` items in `values`, `called` so, as int64; raises Refused where they are none.

    >>> import numpy as np
    >>> checked_labels(np.array([0.0, 2.0]), 2, "set.npz: array y").tolist()
    [0, 2]
    """
    import numpy as np

    if values.ndim == 2 and values.shape[1] > 1:
        raise Refused(
            f"{called} has the shape {list(values.shape)}: give the number of each item's class, as "
            "y.argmax(axis=1) makes it of a row a class."
        )
    flat = values.reshape(-1)
    if len(flat) != count:
        raise Refused(f"{called} has {len(flat):,} labels and there are {count:,} items: give each one.")
    if not count:
        raise Refused(f"{called} has no labels: an empty set says nothing of a model.")
    if flat.dtype.kind not in "iufb" or not np.isfinite(flat).all() or (flat != np.floor(flat)).any():
        raise Refused(f"{called} has labels that are no whole numbers: give the number of each item's class.")
    if flat.min() < 0 or flat.max() > LABEL_MAX:
        odd = flat.min() if flat.min() < 0 else flat.max()
        raise Refused(
            f"{called} has the label {odd:.0f}: classes are numbered from 0, as the model's outputs."
        )
    return np.asarray(flat, dtype=np.int64)


def check_size(count: int, item: Sequence[int], dtype: str, name: str) -> None:
    """Raises Refused where `count` items of the shape `item` and type `dtype` are more than one file holds.

    `name` is the set's.
    """
    import numpy as np

    each = int(np.prod(item)) * np.dtype(dtype).itemsize
    if count * each > BYTES_MAX:
        raise Refused(
            f"{name}: {count:,} items of {each:,} bytes each are more than {BYTES_MAX >> 30} GiB; keep "
            f"{BYTES_MAX // each:,} of them, drawn by chance from all classes."
        )


def normalised(values: np.ndarray, preparing: Mapping[str, Any], channels: int) -> np.ndarray:
    """The `values`, their last axis that of `channels`, less the mean and over the std of `preparing`.

    Either may be missing there. Raises Refused where they are of other channels.
    """
    import numpy as np

    for key in ("mean", "std"):
        if len(preparing.get(key, ())) not in (0, 1, channels):
            raise Refused(
                f"`data.{key}` has {len(preparing[key])} numbers, and an item has {channels} channels."
            )
    if "mean" in preparing:
        values = values - np.asarray(preparing["mean"], values.dtype)
    if "std" in preparing:
        values = values / np.asarray(preparing["std"], values.dtype)
    return values
