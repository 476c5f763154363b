"""The user's own samples: an .npz or .npy file whose first axis is rotated over. Needs numpy."""

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from paretofleet_graph import Description, GraphRefused, Input

#: The file's type -> numpy's kinds that may stand in it.
KINDS = {"float": "fiu", "float16": "fiu", "double": "fiu", "bfloat16": "fiu", "bool": "b", "string": "UO"}


class Samples(NamedTuple):
    """The `values` of an input. `rotates`: their first axis is one of samples.

    `batch_axis`: along which axis of the input samples are put together; None where each is a whole input.
    """

    values: Any
    rotates: bool
    batch_axis: Optional[int]


def load(path: str, item: Input, description: Description) -> Samples:
    """The samples for the input `item` in the file at `path`, held against what the graph says of it.

    `description`: the graph's. Raises GraphRefused for a file that cannot be read, has no such array, or
    holds values of another type, shape or range.
    """
    array = _array(path, item.name)
    word = item.type[len("tensor(") : -1]
    if array.dtype.kind not in KINDS.get(word, "iu"):
        raise GraphRefused(
            "%s holds %s for input %s, which is %s" % (_name(path), array.dtype, item.name, word)
        )
    _check_range(path, array, item)
    axes = item.axes or ()
    batch_axis = _batch_axis(item, description)
    if array.ndim == len(axes) + 1:
        made = Samples(array, rotates=True, batch_axis=None)
    elif array.ndim == len(axes) and batch_axis is not None:
        made = Samples(array, rotates=True, batch_axis=batch_axis)
    elif array.ndim == len(axes):
        made = Samples(array, rotates=False, batch_axis=None)
    else:
        raise GraphRefused(
            "%s has the shape %s; input %s wants samples of %s along a first axis"
            % (_name(path), list(array.shape), item.name, list(axes))
        )
    if made.rotates and not len(array):
        raise GraphRefused("%s holds no sample for input %s" % (_name(path), item.name))
    return made


def shape_of(given: Samples, item: Input, description: Description) -> List[Any]:
    """The shape of the input `item` by the samples `given`; the batch axis of `description` by its key."""
    sizes: List[Any] = list(given.values.shape)
    if given.batch_axis is not None:
        sizes = sizes[1:]
        sizes.insert(given.batch_axis, (item.axes or ())[given.batch_axis])
    elif given.rotates:
        sizes = sizes[1:]
    return [
        axis if axis == description.batch and given.batch_axis is not None else size
        for axis, size in zip(item.axes or (), sizes)
    ]


def check_counts(arrays: Mapping[str, Any]) -> None:
    """Raises GraphRefused where `arrays`, which are rotated together, hold different numbers of samples."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise GraphRefused(
            "the inputs have different numbers of samples: %s"
            % ", ".join("%s %d" % each for each in counts.items())
        )


def feed_at(values: Any, number: int, shape: Sequence[int], batch_axis: Optional[int]) -> Any:
    """The `number`-th feed of the samples `values`, of an input's `shape`, as `batch_axis` says."""
    import numpy as np

    if batch_axis is None:
        return np.ascontiguousarray(values[number % len(values)])
    size = shape[batch_axis]
    picked = values[[(number * size + at) % len(values) for at in range(size)]]
    return np.ascontiguousarray(np.moveaxis(picked, 0, batch_axis))


def names_in(path: str, names: Sequence[str]) -> List[str]:
    """Which of `names` have an array in the file or folder at `path`. Raises GraphRefused for none."""
    arrays = _arrays(path)
    present = [name for name in names if name in arrays]
    if not present:
        raise GraphRefused(
            "%s has no array of an input (%s); it has %s"
            % (_name(path), ", ".join(names), ", ".join(arrays) or "none")
        )
    return present


def _array(path: str, name: str) -> Any:
    """The array of the input `name`, or the only one of a file."""
    arrays = _arrays(path)
    if name not in arrays and len(arrays) != 1:
        raise GraphRefused("%s has no array %s; it has %s" % (_name(path), name, ", ".join(arrays) or "none"))
    return arrays.get(name, next(iter(arrays.values())))


def _arrays(path: str) -> Dict[str, Any]:
    """The arrays by name: of an .npz, of an .npy, or of a folder of them.

    In a folder an .npy is the array of its own name, and samples of one .npz follow those of another.
    """
    try:
        import numpy as np
    except ImportError:
        raise GraphRefused("samples need numpy in the runner's interpreter") from None
    if not os.path.isdir(path):
        return _loaded(np, path)
    parts: Dict[str, List[Any]] = {}
    for name in sorted(os.listdir(path)):
        if name.endswith((".npy", ".npz")):
            for key, array in _loaded(np, os.path.join(path, name)).items():
                parts.setdefault(key, []).append(array)
    try:
        return {key: np.concatenate(arrays) for key, arrays in parts.items()}
    except ValueError:
        raise GraphRefused("the samples in %s are not of one shape" % _name(path)) from None


def _loaded(np: Any, path: str) -> Dict[str, Any]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if not hasattr(loaded, "files"):
            return {os.path.splitext(os.path.basename(path))[0]: loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise GraphRefused("cannot read %s: %s" % (_name(path), error.strerror or error)) from None
    except Exception:  # noqa: BLE001  zipfile, zlib and numpy raise what they like for a damaged file
        raise GraphRefused("%s holds no arrays of numpy: save it by numpy.savez" % _name(path)) from None


def _check_range(path: str, array: Any, item: Input) -> None:
    """Refuses ids beyond their table, and numbers that the input's type does not hold."""
    import numpy as np

    word = item.type[len("tensor(") : -1]
    if array.dtype.kind not in "iu" or not array.size:
        return
    low, high = int(array.min()), int(array.max())
    if word.startswith(("int", "uint")):
        limits = np.iinfo(word)
        if low < limits.min or high > limits.max:
            raise GraphRefused(
                "%s holds %d to %d for input %s, which is %s" % (_name(path), low, high, item.name, word)
            )
    below = item.law.below if item.law is not None and item.law.values == "zipf" else None
    if isinstance(below, int) and not -below <= low <= high < below:
        raise GraphRefused(
            "%s holds ids of %d to %d for input %s, which picks from a table of %d rows"
            % (_name(path), low, high, item.name, below)
        )


def _batch_axis(item: Input, description: Description) -> Optional[int]:
    """Where the batch stands among the axes of an input: the free one, or a fixed first one."""
    axes = item.axes or ()
    if description.batch is not None:
        return axes.index(description.batch) if description.batch in axes else None
    fixed = description.fixed_batch_size
    return 0 if axes and axes[0] == fixed and len(axes) > 1 else None


def _name(path: str) -> str:
    return os.path.basename(path.rstrip(os.sep))
