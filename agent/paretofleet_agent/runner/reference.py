"""Outputs held against those of ONNX Runtime without optimisation, which another process computes.

The reference is the same file in fp32 on the CPU (a quantised file's own graph, dequantised as it says); of a
tflite file LiteRT's own kernels. A
process of its own keeps its memory out of the peak of the run.
"""

import json
import os
import subprocess
import tempfile
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import paretofleet_graph

from .comparison import AGREES, NUMBERS, UNDECIDED, WRONG
from .failure import RunFailed, one_line
from .outputs import kind_of

PROCESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
GRAPH = os.path.dirname(os.path.abspath(paretofleet_graph.__file__))
TIMEOUT_S = 120
#: The keys of why there was no comparison, of why there was none of some outputs, and of how many values are
#: not finite in the reference either.
NOT_CHECKED, NOT_COMPARED, NOT_FINITE = "not_checked", "not_compared", "not_finite"
ANYWAY = "the option check_reference: false runs it all the same"
#: Largest relative error of an output, as the Euclidean norm of the difference over that of the reference.
TOLERANCES = {"fp64": 1e-3, "fp32": 1e-3, "tf32": 2e-2, "fp16": 2e-2, "bf16": 1e-1}
TOLERANCES.update({"int8": 2e-1, "int4": 2e-1, "fp8": 2e-1})
#: numpy's letter of texts of a fixed length, which can be written to a file.
TEXTS = "U"
#: How far one rounding moves a number, relative to it.
UNITS = {"fp64": 2.0**-52, "fp32": 2.0**-23, "tf32": 2.0**-10, "fp16": 2.0**-10, "bf16": 2.0**-7}
UNITS.update({"int8": 2.0**-7, "int4": 2.0**-7, "fp8": 2.0**-3})
#: What is written of a tensor: its name, numpy's word for its type, its shape, the file of its values.
Tensors = Sequence[Mapping[str, Any]]
#: Inputs and outputs, which the reference's are held against, as arrays by name or as files.
Draw = NamedTuple("Draw", [("inputs", Any), ("outputs", Any)])


