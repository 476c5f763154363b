"""TensorRT through its own program `trtexec`, which needs no wheel and is on every JetPack.

Every block is a process of its own with the engine built before, so that the daemon asks for the whole window
as one block. Times are the GPU's, put on our clock at the line with which the program says that it starts.
"""

import functools
import math
import os
import sys
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

from paretofleet_graph import ONNX, as_json

from .. import input_dependence, outputs, reference, time_limit
from ..failure import RunFailed
from ..feeding import describe, fed, feeding
from ..run import Options, refuse_format, refuse_unknown, resolve_options, show_gpu
from . import trtexec_command as command
from . import trtexec_engine as engines
from . import trtexec_files as files
from . import trtexec_layers
from .trtexec_log import STARTED

OPTIONS: Options = {
    "cuda_graph": (False, (True, False)),
    "spin_wait": (True, (True, False)),
    "engine": (engines.REBUILT, (engines.REBUILT, engines.PINNED)),
}
PRECISIONS = ("native", "fp32", "tf32", "fp16", "bf16")
#: Spent by the program itself before the iterations that count.
WARM_UP_MS = 500


class TrtExec(object):
    """One engine."""

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int]) -> None:
        self._request, self._clock = request, clock
        self._options = resolve_options(request["options"], OPTIONS)
        refuse_unknown(request)
        if request["mode"] in ("paced", "accuracy"):
            raise RunFailed(
                "unsupported",
                "trtexec runs by itself and takes no item from us, by the clock or for its class; use "
                "onnxruntime with TensorRT",
            )
        if request["target_id"] == "cpu" or request["precision"] not in PRECISIONS:
            raise RunFailed(
                "unsupported",
                "trtexec runs on CUDA GPUs in %s, not %s on %s"
                % (", ".join(PRECISIONS), request["precision"], request["target_id"]),
            )
        show_gpu(request["target_id"])
        self._program = command.find_program(request.get("program"))
        self._folder = tempfile.TemporaryDirectory()
        program = command.about(self._program)
        supported = program.flags
        graph = describe(request)
        refuse_format(graph, request["runtime"], ONNX)
        self._request = dict(request, graph=as_json(graph))
        self._feeding = feeding(graph, request)
        filled = self._feeding.shapes
        is_free = any(not isinstance(size, int) for item in graph.inputs for size in item.axes or ())
        build = [self._program, "--onnx=" + request["artifact"], "--device=0"]
        build += command.build_flags(supported, request["precision"])
        build += ["--explicitBatch"] if "--explicitBatch" in supported else []
        build += command.shape_flags(("--minShapes", "--optShapes", "--maxShapes"), filled) if is_free else []
        build += [flag for flag in ("--buildOnly", "--skipInference") if flag in supported][:1]
        self._tells_layers = {trtexec_layers.BUILD, trtexec_layers.EXPORT} <= supported
        build += [trtexec_layers.BUILD + "=detailed"] if self._tells_layers else []
        begin = clock()
        if self._options["engine"] == engines.PINNED:
            self._engine = engines.pinned(build, request, program, clock)
        else:
            self._engine = engines.rebuilt(build, self._path("engine"), clock)
        self._version = self._engine.version
        self._load_ns = clock() - begin
        self._run = [self._program, "--loadEngine=" + self._engine.path, "--device=0"]
        self._run += command.shape_flags(("--shapes",), filled) if is_free else []
        self._run += command.run_flags(supported, self._options, request["mode"])
        self._draw = functools.partial(files.draw, self._path("input"), self._feeding)
        self._inputs = self._draw(request["seed"], input_dependence.LAWS[0])
        self._run.append("--loadInputs=" + ",".join("%(name)s:%(file)s" % each for each in self._inputs))
        self._commands = [build, self._run]
        self._memory_peaks_bytes: List[int] = []
        self._outputs: Mapping[str, command.Output] = {}
        #: The outputs that may have values that are not finite; None until they were compared.
        self._sound: Optional[List[str]] = None

    def ready(self) -> Dict[str, Any]:
        """Runs at least twice from cold, checks the outputs, returns the settings with every flag."""
        durations = self._first()
        time_limit.check_first(self._request, durations[0])
        layers = trtexec_layers.layers_of(self._path("layers.json"))
        precision = trtexec_layers.effective_precision(self._request["precision"], layers)
        effective = {
            "precision": precision,
            "provider": "TensorRT",
            "runtime_version": self._version,
            "threads": self._request["threads"],
            "batch_size": self._request["batch_size"],
            "mode": self._request["mode"],
            "options": self._options,
            "commands": [[part.replace(self._folder.name, "") for part in parts] for parts in self._commands],
            "engine": dict(self._engine.facts, built=self._engine.built),
            "layers": layers,
            "input_buffers": 1,
            "inputs": fed(self._feeding),
            "input_buffers_bytes": sum(os.path.getsize(each["file"]) for each in self._inputs),
            "reference": self._reference(precision),
            "depends_on_input": self._depends_on_input(),
            "python": "%d.%d.%d" % sys.version_info[:3],
        }
        return {
            "effective": effective,
            "load_ns": self._load_ns,
            "first_inference_ns": durations[0],
            "second_inference_ns": durations[1] if len(durations) > 1 else None,
            "block_is_a_process": True,
            "flags": [
                *reference.flags(effective["reference"]),
                *input_dependence.flags(effective["depends_on_input"]),
            ],
        }

    def _first(self) -> List[int]:
        """The durations of the first iterations, in which the layers are told, too.

        A kept engine that does not load is thrown away, so that the next run builds one.
        """
        told = [trtexec_layers.EXPORT + "=" + self._path("layers.json")] if self._tells_layers else []
        try:
            return self._iterations(0, 2, warm_up_ms=0, flags=told)[1]
        except RunFailed as error:
            if self._engine.built:
                raise
            engines.forget(self._engine)
            raise RunFailed(
                error.reason,
                "%s; the engine that was kept is thrown away, and the next run builds one" % error,
            ) from error

    def block(self, seconds: float, max_iterations: int, min_iterations: int = 1) -> command.Columns:
        """At least `min_iterations` and `seconds`, at most `max_iterations`: (starts, durations)."""
        starts, durations = self._iterations(math.ceil(seconds), min_iterations, warm_up_ms=WARM_UP_MS)
        return starts[:max_iterations], durations[:max_iterations]

    def finish(self) -> Dict[str, Any]:
        """The peak memory of the program on the host where it runs the engine, not where it builds it."""
        self._folder.cleanup()
        return {"memory_peak_bytes": max(self._memory_peaks_bytes, default=None)}

    def _reference(self, precision: str) -> Optional[Dict[str, Any]]:
        """The comparison with the reference, made where it is asked for and where values are not finite."""
        counts = files.not_finite(self._outputs) if self._options["check_outputs"] else {}
        comparison = None
        if reference.is_possible(self._request, self._options) and (
            counts or reference.is_wanted(self._request, self._options)
        ):
            comparison = reference.check(self._request, self._draws(), precision)
            self._draw(self._request["seed"], input_dependence.LAWS[0])
        self._sound = reference.not_finite(comparison)
        outputs.refuse(counts, self._sound)
        return comparison

    def _draws(self) -> Iterator[reference.Draw]:
        """Inputs and outputs: those of the first inference, and of other inputs where these fail."""
        yield reference.Draw(self._inputs, files.written(self._outputs, self._path("output")))
        self._draw(self._request["seed"] + 1, input_dependence.LAWS[0])
        self._iterations(0, 1, warm_up_ms=0)
        yield reference.Draw(self._inputs, files.written(self._outputs, self._path("output")))

    def _depends_on_input(self) -> Optional[bool]:
        """Whether other inputs give other outputs; looked at where the reference is, a process for each."""
        if not reference.is_wanted(self._request, self._options):
            return None
        seed = self._request["seed"]

        def digest_of(law: input_dependence.Law) -> Optional[str]:
            self._draw(seed + 1, law)
            self._iterations(0, 1, warm_up_ms=0)
            return self._digest()

        depends = input_dependence.depends_on_input(self._digest(), digest_of)
        self._draw(seed, input_dependence.LAWS[0])
        return depends

    def _digest(self) -> Optional[str]:
        return input_dependence.digest([output.values for output in self._outputs.values()])

    def _iterations(
        self, seconds: int, iterations: int, warm_up_ms: int, flags: Sequence[str] = ()
    ) -> command.Columns:
        times, printed = self._path("times.json"), self._path("outputs.json")
        limits = ["--duration=%d" % seconds, "--iterations=%d" % iterations, "--warmUp=%d" % warm_up_ms]
        exports = ["--exportTimes=" + times, "--exportOutput=" + printed]
        done = command.call([*self._run, *limits, *exports, *flags], self._clock)
        self._version = done.version if self._version == "unknown" else self._version
        self._memory_peaks_bytes += [] if done.memory_peak_bytes is None else [done.memory_peak_bytes]
        if done.started_ns is None:
            raise RunFailed("crashed", "trtexec did not say %r: its times have no place" % STARTED)
        self._outputs = command.read_outputs(printed)
        if self._sound is not None and self._options["check_outputs"]:
            outputs.refuse(files.not_finite(self._outputs), self._sound)
        starts, durations = command.read_times(times, done.started_ns, warm_up_ms)
        if not starts:
            raise RunFailed("crashed", "trtexec wrote down no iteration")
        return starts, durations

    def _path(self, name: str) -> str:
        return os.path.join(self._folder.name, name)
