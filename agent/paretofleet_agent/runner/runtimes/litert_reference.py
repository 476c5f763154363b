"""Outputs of a tflite file held against those of LiteRT's other kernels, in a process of its own."""

import contextlib
import importlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..comparison import AGREES, NUMBERS, Rule, difference, judge

PACKAGES = ("ai_edge_litert", "tflite_runtime")
#: Whether XNNPACK executed what it can -> the kernels that the outputs are held against.
RESOLVERS = {True: "BUILTIN_WITHOUT_DEFAULT_DELEGATES", False: "BUILTIN_REF"}
#: How often outputs are computed with inputs that are rounded anew, to see how far that moves them.
ROUNDED = 2


def interpreter_module() -> Any:
    """LiteRT's module, or that of the package it had before. Raises ImportError."""
    for package in PACKAGES[:-1]:
        with contextlib.suppress(ImportError):
            return importlib.import_module(package + ".interpreter")
    return importlib.import_module(PACKAGES[-1] + ".interpreter")


def answer(header: Mapping[str, Any]) -> Dict[str, Any]:
    """What `reference.judge` takes, of the `header` that `reference.ask` writes.

    Its `litert` has the version, the names of the inputs in the file's order, and whether XNNPACK executed.
    """
    import numpy as np

    about, rule = header["litert"], Rule(header["tolerance"], header["unit"])
    resolver = RESOLVERS[about["xnnpack"]]
    given = {each["name"]: _read(np, each) for each in header["inputs"]}
    actual = {each["name"]: _read(np, each) for each in header["outputs"]}
    feed = [given[name] for name in about["inputs"]]
    interpreter = _opened(header["artifact"], resolver, feed)
    details = interpreter.get_output_details()
    expected = _infer(interpreter, feed)
    size = feed[0].shape[:1] if feed else ()
    judged = _judged(np, details, actual, expected, None, size, rule)
    if any(each.get("verdict", AGREES) != AGREES for each in judged.values()):
        random = np.random.RandomState(0)
        many = [_infer(interpreter, _moved(random, feed, rule.unit)) for _ in range(ROUNDED)]
        judged = _judged(np, details, actual, expected, many, size, rule)
    items = int(size[0]) if size else None
    return {"by": "LiteRT %s, %s" % (about["version"], resolver), "items": items, "outputs": judged}


def _opened(artifact: str, resolver: str, feed: Sequence[Any]) -> Any:
    module = interpreter_module()
    interpreter = module.Interpreter(
        model_path=artifact,
        num_threads=1,
        experimental_op_resolver_type=getattr(module.OpResolverType, resolver),
    )
    for detail, array in zip(interpreter.get_input_details(), feed):
        interpreter.resize_tensor_input(detail["index"], list(array.shape))
    interpreter.allocate_tensors()
    return interpreter


def _infer(interpreter: Any, feed: Sequence[Any]) -> List[Any]:
    for detail, array in zip(interpreter.get_input_details(), feed):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def _moved(random: Any, feed: Sequence[Any], unit: float) -> List[Any]:
    """The inputs, reals by one rounding, integers that stand for them not at all: they are exact."""
    return [
        (array * (1 + unit * random.uniform(-1, 1, array.shape))).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for array in feed
    ]


def _judged(
    np: Any,
    details: Sequence[Mapping[str, Any]],
    actual: Mapping[str, Any],
    expected: Sequence[Any],
    rounded: Optional[Sequence[Sequence[Any]]],
    size: Sequence[int],
    rule: Rule,
) -> Dict[str, Any]:
    judged: Dict[str, Any] = {}
    for at, detail in enumerate(details):
        name = detail["name"]
        if name not in actual:
            continue
        if expected[at].dtype.kind not in NUMBERS:
            judged[name] = {"why": "it is text"}
            continue
        if actual[name].shape != expected[at].shape:
            shapes = [list(actual[name].shape), list(expected[at].shape)]
            why = "its shape follows from its values and is %s for the reference's %s" % tuple(shapes)
            judged[name] = {"why": why, "shapes": shapes}
            continue
        others = None if rounded is None else [_real(np, detail, values[at]) for values in rounded]
        axis = 0 if size and expected[at].shape[:1] == tuple(size) else None
        first, second = _real(np, detail, actual[name]), _real(np, detail, expected[at])
        verdict, recorded = judge(
            np, difference(np, first, second, others, axis), rule, second.dtype.kind in "iub"
        )
        strange = int(second.size - np.isfinite(second).sum())
        judged[name] = dict(recorded, verdict=verdict, not_finite=strange)
    return judged


def _real(np: Any, detail: Mapping[str, Any], values: Any) -> Any:
    """The numbers for which the integers of a quantised output stand."""
    scale, zero = detail["quantization"]
    return (values.astype(np.float64) - zero) * scale if scale else values


def _read(np: Any, tensor: Mapping[str, Any]) -> Any:
    return np.fromfile(tensor["file"], dtype=np.dtype(tensor["type"])).reshape(tensor["shape"])
