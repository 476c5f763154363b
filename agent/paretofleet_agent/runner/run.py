"""What the runs of every runtime share: settings, cold inferences, checks, blocks."""

import contextlib
import itertools
import os
import sys
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from paretofleet_graph import ONNX, Description, as_json

from . import evaluation, input_dependence, loop, memory, outputs, reference, time_limit, training
from .failure import RunFailed, one_line, refusal
from .feeding import describe, fed, feeding
from .inputs import buffers, redraw
from .pace import Pace

TIMING_SCOPE = "copy+compute"
#: What a run can be: timed in one of the ways of the loop, an evaluation, or steps of a training.
MODES = (*loop.MODES, evaluation.MODE, training.MODE)
#: Option -> (default, allowed values).
Options = Mapping[str, Tuple[Any, Tuple[Any, ...]]]
#: Options that every runtime has. Outputs are held against ONNX Runtime's before anything is timed, and have
#: to be finite where those are.
COMMON: Options = {"check_reference": (True, (True, False)), "check_outputs": (True, (True, False))}


class Run:
    """One run. A runtime loads in `load`, which sets `step`, `feeds`, `names` and `effective`.

    `step(feed)` is what is timed: host arrays in, host arrays out. `synchronise` is None where `step` waits.
    `pace`: when items are due; None where the next begins when the last has ended. `format`: of the files
    that it reads. `predictions`: what is said of a labelled set, in mode `accuracy`.
    """

    format = ONNX

    step: Callable[[Any], Any]
    feeds: Sequence[Dict[str, Any]]
    names: Sequence[str]
    effective: Dict[str, Any]
    synchronise: loop.Synchronise = None
    load_ns = 0
    predictions: Optional[evaluation.Evaluation] = None

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], int], options: Options) -> None:
        self.request = request
        self.clock = clock
        self.options = resolve_options(request["options"], options)
        refuse_unknown(request)
        self.pace: Optional[Pace] = None
        if request["mode"] == "paced":
            self.pace = Pace(request["items_s"], request["batch_size"], clock)
        self.graph = describe(request)
        refuse_format(self.graph, request["runtime"], self.format)
        self.feeding = feeding(self.graph, request)
        self._memory = memory.Memory()
        self._sound: List[str] = []
        self.load()
        self._memory.set_buffers([self.arrays(feed) for feed in self.feeds])
        self.rotation: Iterator[Any] = itertools.cycle(self.feeds)

    def load(self) -> None:
        """Loads the model and makes the inputs."""
        raise NotImplementedError

    def draw_inputs(self) -> List[Dict[str, Any]]:
        """Feeds to rotate over. Call it once, when the model is loaded."""
        self._memory.before_buffers()
        return buffers(self.feeding, 1 if self.request["mode"] == evaluation.MODE else None)

    def infer(self, feed: Dict[str, Any]) -> List[Any]:
        """One inference whose outputs, as numpy arrays where they are tensors, are looked at."""
        inferred: List[Any] = self.step(feed)
        return inferred

    def arrays(self, feed: Dict[str, Any]) -> Dict[str, Any]:
        """A feed as numpy arrays by name."""
        return feed

    def ready(self) -> Dict[str, Any]:
        """Runs twice, checks the outputs and returns the effective settings and the cold times."""
        first, inferred = self._inference(self.feeds[0])
        time_limit.check_first(self.request, first)
        self._memory.note_peak()
        second, _ = self._inference(next(self.rotation))
        effective = {
            "threads": self.request["threads"],
            "batch_size": self.request["batch_size"],
            "mode": self.request["mode"],
            "options": self.options,
            "input_buffers": len(self.feeds),
            "inputs": fed(self.feeding),
            "input_buffers_bytes": self._memory.buffers_bytes,
            "cache_bytes": memory.cache_bytes(),
            "python": "%d.%d.%d" % sys.version_info[:3],
        }
        if self.graph.weights_precision:
            effective["weights_precision"] = self.graph.weights_precision
        if self.pace is not None:
            effective["pace"] = {"items_s": self.request["items_s"], "spin_ns": self.pace.spin_ns}
        effective.update(self.effective)
        if self.request["mode"] == evaluation.MODE:
            effective["evaluation"] = self._begin_evaluation(inferred)
        effective["reference"] = self._checked(effective["precision"], inferred)
        effective["depends_on_input"] = self._depends_on_input(inferred)
        del inferred
        self._memory.forget_checks()
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
        timed = loop.throughput if self.request["mode"] == "throughput" else loop.latency
        return timed(
            self.step,
            self.rotation,
            self.clock,
            self.synchronise,
            seconds=seconds,
            max_iterations=max_iterations,
        )

    def _begin_evaluation(self, inferred: Sequence[Any]) -> Dict[str, Any]:
        """Gets ready to feed every item once, and says what of the outputs, `inferred`, is looked at."""
        size = evaluation.batch_of(self.feeding)
        scores = evaluation.scores_in(self.names, inferred, size, self.request["classes"])
        feed = self.feeds[0]
        self.predictions = evaluation.Evaluation(
            self.feeding, self.arrays(feed), lambda: self._inference(feed)[1], scores
        )
        return {"output": scores.name, "classes": scores.classes, "items": self.predictions.items}

    def finish(self) -> Dict[str, Any]:
        """Checks the outputs once more and returns the peak memory, with the inputs of one feed."""
        memory_peak_bytes = self._memory.peak_bytes()
        _, inferred = self._inference(next(self.rotation))
        self._refuse_not_finite(inferred)
        return {"memory_peak_bytes": memory_peak_bytes}

    def _inference(self, feed: Dict[str, Any]) -> Tuple[int, List[Any]]:
        begin = self.clock()
        try:
            inferred = self.infer(feed)
        except Exception as error:
            raise refusal("the model fails at batch size %d" % self.request["batch_size"], error) from error
        return self.clock() - begin, inferred

    def _checked(self, precision: str, inferred: Sequence[Any]) -> Optional[Dict[str, Any]]:
        """The comparison with the reference, made where it is asked for and where values are not finite."""
        is_strange = bool(self.options["check_outputs"] and outputs.not_finite(self.names, inferred))
        is_made = reference.is_possible(self.request, self.options) and (
            is_strange or reference.is_wanted(self.request, self.options)
        )
        comparison = None
        if is_made:
            request = dict(self.request, graph=as_json(self.graph))
            comparison = reference.check(request, self._draws(inferred), precision)
        self._sound = reference.not_finite(comparison)
        self._refuse_not_finite(inferred)
        return comparison

    def _refuse_not_finite(self, inferred: Sequence[Any]) -> None:
        if self.options["check_outputs"]:
            outputs.refuse(outputs.not_finite(self.names, inferred), self._sound)

    def _draws(self, inferred: Sequence[Any]) -> Iterator[reference.Draw]:
        """Feeds and their outputs: those of the first inference, and of other inputs where these fail."""
        yield reference.Draw(self.arrays(self.feeds[0]), dict(zip(self.names, inferred)))
        feed = self.feeds[-1]
        if len(self.feeds) == 1:
            with contextlib.suppress(RunFailed):  # nothing can be drawn anew
                redraw(self.arrays(feed), self.feeding, self.request["seed"] + 1, *input_dependence.LAWS[0])
        yield reference.Draw(self.arrays(feed), dict(zip(self.names, self.infer(feed))))

    def _depends_on_input(self, inferred: Sequence[Any]) -> Optional[bool]:
        """Whether other inputs than those of `inferred` give others; looked at where the reference is."""
        if not reference.is_wanted(self.request, self.options):
            return None
        feed, seeds = self.feeds[-1], itertools.count(self.request["seed"] + 1)

        def digest_of(law: input_dependence.Law) -> Optional[str]:
            redraw(self.arrays(feed), self.feeding, next(seeds), law.scale, law.shift)
            return input_dependence.digest(self.infer(feed))

        depends = input_dependence.depends_on_input(input_dependence.digest(inferred), digest_of)
        with contextlib.suppress(RunFailed):  # nothing can be drawn anew
            redraw(self.arrays(feed), self.feeding, next(seeds), *input_dependence.LAWS[0])
        return depends


def refuse_unknown(request: Mapping[str, Any]) -> None:
    """Raises RunFailed where no runtime has the mode or timing scope of `request`, or its file is missing."""
    if request["mode"] not in MODES:
        raise RunFailed("unsupported", "mode %r is none of %s" % (request["mode"], ", ".join(MODES)))
    if request["mode"] == training.MODE:
        training.refuse(request)
    if request["timing_scope"] != TIMING_SCOPE:
        raise RunFailed("unsupported", "timing scope %r is not %s" % (request["timing_scope"], TIMING_SCOPE))
    if not os.path.isfile(request["artifact"] or ""):
        raise RunFailed("model_unavailable", "there is no model file %s" % request["artifact"])


def refuse_format(graph: Description, runtime: str, read: str) -> None:
    """Raises RunFailed where the file of `graph` has not the format that the `runtime` does `read`."""
    if graph.format != read:
        raise RunFailed(
            "unsupported",
            "%s reads %s files, and this is a file of the format %s; choose another runtime"
            % (runtime, read, graph.format),
        )


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
