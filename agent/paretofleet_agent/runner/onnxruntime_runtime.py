"""ONNX Runtime on the CPU: host array in, host array out."""

import itertools
import os
import sys
from typing import Any, Callable, Dict, List, Mapping, Tuple

from . import process
from .failure import RunFailed, one_line, says_out_of_memory
from .inputs import buffers, check_outputs

PROVIDER = "CPUExecutionProvider"
LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
#: Option -> (default, allowed values).
OPTIONS: Mapping[str, Tuple[Any, Tuple[Any, ...]]] = {
    "graph_optimization_level": ("all", tuple(LEVELS)),
    "allow_spinning": (True, (True, False)),
    "cpu_memory_arena": (True, (True, False)),
    "memory_pattern": (True, (True, False)),
    "denormal_as_zero": (False, (True, False)),
}
QUANTISED_OPERATORS = (b"QuantizeLinear", b"QLinear", b"ConvInteger", b"MatMulInteger", b"DynamicQuantize")
#: The CPU provider casts half precision to float and back around its operators.
PRECISION_OF_TYPE = {"tensor(float)": "fp32", "tensor(float16)": "fp32", "tensor(double)": "fp64"}


class OnnxRuntime:
    """One session; every iteration is one synchronous `session.run` on one of the rotated inputs."""

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int]) -> None:
        self._request = request
        self._clock = clock
        self._options = resolve_options(request["options"])
        refuse_unknown(request)
        self._load()

    def _load(self) -> None:
        request, clock = self._request, self._clock
        if not os.path.isfile(request["artifact"] or ""):
            raise RunFailed("model_unavailable", "there is no model file %s" % request["artifact"])
        ort = import_runtime()
        begin = clock()
        try:
            self._session = ort.InferenceSession(
                request["artifact"],
                session_options(ort, request["threads"], self._options),
                providers=[PROVIDER],
            )
        except Exception as error:
            raise _refusal("ONNX Runtime %s cannot load the model" % ort.__version__, error) from error
        self._load_ns = clock() - begin
        self._version = ort.__version__
        if self._session.get_providers() != [PROVIDER]:
            raise RunFailed("unsupported", "ONNX Runtime chose %s" % self._session.get_providers())
        self._feeds = buffers(self._session.get_inputs(), request["batch_size"], request["seed"])
        self._rotation = itertools.cycle(self._feeds)
        self._names = [output.name for output in self._session.get_outputs()]
        self._precision = self._effective_precision()

    def ready(self) -> Dict[str, Any]:
        """Runs twice, checks the outputs and returns the effective settings and the cold times."""
        first = self._checked_inference()
        second = self._checked_inference()
        return {
            "effective": {
                "precision": self._precision,
                "provider": PROVIDER,
                "threads": self._request["threads"],
                "batch_size": self._request["batch_size"],
                "runtime_version": self._version,
                "options": self._options,
                "input_buffers": len(self._feeds),
                "python": "%d.%d.%d" % sys.version_info[:3],
            },
            "load_ns": self._load_ns,
            "first_inference_ns": first,
            "second_inference_ns": second,
        }

    def block(self, seconds: float, max_iterations: int) -> Tuple[List[int], List[int]]:
        """At least one iteration, at most `max_iterations`, until `seconds` are over: (starts, durations)."""
        run, clock, rotation = self._session.run, self._clock, self._rotation
        starts, durations = [], []
        end = clock() + int(seconds * 1e9)
        for _ in range(max(1, max_iterations)):
            feed = next(rotation)
            begin = clock()
            run(None, feed)
            done = clock()
            starts.append(begin)
            durations.append(done - begin)
            if done >= end:
                break
        return starts, durations

    def finish(self) -> Dict[str, Any]:
        """Checks the outputs once more and returns the peak memory of this process."""
        self._checked_inference()
        return {"memory_peak_bytes": process.memory_peak_bytes()}

    def _checked_inference(self) -> int:
        feed = next(self._rotation)
        begin = self._clock()
        try:
            outputs = self._session.run(None, feed)
        except Exception as error:
            raise _refusal("the model fails at batch size %d" % self._request["batch_size"], error) from error
        duration = self._clock() - begin
        check_outputs(self._names, outputs)
        return duration

    def _effective_precision(self) -> str:
        """What the file computes in; refuses a precision that would be another one in silence."""
        types = [PRECISION_OF_TYPE.get(item.type) for item in self._session.get_inputs()]
        found = "int8" if is_quantised(self._request["artifact"]) else next(filter(None, types), "fp32")
        asked = self._request["precision"]
        if asked not in ("native", found):
            raise RunFailed(
                "unsupported", "%s was asked for, but this file computes in %s on the CPU" % (asked, found)
            )
        return found


def refuse_unknown(request: Mapping[str, Any]) -> None:
    """Raises RunFailed for a target, a mode or a timing scope that this runtime does not have."""
    if request["target_id"] != "cpu":
        raise RunFailed(
            "unsupported", "ONNX Runtime drives only the target cpu, not %r" % request["target_id"]
        )
    if request["mode"] not in ("latency", "throughput"):
        raise RunFailed("unsupported", "mode %r is neither latency nor throughput" % request["mode"])
    if request["timing_scope"] != "copy+compute":
        raise RunFailed("unsupported", "timing scope %r is not copy+compute" % request["timing_scope"])


def resolve_options(asked: Mapping[str, Any]) -> Dict[str, Any]:
    """Every option with its value. Raises RunFailed for an unknown option or value."""
    for name, value in asked.items():
        if name not in OPTIONS:
            raise RunFailed("unsupported", "option %r is none of %s" % (name, ", ".join(sorted(OPTIONS))))
        if value not in OPTIONS[name][1]:
            raise RunFailed("unsupported", "option %s takes %s, not %r" % (name, OPTIONS[name][1], value))
    return {name: asked.get(name, default) for name, (default, _) in OPTIONS.items()}


def import_runtime() -> Any:
    """The onnxruntime module. Raises RunFailed where this interpreter has none."""
    try:
        import onnxruntime
    except ImportError as error:
        raise RunFailed(
            "runtime_missing",
            "%s cannot import onnxruntime (%s); install it there with pip"
            % (sys.executable, one_line(error)),
        ) from error
    return onnxruntime


def session_options(ort: Any, threads: int, options: Mapping[str, Any]) -> Any:
    """The session's settings: threads and spinning explicit, nothing left to a default."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = getattr(
        ort.GraphOptimizationLevel, LEVELS[options["graph_optimization_level"]]
    )
    settings.enable_cpu_mem_arena = options["cpu_memory_arena"]
    settings.enable_mem_pattern = options["memory_pattern"]
    settings.log_severity_level = 3
    settings.add_session_config_entry("session.intra_op.allow_spinning", "%d" % options["allow_spinning"])
    settings.add_session_config_entry("session.set_denormal_as_zero", "%d" % options["denormal_as_zero"])
    return settings


def is_quantised(path: str, step: int = 1 << 22) -> bool:
    """Whether a quantised operator is named in the file."""
    tail = b""
    with open(path, "rb") as handle:
        while True:
            part = handle.read(step)
            if not part:
                return False
            if any(name in tail + part for name in QUANTISED_OPERATORS):
                return True
            tail = part[-32:]


def _refusal(what: str, error: Exception) -> RunFailed:
    message = one_line(error)
    if isinstance(error, MemoryError) or says_out_of_memory(message):
        return RunFailed("oom", "%s: %s" % (what, message))
    return RunFailed("unsupported", "%s: %s" % (what, message))
