"""Outputs of LiteRT held against those of other kernels, and against those of other inputs."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from .. import input_dependence, reference
from ..failure import RunFailed, one_line
from . import litert_file as file

PROCESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "litert_reference.py")
#: Whether XNNPACK executed what it can -> the kernels that the outputs are held against.
REFERENCES = {True: "BUILTIN_WITHOUT_DEFAULT_DELEGATES", False: "BUILTIN_REF"}
#: Of outputs in a precision that no table names.
TOLERANCE = 2e-1

#: A model as it was loaded: what was asked for, the runtime's version, its inputs and their shapes.
Loaded = NamedTuple(
    "Loaded",
    [
        ("request", Mapping[str, Any]),
        ("options", Mapping[str, Any]),
        ("version", str),
        ("inputs", Sequence[Mapping[str, Any]]),
        ("shapes", Sequence[Sequence[int]]),
    ],
)


def compare(loaded: Loaded, feed: file.Feed, outputs: Sequence[Any], precision: str) -> Dict[str, Any]:
    """How far `outputs`, computed of a `feed` in a `precision`, are off what other kernels make of `loaded`.

    {"not_checked": why} where nobody can tell. Raises RunFailed with `wrong_output` beyond the tolerance.
    """
    resolver = REFERENCES[loaded.options["xnnpack"]]
    by = "LiteRT %s, %s" % (loaded.version, resolver)
    try:
        errors = _errors(loaded, feed, outputs, resolver)
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        return {reference.NOT_CHECKED: "no reference from %s: %s" % (by, one_line(error))}
    compared = {name: value for name, value in errors.items() if value is not None}
    if not compared:
        return {reference.NOT_CHECKED: "the reference has no output of real numbers that are not all zero"}
    tolerance = reference.TOLERANCES.get(precision, TOLERANCE)
    name, furthest = max(compared.items(), key=lambda item: item[1])
    if not furthest <= tolerance:
        raise RunFailed(
            "wrong_output",
            "output %s is %.3g off the reference of %s, more than the %.3g that %s may be "
            "(relative error); %s" % (name, furthest, by, tolerance, precision, reference.ANYWAY),
        )
    return {"by": by, "items": loaded.shapes[0][0], "relative_error": furthest, "tolerance": tolerance}


def depends_on_input(
    loaded: Loaded, outputs: Sequence[Any], infer: Callable[[file.Feed], List[Any]]
) -> Optional[bool]:
    """Whether `infer` gives other outputs than `outputs` for other inputs of `loaded`; None: unknown."""
    import numpy as np

    random = np.random.RandomState((loaded.request["seed"] + file.BUFFERS) % 2**32)

    def digest_of(law: input_dependence.Law) -> Optional[str]:
        drawn = [
            (item["index"], file.draw(random, item, shape, law))
            for item, shape in zip(loaded.inputs, loaded.shapes)
        ]
        return input_dependence.digest(infer(drawn))

    return input_dependence.depends_on_input(input_dependence.digest(outputs), digest_of)


def _errors(
    loaded: Loaded, feed: file.Feed, outputs: Sequence[Any], resolver: str
) -> Dict[str, Optional[float]]:
    """The relative error of each output, from a process of its own, whose memory is not the run's."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        header: Dict[str, Any] = {"artifact": loaded.request["artifact"], "resolver": resolver}
        header["shapes"] = [[item["index"], shape] for item, shape in zip(loaded.inputs, loaded.shapes)]
        header["inputs"] = [[index, os.path.join(folder, "input%d.npy" % index)] for index, _ in feed]
        header["outputs"] = [os.path.join(folder, "output%d.npy" % at) for at in range(len(outputs))]
        for (_, path), (_, array) in zip(header["inputs"], feed):
            np.save(path, array)
        for path, output in zip(header["outputs"], outputs):
            np.save(path, output)
        done = subprocess.run(
            [sys.executable, PROCESS],
            input=json.dumps(header).encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=reference.TIMEOUT_S,
            check=True,
        )
    errors: Dict[str, Optional[float]] = json.loads(done.stdout.decode("utf-8").strip().split("\n")[-1])
    return errors
