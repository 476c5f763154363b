"""The files that `trtexec` is given and that its outputs are compared in; no numpy is needed."""

import array
import math
import random
from typing import Any, Callable, Dict, List, Mapping, Sequence

from paretofleet_graph import Law as InputLaw
from paretofleet_graph import constant_of

from ..failure import RunFailed
from ..feeding import Feeding
from ..input_dependence import Law
from . import trtexec_command as command

#: Values drawn per input; a larger input repeats them.
DRAWN = 1 << 16
TYPE = "float32"


def draw(path: str, feeding: Feeding, seed: int, law: Law) -> List[Dict[str, Any]]:
    """Writes values for the inputs of `feeding` to files whose names begin with `path`.

    Normal ones are drawn by `law`; each is seeded by `seed`. Returns name, type, shape and file of each.
    Raises RunFailed for another type than float, and for samples.
    """
    drawn = []
    for at, (name, kind) in enumerate(feeding.types.items()):
        if kind != "tensor(float)" or name not in feeding.laws:
            is_fed = kind if name in feeding.laws else "fed from a file"
            raise RunFailed("unsupported", "input %s is %s; trtexec is fed drawn float only" % (name, is_fed))
        file, shape = "%s%d" % (path, at), list(feeding.shapes[name])
        _write(file, _count(shape), _values(feeding.laws[name], law, random.Random(seed)))
        drawn.append({"name": name, "type": TYPE, "shape": shape, "file": file})
    return drawn


def written(outputs: Mapping[str, command.Output], path: str) -> List[Dict[str, Any]]:
    """Name, type, shape and file of each of the `outputs`, which trtexec prints with six digits.

    `path`: how the names of the files begin.
    """
    tensors: List[Dict[str, Any]] = []
    for name, output in outputs.items():
        file = "%s%d" % (path, len(tensors))
        with open(file, "wb") as handle:
            handle.write(array.array("f", output.values).tobytes())
        tensors.append({"name": name, "type": TYPE, "shape": output.shape, "file": file})
    return tensors


def not_finite(outputs: Mapping[str, command.Output]) -> Dict[str, int]:
    """How many values are not finite of each of the `outputs` that has some."""
    counts = {name: sum(not math.isfinite(v) for v in output.values) for name, output in outputs.items()}
    return {name: count for name, count in counts.items() if count}


def _values(drawn_by: InputLaw, law: Law, source: random.Random) -> Callable[[], float]:
    """What gives a value after another by the law `drawn_by`; `law` varies the normal one."""
    constant = constant_of(drawn_by)
    if constant is not None:
        return lambda: float(constant)
    if drawn_by.values == "uniform":
        return lambda: 1 - source.random()
    return lambda: source.gauss(law.shift, law.scale)


def _write(file: str, count: int, value: Callable[[], float]) -> None:
    values = array.array("f", [value() for _ in range(min(count, DRAWN))])
    with open(file, "wb") as handle:
        handle.write((values * (count // len(values) + 1))[:count].tobytes())


def _count(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
