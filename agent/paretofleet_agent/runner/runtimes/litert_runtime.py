"""LiteRT (once TensorFlow Lite) on the CPU, reading tflite files: host array in, host array out."""

import itertools
import sys
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .. import input_dependence, loop, process, reference, time_limit
from ..failure import RunFailed, refusal
from ..pace import Pace
from ..run import Options, missing, refuse_unknown, resolve_options
from . import litert_comparison as comparison
from . import litert_file as file
from .litert_reference import interpreter_module

OPTIONS: Options = {"xnnpack": (True, (True, False))}
#: Whether XNNPACK executes what it can -> the name of the kernels.
RESOLVERS = {True: "AUTO", False: "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}


class LiteRt(object):
    """One interpreter; every iteration sets the inputs, invokes, and takes the outputs, which waits."""

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int]) -> None:
        self._request, self._clock = request, clock
        self._options = resolve_options(request["options"], OPTIONS)
        refuse_unknown(request)
        if request["target_id"] != "cpu":
            raise RunFailed("unsupported", "LiteRT is driven on the target cpu only")
        if not file.is_tflite(request["artifact"]):
            raise RunFailed(
                "unsupported", "LiteRT reads tflite files, and this model is none; convert it first"
            )
        if request.get("inputs"):
            raise RunFailed("unsupported", "LiteRT draws its inputs by their types; leave `inputs` out")
        self.pace: Optional[Pace] = None
        if request["mode"] == "paced":
            self.pace = Pace(request["items_s"], request["batch_size"], clock)
        self._module, self._version = import_runtime()
        begin = clock()
        self._interpreter, self._shapes = self._load()
        self._load_ns = clock() - begin
        self._outputs = self._interpreter.get_output_details()
        self._feeds = file.feeds(self._inputs, self._shapes, request["seed"])
        self._rotation = itertools.cycle(self._feeds)
        self._step = _step(self._interpreter, [each["index"] for each in self._outputs])

    def ready(self) -> Dict[str, Any]:
        """Runs twice, checks the outputs and returns the effective settings and the cold times."""
        first, outputs = self._inference(self._feeds[0])
        time_limit.check_first(self._request, first)
        second, _ = self._inference(next(self._rotation))
        operators, parts = file.executed(self._interpreter), file.partitions(self._interpreter)
        effective = {
            "precision": self._precision(operators),
            "provider": "XNNPACK" if parts else "built-in kernels",
            "runtime_version": self._version,
            "threads": self._request["threads"],
            "batch_size": self._request["batch_size"],
            "mode": self._request["mode"],
            "options": self._options,
            "operators": operators,
            "settings": {"xnnpack_partitions": parts},
            "input_buffers": len(self._feeds),
            "python": "%d.%d.%d" % sys.version_info[:3],
        }
        if self.pace is not None:
            effective["pace"] = {"items_s": self._request["items_s"], "spin_ns": self.pace.spin_ns}
        loaded = comparison.Loaded(self._request, self._options, self._version, self._inputs, self._shapes)
        effective["reference"] = effective["depends_on_input"] = None
        if reference.is_wanted(self._request, self._options):
            effective["reference"] = comparison.compare(
                loaded, self._feeds[0], outputs, effective["precision"]
            )
            effective["depends_on_input"] = comparison.depends_on_input(loaded, outputs, self._step)
        return {
            "effective": effective,
            "load_ns": self._load_ns,
            "first_inference_ns": first,
            "second_inference_ns": second,
            "flags": [
                *reference.flags(effective["reference"]),
                *input_dependence.flags(effective["depends_on_input"]),
            ],
        }

    def block(self, seconds: float, max_iterations: int) -> loop.Columns:
        """At least one iteration, at most `max_iterations`, until `seconds` are over: (starts, durations)."""
        limits = {"seconds": seconds, "max_iterations": max_iterations}
        if self.pace is not None:
            return loop.paced(self._step, self._rotation, self._clock, None, self.pace, **limits)  # type: ignore[arg-type]
        timed = loop.latency if self._request["mode"] == "latency" else loop.throughput
        return timed(self._step, self._rotation, self._clock, None, **limits)  # type: ignore[arg-type]

    def finish(self) -> Dict[str, Any]:
        """Checks the outputs once more and returns the peak memory of this process."""
        memory_peak_bytes = process.memory_peak_bytes()
        self._inference(next(self._rotation))
        return {"memory_peak_bytes": memory_peak_bytes}

    def _load(self) -> Tuple[Any, List[List[int]]]:
        request = self._request
        resolver = getattr(self._module.OpResolverType, RESOLVERS[self._options["xnnpack"]])
        try:
            interpreter = self._module.Interpreter(
                model_path=request["artifact"],
                num_threads=request["threads"],
                experimental_op_resolver_type=resolver,
            )
            self._inputs = interpreter.get_input_details()
            file.refuse_unfed(self._inputs)
            shapes = file.shapes(self._inputs, request["batch_size"], request.get("sizes") or {})
            for item, shape in zip(self._inputs, shapes):
                interpreter.resize_tensor_input(item["index"], shape)
            interpreter.allocate_tensors()
        except Exception as error:
            raise refusal("LiteRT %s cannot load the model" % self._version, error) from error
        return interpreter, shapes

    def _precision(self, operators: Mapping[str, int]) -> str:
        """That of most of the operators that work; refuses a precision that would be another in silence."""
        computed = max(sorted(operators), key=lambda name: operators[name]) if operators else "fp32"
        if self._request["precision"] not in ("native", computed):
            raise RunFailed(
                "unsupported",
                "%s was asked for, but this file computes in %s" % (self._request["precision"], computed),
            )
        return computed

    def _inference(self, feed: file.Feed) -> Tuple[int, List[Any]]:
        begin = self._clock()
        try:
            outputs = self._step(feed)
        except Exception as error:
            raise refusal("the model fails at batch size %d" % self._request["batch_size"], error) from error
        duration = self._clock() - begin
        if self._options.get("check_outputs", True):
            file.check_outputs(self._outputs, outputs)
        return duration, outputs


def import_runtime() -> Tuple[Any, str]:
    """LiteRT's module and its version. Raises RunFailed where this interpreter has none."""
    try:
        module = interpreter_module()
    except ImportError as error:
        raise missing("ai_edge_litert", error) from error
    package = sys.modules[module.__name__.partition(".")[0]]
    return module, str(getattr(package, "__version__", "unknown"))


def _step(interpreter: Any, outputs: Sequence[int]) -> Callable[[file.Feed], List[Any]]:
    """Sets the inputs, invokes, takes the outputs: copies in and out."""
    set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

    def step(feed: file.Feed) -> List[Any]:
        for index, array in feed:
            set_tensor(index, array)
        invoke()
        return [get_tensor(index) for index in outputs]

    return step
