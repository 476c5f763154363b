"""What the runs of every runtime share: settings, cold inferences, checks, blocks."""

import contextlib
import itertools
import os
import sys
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import input_dependence, loop, process, reference, time_limit
from .failure import RunFailed, one_line, refusal
from .feeding import describe, fed, feeding
from .inputs import check_outputs, redraw
from .pace import Pace

TIMING_SCOPE = "copy+compute"
#: Option -> (default, allowed values).
Options = Mapping[str, Tuple[Any, Tuple[Any, ...]]]
#: Options that every runtime has. Outputs are held against ONNX Runtime's before anything is timed.
COMMON: Options = {"check_reference": (True, (True, False))}


class Run:
    """One run. A runtime loads in `load`, which sets `step`, `feeds`, `names` and `effective`.

    `step(feed)` is what is timed: host arrays in, host arrays out. `synchronise` is None where `step` waits.
    `pace`: when items are due; None where the next begins when the last has ended.
    """

    step: Callable[[Any], Any]
    feeds: Sequence[Dict[str, Any]]
    names: Sequence[str]
    effective: Dict[str, Any]
    synchronise: loop.Synchronise = None
    load_ns = 0

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int], options: Options) -> None:
        self.request = request
        self.clock = clock
        self.options = resolve_options(request["options"], options)
        refuse_unknown(request)
        self.pace: Optional[Pace] = None
        if request["mode"] == "paced":
            self.pace = Pace(request["items_s"], request["batch_size"], clock)
        self.graph = describe(request)
        self.feeding = feeding(self.graph, request)
        self.load()
        self.rotation: Iterator[Any] = itertools.cycle(self.feeds)

    def load(self) -> None:
        """Loads the model and makes the inputs."""
        raise NotImplementedError

    def infer(self, feed: Dict[str, Any]) -> List[Any]:
        """One inference whose outputs, as numpy arrays, are looked at."""
        outputs: List[Any] = self.step(feed)
        return outputs

    def arrays(self, feed: Dict[str, Any]) -> Dict[str, Any]:
        """A feed as numpy arrays by name."""
        return feed

    def ready(self) -> Dict[str, Any]:
        """Runs twice, checks the outputs and returns the effective settings and the cold times."""
        first, outputs = self._checked_inference(self.feeds[0])
        time_limit.check_first(self.request, first)
        second, _ = self._checked_inference(next(self.rotation))
        effective = {
            "threads": self.request["threads"],
            "batch_size": self.request["batch_size"],
            "mode": self.request["mode"],
            "options": self.options,
            "input_buffers": len(self.feeds),
            "inputs": fed(self.feeding),
            "python": "%d.%d.%d" % sys.version_info[:3],
        }
        if self.pace is not None:
            effective["pace"] = {"items_s": self.request["items_s"], "spin_ns": self.pace.spin_ns}
        effective.update(self.effective)
        effective["reference"] = self._reference(effective["precision"], outputs)
        effective["depends_on_input"] = self._depends_on_input(outputs)
        return {
            "effective": effective,
            "load_ns": self.load_ns,
            "first_inference_ns": first,
            "second_inference_ns": second,
            "flags": [
                *reference.flags(effective["reference"]),
                *input_dependence.flags(effective["depends_on_input"]),
            ],
        }

    def block(self, seconds: float, max_iterations: int) -> Tuple[List[int], List[int]]:
        """At least one iteration, at most `max_iterations`, until `seconds` are over: (starts, durations)."""
        if self.pace is not None:
            return loop.paced(
                self.step,
                self.rotation,
                self.clock,
                self.synchronise,
                self.pace,
                seconds=seconds,
                max_iterations=max_iterations,
            )
        timed = loop.latency if self.request["mode"] == "latency" else loop.throughput
        return timed(
            self.step,
            self.rotation,
            self.clock,
            self.synchronise,
            seconds=seconds,
            max_iterations=max_iterations,
        )

    def finish(self) -> Dict[str, Any]:
        """Checks the outputs once more and returns the peak memory of this process."""
        self._checked_inference(next(self.rotation))
        return {"memory_peak_bytes": process.memory_peak_bytes()}

    def _checked_inference(self, feed: Dict[str, Any]) -> Tuple[int, List[Any]]:
        begin = self.clock()
        try:
            outputs = self.infer(feed)
        except Exception as error:
            raise refusal("the model fails at batch size %d" % self.request["batch_size"], error) from error
        duration = self.clock() - begin
        check_outputs(self.names, outputs)
        return duration, outputs

    def _reference(self, precision: str, outputs: Sequence[Any]) -> Optional[Dict[str, Any]]:
        if not reference.is_wanted(self.request, self.options):
            return None
        return reference.check(
            self.request["reference_python"],
            self.request["artifact"],
            self.arrays(self.feeds[0]),
            dict(zip(self.names, outputs)),
            precision,
        )

    def _depends_on_input(self, outputs: Sequence[Any]) -> Optional[bool]:
        """Whether other inputs than those of `outputs` give others; looked at where the reference is."""
        if not reference.is_wanted(self.request, self.options):
            return None
        feed, seeds = self.feeds[-1], itertools.count(self.request["seed"] + 1)

        def digest_of(law: input_dependence.Law) -> Optional[str]:
            redraw(self.arrays(feed), self.feeding, next(seeds), law.scale, law.shift)
            return input_dependence.digest(self.infer(feed))

        depends = input_dependence.depends_on_input(input_dependence.digest(outputs), digest_of)
        with contextlib.suppress(RunFailed):  # nothing can be drawn anew
            redraw(self.arrays(feed), self.feeding, next(seeds), *input_dependence.LAWS[0])
        return depends


def refuse_unknown(request: Mapping[str, Any]) -> None:
    """Raises RunFailed where no runtime has the mode or timing scope of `request`, or its file is missing."""
    if request["mode"] not in loop.MODES:
        raise RunFailed("unsupported", "mode %r is none of %s" % (request["mode"], ", ".join(loop.MODES)))
    if request["timing_scope"] != TIMING_SCOPE:
        raise RunFailed("unsupported", "timing scope %r is not %s" % (request["timing_scope"], TIMING_SCOPE))
    if not os.path.isfile(request["artifact"] or ""):
        raise RunFailed("model_unavailable", "there is no model file %s" % request["artifact"])


def resolve_options(requested: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """Every one of `options` and of COMMON with its value: the `requested` one, or its default.

    Raises RunFailed for an option or a value that there is not.
    """
    options = dict(COMMON, **options)
    for name, value in requested.items():
        if name not in options:
            raise RunFailed("unsupported", "option %r is none of %s" % (name, ", ".join(sorted(options))))
        if not any(value == allowed and type(value) is type(allowed) for allowed in options[name][1]):
            raise RunFailed("unsupported", "option %s takes %s, not %r" % (name, options[name][1], value))
    return {name: requested.get(name, default) for name, (default, _) in options.items()}


def missing(package: str, error: Exception) -> RunFailed:
    """That this interpreter has no such `package`, by the `error` of its import, and what to do."""
    return RunFailed(
        "runtime_missing",
        "%s cannot import %s (%s); install it there with pip" % (sys.executable, package, one_line(error)),
    )


def show_gpu(target_id: str) -> None:
    """Lets this process see only the GPU `target_id`. Call it before a CUDA library is imported."""
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if target_id.startswith(("GPU-", "MIG-")):
        os.environ["CUDA_VISIBLE_DEVICES"] = target_id
