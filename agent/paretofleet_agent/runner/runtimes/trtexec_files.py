"""The files that `trtexec` is given and that its outputs are compared in; no numpy is needed."""

import array
import random
from typing import Any, Dict, List, Mapping, Sequence

from paretofleet_graph import Output

from .. import reference
from ..failure import RunFailed
from ..input_dependence import Law

#: Values drawn per input; a larger input repeats them.
DRAWN = 1 << 16
TYPE = "float32"


def draw(
    path: str, items: Sequence[Output], shapes: Mapping[str, Sequence[int]], seed: int, law: Law
) -> List[Dict[str, Any]]:
    """Writes values for the inputs `items`, of the `shapes` by name, to files whose names begin with `path`.

    Each is drawn by `law` and seeded by `seed`. Returns name, type, shape and file of each. Raises RunFailed
    for another type than float.
    """
    drawn = []
    for at, item in enumerate(items):
        if item.type != "tensor(float)":
            raise RunFailed(
                "unsupported", "input %s is %s; trtexec is fed float only" % (item.name, item.type)
            )
        file, shape = "%s%d" % (path, at), list(shapes[item.name])
        _write(file, _count(shape), random.Random(seed), law)
        drawn.append({"name": item.name, "type": TYPE, "shape": shape, "file": file})
    return drawn


def compare(
    request: Mapping[str, Any], inputs: List[Dict[str, Any]], outputs: Mapping[str, Any], path: str
) -> Dict[str, Any]:
    """As `reference.check` for the run of `request`, from the `outputs` that trtexec printed (six digits).

    `inputs`: what `draw` returned. `path`: how the names of the files for the outputs begin.
    """
    header: Dict[str, Any] = {"artifact": request["artifact"], "inputs": inputs, "outputs": []}
    for name, output in outputs.items():
        file = "%s%d" % (path, len(header["outputs"]))
        with open(file, "wb") as handle:
            handle.write(array.array("f", output.values).tobytes())
        header["outputs"].append({"name": name, "type": TYPE, "shape": output.shape, "file": file})
    precision = "fp32" if request["precision"] == "native" else request["precision"]
    return reference.judge(reference.ask(request["reference_python"], header), precision)


def _write(file: str, count: int, source: random.Random, law: Law) -> None:
    values = array.array("f", [source.gauss(law.shift, law.scale) for _ in range(min(count, DRAWN))])
    with open(file, "wb") as handle:
        handle.write((values * (count // len(values) + 1))[:count].tobytes())


def _count(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
