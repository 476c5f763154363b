"""Outputs held against those of ONNX Runtime without optimisation, which another process computes.

The reference is the same file in fp32 on the CPU (a quantised file's own graph, dequantised as it says). A
process of its own keeps its memory out of the peak of the run.
"""

import json
import os
import subprocess
import tempfile
from typing import Any, Dict, List, Mapping, Optional

from .failure import RunFailed, one_line

PROCESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference_process.py")
TIMEOUT_S = 120
#: The key of why there was no comparison.
NOT_CHECKED = "not_checked"
ANYWAY = "the option check_reference: false runs it all the same"
#: Largest relative error of an output, as the Euclidean norm of the difference over that of the reference.
TOLERANCES = {"fp64": 1e-3, "fp32": 1e-3, "tf32": 2e-2, "fp16": 2e-2, "bf16": 1e-1, "int8": 2e-1}


def is_wanted(request: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether `request` and `options` ask to hold the outputs of this run against a reference."""
    return bool(options["check_reference"] and request.get("reference_python"))


def flags(comparison: Optional[Mapping[str, Any]]) -> List[str]:
    """What qualifies a run with this `comparison`; None where there was to be none."""
    return ["reference_not_checked"] if comparison and NOT_CHECKED in comparison else []


def check(
    python: str, artifact: str, feed: Mapping[str, Any], outputs: Mapping[str, Any], precision: str
) -> Dict[str, Any]:
    """What the comparison gave, or {"not_checked": why}; RunFailed with `wrong_output` beyond the tolerance.

    `python` is an interpreter with onnxruntime and numpy, `artifact` the path of the model; `feed` and
    `outputs` are arrays by name, the outputs computed in `precision`.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        header: Dict[str, Any] = {"artifact": artifact, "inputs": [], "outputs": []}
        for kind, arrays in (("inputs", feed), ("outputs", outputs)):
            for name, value in arrays.items():
                array = np.ascontiguousarray(value)
                file = os.path.join(folder, "%s%d" % (kind, len(header[kind])))
                array.tofile(file)
                header[kind].append(
                    {"name": name, "type": str(array.dtype), "shape": value.shape, "file": file}
                )
        return judge(ask(python, header), precision)


def ask(python: str, header: Mapping[str, Any]) -> Dict[str, Any]:
    """The answer of the reference's process in the interpreter `python`, or {"not_checked": why}.

    `header`: the artifact, and name, type, shape and file of each of the inputs and outputs.
    """
    try:
        done = subprocess.run(
            [python, PROCESS],
            input=json.dumps(header).encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        return {NOT_CHECKED: "the interpreter %s does not start: %s" % (python, error.strerror)}
    except subprocess.TimeoutExpired:
        return {NOT_CHECKED: "the reference was not there after %d s" % TIMEOUT_S}
    lines = (done.stderr if done.returncode else done.stdout).decode("utf-8", "replace").strip().split("\n")
    try:
        answer: Dict[str, Any] = json.loads(lines[-1])
        return {key: answer[key] for key in ("by", "items", "relative_errors", "wrong_shapes")}
    except (ValueError, TypeError, KeyError):
        why = one_line(lines[-1]) or "exit code %d" % done.returncode
        return {NOT_CHECKED: "no reference from %s: %s" % (python, why)}


def judge(answer: Dict[str, Any], precision: str) -> Dict[str, Any]:
    """What an attempt records of `answer`, which `ask` gave, for outputs computed in `precision`.

    Raises RunFailed with `wrong_output` for another shape and beyond the tolerance.
    """
    if NOT_CHECKED in answer:
        return answer
    for name, (actual, expected) in answer["wrong_shapes"].items():
        raise RunFailed(
            "wrong_output",
            "output %s has the shape %s, the reference of %s %s; %s"
            % (name, actual, answer["by"], expected, ANYWAY),
        )
    if not answer["relative_errors"]:
        return {NOT_CHECKED: "the reference has no output of real numbers that are not all zero"}
    tolerance = TOLERANCES.get(precision, TOLERANCES["int8"])
    name, error = max(answer["relative_errors"].items(), key=lambda item: item[1])
    if not error <= tolerance:
        raise RunFailed(
            "wrong_output",
            one_line(
                "output %s is %.3g off the reference of %s, more than the %.3g that %s may be "
                "(relative error); %s" % (name, error, answer["by"], tolerance, precision, ANYWAY)
            ),
        )
    return {"by": answer["by"], "items": answer["items"], "relative_error": error, "tolerance": tolerance}
