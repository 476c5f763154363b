"""Inputs of a run: seeded, realistic, several; and the check of what comes out."""

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .failure import RunFailed

BUFFERS = 8
#: All buffers together; a model with larger inputs gets fewer of them.
BUFFERS_BYTES_MAX = 128 * 1024 * 1024
#: Values drawn per input; a larger input repeats them, and each buffer starts at another one of them.
DRAWN = 1 << 20
#: The same where they are drawn anew beside a model that has its memory already.
REDRAWN = 1 << 16
#: An integer array of so many values may be drawn twice alike.
FEW = 64
TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
}


def shapes(items: Sequence[Any], batch_size: int) -> Dict[str, Tuple[int, ...]]:
    """{name: shape} of the inputs `items`, the batch axis (the free first one) filled with `batch_size`.

    An item has a name, a type as ONNX Runtime writes it, and a shape of numbers and names.

    Raises RunFailed for a fixed batch that differs and for any other free axis.
    """
    filled = {}
    free_batch = False
    for item in items:
        shape = list(item.axes if hasattr(item, "axes") else item.shape)
        for axis, size in enumerate(shape):
            if isinstance(size, int) and size > 0:
                continue
            if axis:
                raise RunFailed(
                    "unsupported",
                    "input %s has a free axis %d (%s) besides the batch; give it a fixed size"
                    % (item.name, axis, size),
                )
            shape[0] = batch_size
            free_batch = True
        filled[item.name] = tuple(shape)
    if not free_batch:
        fixed = next((shape[0] for shape in filled.values() if shape), None)
        if fixed is None:
            raise RunFailed("unsupported", "the model has no input with a batch axis")
        if fixed != batch_size:
            raise RunFailed(
                "unsupported", "the file has the fixed batch size %d; %d was asked for" % (fixed, batch_size)
            )
    return filled


def buffers(items: Sequence[Any], batch_size: int, seed: int) -> List[Dict[str, Any]]:
    """Feeds for the inputs `items` to rotate over, drawn with `seed`: as many as fit, at most BUFFERS.

    Real numbers are standard normal as normalised images are, bytes are uniform, other integers are 0 or 1
    (valid as an index into any table), truth values are coin flips. Raises RunFailed for other types, and
    where `batch_size` does not fit. Needs numpy.
    """
    import numpy as np

    for item in items:
        if item.type not in TYPES:
            raise RunFailed(
                "unsupported", "input %s has the type %s, which is not supported" % (item.name, item.type)
            )
    sizes = shapes(items, batch_size)
    types = {item.name: np.dtype(TYPES[item.type]) for item in items}
    total = sum(_count(sizes[name]) * types[name].itemsize for name in sizes)
    count = max(1, min(BUFFERS, BUFFERS_BYTES_MAX // max(1, total)))
    random = np.random.RandomState(seed % 2**32)
    drawn = {name: _draw(np, random, _count(sizes[name]), types[name]) for name in sizes}
    return [{name: _fill(np, random, drawn[name], sizes[name]) for name in sizes} for _ in range(count)]


def redraw(arrays: Mapping[str, Any], seed: int, scale: float, shift: float) -> None:
    """Draws the values of all `arrays`, inputs by name, anew with `seed` and in place.

    By the laws of `buffers`, real numbers times `scale` plus `shift`. An array of few integers that would
    stay as it is has each of its values turned round.
    """
    import numpy as np

    random = np.random.RandomState(seed % 2**32)
    for array in arrays.values():
        drawn = _draw(np, random, min(array.size, REDRAWN), array.dtype)
        if array.dtype.kind == "f":
            drawn = (drawn * scale + shift).astype(array.dtype)
        elif array.size <= FEW and np.array_equal(array.reshape(-1), drawn):
            drawn = (255 if array.dtype == np.uint8 else 1) - drawn.astype(np.int64)
        _repeat(array.reshape(-1), drawn)


def check_outputs(names: Sequence[str], outputs: Sequence[Any]) -> None:
    """Raises RunFailed with `wrong_output` when one of `outputs`, called `names`, has a value not finite."""
    import numpy as np

    for name, output in zip(names, outputs):
        if isinstance(output, np.ndarray) and output.dtype.kind == "f" and not np.isfinite(output).all():
            wrong = int(output.size - np.isfinite(output).sum())
            raise RunFailed(
                "wrong_output",
                "output %s has %d of %d values that are not finite" % (name, wrong, output.size),
            )


def _count(shape: Tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _draw(np: Any, random: Any, count: int, dtype: Any) -> Any:
    count = max(1, min(count, DRAWN))
    if dtype.kind == "f":
        return random.standard_normal(count).astype(dtype)
    return random.randint(0, 256 if dtype == np.uint8 else 2, size=count).astype(dtype)


def _fill(np: Any, random: Any, drawn: Any, shape: Tuple[int, ...]) -> Any:
    """The drawn values over and over, beginning at one of them by chance."""
    filled = np.empty(_count(shape), dtype=drawn.dtype)
    _repeat(filled, np.roll(drawn, random.randint(drawn.size)))
    return filled.reshape(shape)


def _repeat(filled: Any, values: Any) -> None:
    for at in range(0, filled.size, values.size):
        filled[at : at + values.size] = values[: filled.size - at]
