"""Outputs held against those of ONNX Runtime without optimisation, which another process computes.

The reference is the same file in fp32 on the CPU (a quantised file's own graph, dequantised as it says). A
process of its own keeps its memory out of the peak of the run.
"""

import json
import os
import subprocess
import tempfile
from typing import Any, Dict, Mapping, Optional

from .failure import RunFailed, one_line

PROCESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference_process.py")
TIMEOUT_S = 120
#: Largest relative error of an output, as the Euclidean norm of the difference over that of the reference.
TOLERANCES = {"fp64": 1e-3, "fp32": 1e-3, "tf32": 2e-2, "fp16": 2e-2, "bf16": 1e-1, "int8": 2e-1}


def check(
    python: str, artifact: str, feed: Mapping[str, Any], outputs: Mapping[str, Any], precision: str
) -> Optional[Dict[str, Any]]:
    """What the comparison gave, or None where there is no reference; `wrong_output` beyond the tolerance.

    `python` is an interpreter with onnxruntime and numpy; `feed` and `outputs` are arrays by name.
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
        found = ask(python, header)
    return judge(found, precision)


def ask(python: str, header: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """The answer of the reference's process; None where it has none: no ONNX Runtime, an unknown operator."""
    try:
        done = subprocess.run(
            [python, PROCESS],
            input=json.dumps(header).encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
        found = json.loads(done.stdout.decode("utf-8").strip().split("\n")[-1])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("relative_errors"), dict) else None


def judge(found: Optional[Dict[str, Any]], precision: str) -> Optional[Dict[str, Any]]:
    """Raises RunFailed with `wrong_output` where an output is further off than the tolerance."""
    if found is None or not found["relative_errors"]:
        return None
    tolerance = TOLERANCES[precision]
    name, error = max(found["relative_errors"].items(), key=lambda item: item[1])
    if not error <= tolerance:
        raise RunFailed(
            "wrong_output",
            one_line(
                "output %s is %.3g off the reference of %s, more than the %.3g that %s may be "
                "(relative error); the option check_reference: false runs it all the same"
                % (name, error, found["by"], tolerance, precision)
            ),
        )
    return {"by": found["by"], "items": found["items"], "relative_error": error, "tolerance": tolerance}
