"""Computes a reference with ONNX Runtime and compares. A program of its own: JSON in, a line of JSON out."""

import contextlib
import ctypes
import json
import signal
import sys
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

PR_SET_PDEATHSIG = 1
#: Items of the batch that are compared; a batch axis that is fixed is computed whole.
ITEMS_MAX = 2
#: Name of a batch axis -> (items computed, items given).
Batch = Dict[str, Tuple[int, int]]


def main() -> None:
    """Reads {artifact, inputs, outputs} and writes {by, items, relative_errors, wrong_shapes}."""
    # Here and not between fork and exec: the runner that asks has a runtime's threads.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    import numpy as np
    import onnxruntime

    header = json.load(sys.stdin)
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(header["artifact"], settings, providers=["CPUExecutionProvider"])
    feed, batch, items = _first_items(session, [(each["name"], _read(np, each)) for each in header["inputs"]])
    computed = list(zip(session.get_outputs(), session.run(None, feed)))
    by_name = {about.name: (about, expected) for about, expected in computed}
    errors: Dict[str, float] = {}
    shapes: Dict[str, Any] = {}
    for at, each in enumerate(header["outputs"]):
        about, expected = by_name.get(each["name"]) or computed[at]
        actual = _read(np, each)
        if is_misshapen(actual, expected, about.shape, batch):
            shapes[each["name"]] = [list(actual.shape), list(expected.shape)]
            continue
        error = relative_error(np, actual, expected)
        if error is not None:
            errors[each["name"]] = error
    answer = {"by": "onnxruntime %s, unoptimised" % onnxruntime.__version__, "items": items}
    sys.stdout.write("\n%s\n" % json.dumps(dict(answer, relative_errors=errors, wrong_shapes=shapes)))


def _first_items(
    session: Any, given: Sequence[Tuple[str, Any]]
) -> Tuple[Dict[str, Any], Batch, Optional[int]]:
    """The feed of `session` from the first items of the batch, what became of its axis, how many items.

    `given`: (name, values) of each input; an input that goes by another name gets the first one's values.
    """
    values = dict(given)
    feed: Dict[str, Any] = {}
    batch: Batch = {}
    items = None
    for about in session.get_inputs():
        value = values.get(about.name, given[0][1])
        if about.shape and not isinstance(about.shape[0], int):
            items = min(ITEMS_MAX, len(value))
            if about.shape[0]:
                batch[about.shape[0]] = (items, len(value))
            value = value[:items]
        feed[about.name] = value
    return feed, batch, items


def is_misshapen(actual: Any, expected: Any, declared: Sequence[Any], batch: Mapping[Any, Any]) -> bool:
    """Whether an axis of the output `actual` is not as long as the file and the `expected` output say.

    `declared`: the file's axes, numbers and names. `batch`: name of the batch axis to (items computed, items
    given). Other named axes are as long as the values make them and are not looked at.
    """
    if not declared or not hasattr(expected, "shape"):
        return False
    if len(actual.shape) != len(expected.shape):
        return True
    for axis, size, expected_size in zip(declared, actual.shape, expected.shape):
        computed, given = batch.get(axis, (1, 1))
        if (axis == expected_size or axis in batch) and size * computed != expected_size * given:
            return True
    return False


def relative_error(np: Any, actual: Any, expected: Any) -> Any:
    """|`actual` - `expected`| / |`expected`|, Euclidean, of arrays of the module `np`.

    None for what is no real number or of another shape.
    """
    if not isinstance(expected, np.ndarray) or expected.dtype.kind != "f" or not expected.shape:
        return None
    if actual.shape[1:] != expected.shape[1:] or len(actual) < len(expected):
        return None
    wide = expected.astype(np.float64)
    size = float(np.linalg.norm(wide))
    if not np.isfinite(size) or size == 0:
        return None
    return float(np.linalg.norm(actual[: len(expected)].astype(np.float64) - wide)) / size


def _read(np: Any, tensor: Mapping[str, Any]) -> Any:
    return np.fromfile(tensor["file"], dtype=np.dtype(tensor["type"])).reshape(tensor["shape"])


if __name__ == "__main__":
    main()
