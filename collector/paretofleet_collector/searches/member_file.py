"""The process that makes a member's file and reads it: `... -m paretofleet_collector.searches.member_file`.

Its argument is a JSON file: the user's `module`, whose `build` writes the `model` of a `member` from a
`seed`, or none where the file is there. It writes what it read to the file `answer`: facts, or `refused`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import reading
from paretofleet_collector.searches.graph_hash import graph_hash


def main() -> None:
    """Does what the file in the argument asks."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    model = Path(request["model"])
    answer = _built(request, model) if request["module"] else {}
    if not answer:
        answer = _read(model, request["called"])
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")


def _built(request: dict[str, Any], model: Path) -> dict[str, Any]:
    """Lets the user's module write the member twice; what was wrong, or nothing."""
    module = Path(request["module"])
    try:
        build = _function(module)
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        return {"module": f"{module.name} cannot be imported ({_described(error, module)})"}
    if not callable(build):
        return {"module": f"{module.name} has no function `build(member, path, seed)`"}
    again = model.parent / "again" / model.name  # beside it nothing of the first can be taken for its own
    again.parent.mkdir()
    try:
        for path in (model, again):
            os.chdir(path.parent)  # onnx takes external data that lie where it runs for the new file's
            build(dict(request["member"]), path, request["seed"])
    except Exception as error:  # noqa: BLE001
        return {"refused": f"`build` failed ({_described(error, module)})", "reason": "build"}
    if not model.is_file() or not again.is_file():
        return {"refused": "`build` wrote no file: it is to write one at its `path`", "reason": "build"}
    if model.read_bytes() != again.read_bytes():
        why = "`build` wrote two files for one member: its weights are to follow from `seed` alone"
        return {"refused": why, "reason": "build"}
    return {}


def _function(module: Path) -> Any:
    """`build` of the user's module, which may import what stands beside it."""
    sys.path.insert(0, str(module.parent))
    spec = importlib.util.spec_from_file_location("space", module)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["space"] = loaded
    spec.loader.exec_module(loaded)
    return getattr(loaded, "build", None)


def _described(error: Exception, module: Path) -> str:
    """The error, and the line of the user's module that it comes from; the whole of it is printed."""
    traceback.print_exception(error)
    lines = [
        each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(module)
    ]
    where = f" in line {lines[-1]}" if lines else ""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}{where}{f': {said}' if said else ''}"


def _read(model: Path, called: str) -> dict[str, Any]:
    from paretofleet_graph import OnnxFile

    try:
        facts = reading.read(model, called)
    except ModelRefused as error:
        return {"refused": str(error), "reason": "model"}
    if facts.graph["batch"] is None or facts.fixed_batch_size is not None:
        why = f"{called} has no batch axis: leave the first axis of its inputs and outputs open, as 'N'"
        return {"refused": why, "reason": "model"}
    unfit = _not_a_number(model)
    if unfit:
        why = (
            f"{called} has weights that are not a number, in {unfit}: training diverged, or drew them wrongly"
        )
        return {"refused": why, "reason": "model"}
    return {
        "graph": graph_hash(OnnxFile(str(model))),
        "macs": facts.macs,
        "parameters": facts.parameters,
        "size_bytes": facts.size_bytes,
        "inputs": [[each.name, each.element_type, list(each.shape)] for each in facts.inputs],
    }


def _not_a_number(model: Path) -> str:
    """The first of the weights that has a NaN; empty for none."""
    import numpy as np
    import onnx

    for tensor in _tensors(onnx.load(model)):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype.kind in "fcV" and np.isnan(values.astype(np.float64)).any():
            return str(tensor.name) or "a constant"
    return ""


def _tensors(model: Any) -> Any:
    import onnx

    from paretofleet_collector.models.onnxfile.counting import messages

    return (each for each in messages(model) if isinstance(each, onnx.TensorProto))


if __name__ == "__main__":
    # Beside what the user's module computes by, one thread is enough.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