def is_possible(request: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether `request` and `options` allow to hold outputs against a reference."""
    return bool(options["check_reference"] and request.get("reference_python"))


def is_wanted(request: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether `request` and `options` ask to hold the outputs of this run against a reference."""
    return is_possible(request, options) and bool(request.get("compares", True))


def flags(comparison: Optional[Mapping[str, Any]]) -> List[str]:
    """What qualifies a run with this `comparison`; None where there was to be none."""
    is_whole = not comparison or not {NOT_CHECKED, NOT_COMPARED} & set(comparison)
    return [] if is_whole else ["reference_not_checked"]


def not_finite(comparison: Optional[Mapping[str, Any]]) -> List[str]:
    """The outputs that are not finite in the reference either, at the same places, by a `comparison`."""
    return sorted((comparison or {}).get(NOT_FINITE, {}))


def precision_held(effective: str, declared: Iterable[str]) -> Optional[str]:
    """The precision by which outputs are judged: the coarsest of the `effective` one and of the file's.

    `declared`: the precisions of the file's operators. None where the tolerance of the effective one is
    unknown.
    """
    if effective not in TOLERANCES:
        return None
    tolerated = [each for each in declared if each in TOLERANCES]
    return max([effective, *tolerated], key=lambda each: (TOLERANCES[each], UNITS[each]))


def check(request: Mapping[str, Any], draws: Iterable[Draw], precision: str) -> Dict[str, Any]:
    """What the comparison gave, or {"not_checked": why}; RunFailed with `wrong_output` where all draws fail.

    `request`: the interpreter with onnxruntime and numpy, the artifact, the seed and the graph. `draws`:
    feeds and outputs, at most as many as it takes; they were computed in `precision`.
    """
    graph = request.get("graph") or {}
    held = precision_held(precision, graph.get("precisions", ()))
    if held is None:
        return {NOT_CHECKED: "no tolerance is known for outputs that are computed in %s" % precision}
    failures: List[str] = []
    undecided: Dict[str, Any] = {}
    for number, draw in enumerate(draws, 1):
        answer, absent = _answer(request, draw, held)
        if NOT_CHECKED in answer:
            return answer
        if answer.get("random"):
            return {NOT_CHECKED: _random(graph), NOT_FINITE: answer[NOT_FINITE]}
        verdict, recorded = judge(answer, absent, held)
        if verdict == AGREES:
            return dict(recorded, draws=number)
        if verdict == UNDECIDED:
            undecided = recorded
        else:
            failures.append(recorded[WRONG])
    if not failures:
        return undecided
    if graph.get("random"):
        return {NOT_CHECKED: _random(graph)}
    raise RunFailed("wrong_output", one_line("%s; %s" % (failures[-1], ANYWAY)))


def judge(answer: Mapping[str, Any], absent: Mapping[str, str], precision: str) -> Tuple[str, Dict[str, Any]]:
    """The verdict on the `answer` that `ask` gave, and what an attempt records of it; a sentence if WRONG.

    `absent`: why outputs that are not in the answer have no numbers; `precision`: that of the tolerance.
    What can be compared in no draw of inputs AGREES, and says that it was not checked.
    """
    outputs = answer["outputs"]
    recorded: Dict[str, Any] = {"by": answer["by"], "items": answer["items"], "precision": precision}
    unlike = dict(absent, **{name: each["why"] for name, each in outputs.items() if "why" in each})
    strange = {name: each[NOT_FINITE] for name, each in outputs.items() if each.get(NOT_FINITE)}
    recorded.update({key: value for key, value in ((NOT_COMPARED, unlike), (NOT_FINITE, strange)) if value})
    judged = {name: each for name, each in outputs.items() if "verdict" in each}
    for name, each in judged.items():
        if each["verdict"] == WRONG:
            return WRONG, {WRONG: _wrong(name, each, answer["by"], precision)}
    for name, each in judged.items():
        if each["verdict"] == UNDECIDED:
            return UNDECIDED, dict(recorded, **{NOT_CHECKED: _undecided(name, each)})
    if not judged:
        whys = ["output %s: %s" % item for item in sorted(unlike.items())]
        return AGREES, dict(recorded, **{NOT_CHECKED: one_line("; ".join(whys) or "no output has values")})
    worst = max(judged.values(), key=lambda each: each["relative_error"] / (each["tolerance"] or 1.0))
    return AGREES, dict(recorded, relative_error=worst["relative_error"], tolerance=worst["tolerance"])


def _answer(request: Mapping[str, Any], draw: Draw, precision: str) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """The answer for one draw, and why outputs that are no arrays are not in it."""
    header = {
        "artifact": request["artifact"],
        "seed": request["seed"],
        "batch": batch_axes(request.get("graph")),
        "tolerance": TOLERANCES[precision],
        "unit": UNITS[precision],
        # Of tflite files, which ONNX Runtime does not read.
        "litert": request.get("litert"),
    }
    with tempfile.TemporaryDirectory() as folder:
        tensors: Dict[str, Tensors] = {}
        absent: Dict[str, str] = {}
        for kind in ("inputs", "outputs"):
            given = getattr(draw, kind)
            if not isinstance(given, dict):  # files already
                tensors[kind] = given
                continue
            written: List[Mapping[str, Any]] = []
            for name, each in given.items():
                value = _as_text(each) if kind == "inputs" else each
                dtype = getattr(value, "dtype", None)
                if value is None:
                    continue
                if dtype is None or dtype.kind not in NUMBERS + TEXTS:
                    absent[name] = "it is %s" % kind_of(value)
                else:
                    written.append(_write(name, value, os.path.join(folder, "%s%d" % (kind, len(written)))))
            tensors[kind] = written
        return ask(request["reference_python"], dict(header, **tensors)), absent


def _as_text(value: Any) -> Any:
    """An input of texts as those of a fixed length, which can be written; others as they are."""
    is_text = getattr(value, "dtype", None) is not None and value.dtype.kind == "O"
    return value.astype("U") if is_text else value


def batch_axes(graph: Optional[Mapping[str, Any]]) -> Optional[Dict[str, int]]:
    """The number of each input's batch axis, by its name, in a `graph`; None without a graph."""
    if not graph:
        return None
    key, inputs = graph["batch"], graph["inputs"]
    return {each["name"]: list(each["axes"]).index(key) for each in inputs if key in (each["axes"] or ())}


def _write(name: str, value: Any, file: str) -> Dict[str, Any]:
    with open(file, "wb") as handle:
        handle.write(value.tobytes())
    return {"name": name, "type": str(value.dtype), "shape": list(value.shape), "file": file}


def ask(python: str, header: Mapping[str, Any]) -> Dict[str, Any]:
    """The answer of the reference's process in the interpreter `python`, or {"not_checked": why}.

    `header`: the artifact, tolerance and unit, the seed that chooses items, the batch axis, and name, type,
    shape and file of each of the inputs and outputs.
    """
    try:
        done = subprocess.run(
            [python, PROCESS, "reference", GRAPH],
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
        if answer.get("random") or "outputs" in answer:
            return answer
    except (ValueError, AttributeError):
        pass
    why = one_line(lines[-1]) or "exit code %d" % done.returncode
    return {NOT_CHECKED: "no reference from %s: %s" % (python, why)}


def _wrong(name: str, each: Mapping[str, Any], by: str, precision: str) -> str:
    if "shapes" in each:
        actual, expected = each["shapes"]
        return "output %s has the shape %s, the reference of %s %s" % (name, actual, by, expected)
    if each.get("places"):
        return (
            "output %s has %d of %d values that are finite in it or in the reference of %s, not in both"
            % (
                name,
                each["places"],
                each["values"],
                by,
            )
        )
    return "output %s is %.3g off the reference of %s, more than the %.3g that %s may be (relative error)" % (
        name,
        each["relative_error"],
        by,
        each["tolerance"],
        precision,
    )


def _undecided(name: str, each: Mapping[str, Any]) -> str:
    if each.get("relative_error") is None:
        return "rounding alone changes the shape of output %s" % name
    return "output %s is %.3g off the reference, and rounding alone may move it by %.3g" % (
        name,
        each["relative_error"],
        each["tolerance"],
    )


def _random(graph: Mapping[str, Any]) -> str:
    names = ", ".join(graph.get("random", ()))
    return "the file draws random numbers (%s)" % (names or "its outputs change by themselves")
