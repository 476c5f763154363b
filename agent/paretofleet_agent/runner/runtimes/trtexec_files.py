"""The files that `trtexec` is given and that its outputs are compared in; no numpy is needed."""

import array
import random
from typing import Any, Dict, List, Mapping, Sequence

from .. import reference
from ..failure import RunFailed
from .onnx_reader import Input

#: Values drawn per input; a larger input repeats them.
DRAWN = 1 << 16
TYPE = "float32"


def draw(path: str, item: Input, shape: Sequence[int], seed: int) -> Dict[str, Any]:
    """Writes standard normal values for the input `item` of this `shape` to `path`, seeded by `seed`.

    Returns its name, type, shape and file. Raises RunFailed for another type than float.
    """
    if item.type != "tensor(float)":
        raise RunFailed("unsupported", "input %s is %s; trtexec is fed float only" % (item.name, item.type))
    source = random.Random(seed)
    count = 1
    for size in shape:
        count *= size
    drawn = array.array("f", [source.gauss(0.0, 1.0) for _ in range(min(count, DRAWN))])
    with open(path, "wb") as handle:
        handle.write((drawn * (count // len(drawn) + 1))[:count].tobytes())
    return {"name": item.name, "type": TYPE, "shape": list(shape), "file": path}


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
