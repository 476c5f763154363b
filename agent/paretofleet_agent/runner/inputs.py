"""Inputs of a run: seeded, drawn by their laws, several."""

from typing import Any, Dict, List, Mapping, Optional, Tuple

from paretofleet_graph import Law, constant_of

from .failure import RunFailed
from .feeding import Feeding
from .ort_arrays import BITS, bits_of
from .samples import feed_at

BUFFERS = 8
#: All buffers together; a model with larger inputs gets fewer of them.
BUFFERS_BYTES_MAX = 128 * 1024 * 1024
#: Values drawn per input; a larger input repeats them, and each buffer starts at another one of them.
DRAWN = 1 << 20
#: The same where they are drawn anew beside a model that has its memory already.
REDRAWN = 1 << 16
#: An integer array of so many values may be drawn twice alike.
FEW = 64
#: Bytes that wider integers hold, too.
BYTES = 256
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
    "tensor(string)": "object",
    # Its bits: numpy has no such type.
    BITS: "uint16",
}


def buffers(feeding: Feeding, most: Optional[int] = None) -> List[Dict[str, Any]]:
    """Feeds to rotate over, as `feeding` says: as many as fit, at most BUFFERS, and of samples more.

    At `most` so many where that is given.

    Raises RunFailed for types that cannot be drawn. Needs numpy.
    """
    import numpy as np

    for name, kind in feeding.types.items():
        if kind not in TYPES:
            raise RunFailed("unsupported", "input %s has the type %s, which is not supported" % (name, kind))
    sizes = feeding.shapes
    types = {name: np.dtype(TYPES[feeding.types[name]]) for name in sizes}
    total = sum(_count(sizes[name]) * types[name].itemsize for name in sizes)
    count = max(1, min(most or _feeds_of(feeding), BUFFERS_BYTES_MAX // max(1, total)))
    random = np.random.RandomState(feeding.seed % 2**32)
    drawn = {
        name: _draw_as(feeding.types[name], random, _count(sizes[name]), feeding.laws[name])
        for name in sizes
        if name in feeding.laws
    }
    return [
        {
            name: _fill(np, random, drawn[name], sizes[name])
            if name in drawn
            else sampled(feeding, name, number, types[name])
            for name in sizes
        }
        for number in range(count)
    ]


def redraw(arrays: Mapping[str, Any], feeding: Feeding, seed: int, scale: float, shift: float) -> None:
    """Draws the values of all `arrays`, inputs by name, anew with `seed` and in place.

    By the laws of `feeding`, real numbers of the normal law times `scale` plus `shift`; constants, masks and
    lengths stay as they are, samples are put in another order. An array of few integers that would stay as
    it is has each of its values turned round. Raises RunFailed where no input can change.
    """
    import numpy as np

    random = np.random.RandomState(seed % 2**32)
    changed = False
    for name, array in arrays.items():
        if not array.size:
            continue
        if name not in feeding.laws:
            changed = _resample(feeding, name, array, random) or changed
            continue
        law = feeding.laws[name]
        if is_constant(law):
            continue
        drawn = _draw_as(feeding.types[name], random, min(array.size, REDRAWN), law, (scale, shift))
        if (
            law.values != "normal"
            and array.dtype.kind in "iub"
            and array.size <= FEW
            and np.array_equal(array.reshape(-1), drawn)
        ):
            drawn = _highest(law, array.dtype) - drawn.astype(np.int64)
        _repeat(array.reshape(-1), drawn)
        changed = True
    if not changed:
        raise RunFailed("unsupported", "no input can be drawn anew")


def is_constant(law: Law) -> bool:
    """Whether every value is the same by the `law`."""
    return law.values == "length" or constant_of(law) is not None


def _count(shape: Tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _feeds_of(feeding: Feeding) -> int:
    """How many feeds differ: every sample once, BUFFERS where values are drawn."""
    feeds = [BUFFERS]
    for name, axis in feeding.batch_axes.items():
        size = 1 if axis is None else max(1, feeding.shapes[name][axis])
        feeds.append(-(-len(feeding.samples[name]) // size))
    return max(feeds)


def _draw_as(kind: str, random: Any, count: int, law: Law, varied: Tuple[float, float] = (1.0, 0.0)) -> Any:
    """As `_draw`, of the type `kind` in the words of ONNX Runtime."""
    import numpy as np

    drawn = _draw(random, count, np.dtype("float32" if kind == BITS else TYPES[kind]), law, varied)
    return bits_of(drawn) if kind == BITS else drawn


def _draw(random: Any, count: int, dtype: Any, law: Law, varied: Tuple[float, float] = (1.0, 0.0)) -> Any:
    """`count` values of the `law`, or as many as are drawn at most, as an array of `dtype`.

    `varied`: by what normal ones are multiplied, and what is added to them.
    """
    import numpy as np

    count = max(1, min(count, DRAWN))
    constant = law.below if law.values == "length" else constant_of(law)
    if constant is not None:
        return np.full(1, constant, dtype)
    if law.values == "normal":
        return _normal(random, count, dtype, law, varied)
    if law.span is not None:
        low, high = law.span
        # The ends are excluded, after rounding to half precision, too.
        return (low + (high - low) * (0.002 + 0.996 * random.random_sample(count))).astype(dtype)
    if law.values == "uniform" and dtype.kind == "f" and law.below is None:
        return (1 - random.random_sample(count)).astype(dtype)
    if law.values == "zipf":
        # The n-th row about 1/n times as often as the first, by the inverse of the logarithm's distribution.
        rows = _highest(law, dtype) + 1
        drawn = (rows + 1) ** random.random_sample(count) - 1
        return drawn.astype("int64").clip(0, rows - 1).astype(dtype)
    low = -BYTES // 2 if dtype == "int8" and law.values == "bytes" else 0
    high = _highest(law, dtype) if law.values == "uniform" else BYTES - 1
    return random.randint(low, min(low + high, 2**62) + 1, size=count).astype(dtype)


def _normal(random: Any, count: int, dtype: Any, law: Law, varied: Tuple[float, float]) -> Any:
    """Normal values, `varied`; integers that stand for them in the steps of the file."""
    import numpy as np

    values = random.standard_normal(count) * varied[0] + varied[1]
    if law.quantised is None:
        return values.astype(dtype)
    (step, zero), limits = law.quantised, np.iinfo(dtype)
    return np.clip(np.round(values / step) + zero, limits.min, limits.max).astype(dtype)


def _highest(law: Law, dtype: Any) -> int:
    """The largest integer of the `law`."""
    if law.below is not None:
        return max(0, int(law.below) - 1)
    if dtype == "bool":
        return 1
    return 127 if dtype == "int8" else BYTES - 1


def sampled(feeding: Feeding, name: str, number: int, dtype: Any) -> Any:
    """The `number`-th feed of the samples that `feeding` has for the input `name`, as `dtype`."""
    values = feeding.samples[name]
    if name in feeding.batch_axes:
        values = feed_at(values, number, feeding.shapes[name], feeding.batch_axes[name])
    return bits_of(values) if feeding.types[name] == BITS else values.astype(dtype, copy=True)


def _resample(feeding: Feeding, name: str, array: Any, random: Any) -> bool:
    """Puts other samples into `array`; False where there are no others."""
    if name not in feeding.batch_axes or len(feeding.samples[name]) < 2:
        return False
    array[...] = sampled(feeding, name, random.randint(1, len(feeding.samples[name])), array.dtype)
    return True


def _fill(np: Any, random: Any, drawn: Any, shape: Tuple[int, ...]) -> Any:
    """The drawn values over and over, beginning at one of them by chance."""
    filled = np.empty(_count(shape), dtype=drawn.dtype)
    _repeat(filled, np.roll(drawn, random.randint(drawn.size)))
    return filled.reshape(shape)


def _repeat(filled: Any, values: Any) -> None:
    for at in range(0, filled.size, values.size):
        filled[at : at + values.size] = values[: filled.size - at]
