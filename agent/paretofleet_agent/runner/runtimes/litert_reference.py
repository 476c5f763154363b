"""Computes a tflite file's outputs by other kernels and compares. A program: JSON in, a line of JSON out."""

import contextlib
import ctypes
import importlib
import json
import signal
import sys
from typing import Any, Dict, Optional

PACKAGES = ("ai_edge_litert", "tflite_runtime")
PR_SET_PDEATHSIG = 1


def interpreter_module() -> Any:
    """LiteRT's module, or that of the package it had before. Raises ImportError."""
    for package in PACKAGES[:-1]:
        with contextlib.suppress(ImportError):
            return importlib.import_module(package + ".interpreter")
    return importlib.import_module(PACKAGES[-1] + ".interpreter")


def main() -> None:
    """Reads {artifact, resolver, shapes, inputs, outputs}, writes the relative error of each output."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    import numpy as np

    header = json.load(sys.stdin)
    module = interpreter_module()
    interpreter = module.Interpreter(
        model_path=header["artifact"],
        num_threads=1,
        experimental_op_resolver_type=getattr(module.OpResolverType, header["resolver"]),
    )
    for index, shape in header["shapes"]:
        interpreter.resize_tensor_input(index, shape)
    interpreter.allocate_tensors()
    for index, file in header["inputs"]:
        interpreter.set_tensor(index, np.load(file))
    interpreter.invoke()
    errors: Dict[str, Optional[float]] = {}
    for detail, file in zip(interpreter.get_output_details(), header["outputs"]):
        errors[detail["name"]] = _error(np, detail, np.load(file), interpreter.get_tensor(detail["index"]))
    sys.stdout.write("\n%s\n" % json.dumps(errors))


def _error(np: Any, detail: Any, actual: Any, expected: Any) -> Optional[float]:
    """|actual - expected| / |expected|, Euclidean; None of what holds no real numbers."""
    quantum, zero = detail["quantization"]
    if expected.dtype.kind != "f" and not quantum:
        return None
    wide = [each.astype(np.float64) for each in (actual, expected)]
    if expected.dtype.kind != "f":
        wide = [(each - zero) * quantum for each in wide]
    size = float(np.linalg.norm(wide[1]))
    if not np.isfinite(size):
        return None
    difference = float(np.linalg.norm(wide[0] - wide[1]))
    return difference / size if size else (None if not difference else float("inf"))


if __name__ == "__main__":
    main()
