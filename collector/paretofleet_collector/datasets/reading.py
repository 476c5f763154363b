"""Which kind of labelled set is named, and what becomes of it: a file of labels, and tensors for a model."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.datasets.labelled import LabelledSet
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    import numpy as np

DIGITS = "digits"
#: A time that every file here has, so that the same arrays are the same file.
_ALWAYS = (1980, 1, 1, 0, 0, 0)


def read_set(source: str) -> LabelledSet:
    """The labelled set that `source` names: `digits`, an .npz file, or a folder of images. Raises Refused."""
    from paretofleet_collector.datasets import arrays, images

    if source == DIGITS:
        return arrays.digits_set()
    path = Path(source)
    if path.is_dir():
        return images.image_set(path)
    if not path.exists():
        raise Refused(
            f"{source} does not exist; name an .npz file with x and y, a folder of images, or `digits`."
        )
    if path.suffix != ".npz":
        raise Refused(
            f"{source} is no labelled set: name an .npz file with x and y, a folder of images, or `digits`."
        )
    return arrays.npz_set(path)


def write_array(target: Path, name: str, values: np.ndarray) -> None:
    """Writes `values` as the one array, called `name`, of an .npz at `target`, always the same bytes."""
    import numpy as np

    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        member = zipfile.ZipInfo(f"{name}.npy", _ALWAYS)
        with archive.open(member, "w", force_zip64=True) as file:
            np.lib.format.write_array(file, np.ascontiguousarray(values), allow_pickle=False)
