"""Computes a reference with ONNX Runtime and compares: JSON in, a line of JSON out; a process of its own."""

import contextlib
import ctypes
import json
import signal
import sys
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import rounding
from .comparison import AGREES, NUMBERS, UNDECIDED, WRONG, Rule, difference, judge
from .ort_arrays import array_of, is_without_arrays, run_without_arrays
from .outputs import kind_of, not_finite
from .runtimes import litert_reference

PR_SET_PDEATHSIG = 1
#: Items of the batch that are always computed, and the seconds within which all of them are.
ITEMS_MIN, ALL_ITEMS_S = 2, 1.0
#: How often the reference is computed with other roundings, and the seconds within which that must be done.
ROUNDED, ROUNDED_S = 2, 60.0
#: Rounded anew, a network takes about so many times as long.
ROUNDED_COST = 15.0
#: Below this unit inputs are exact in every runtime; above it they are rounded, too.
EXACT_INPUTS = 1e-5
#: `axes`: the batch axis of each input that has one; `size`: how many items were given.
Batch = NamedTuple("Batch", [("axes", Dict[str, int]), ("names", Sequence[str]), ("size", int)])
#: `first` to `end`: the items that were computed, in `seconds`.
Computed = NamedTuple(
    "Computed",
    [("feed", Dict[str, Any]), ("values", List[Any]), ("first", int), ("end", int), ("seconds", float)],
)


def main() -> None:
    """Reads the header that `reference.ask` writes, and writes the answer that `reference.judge` takes."""
    # Here and not between fork and exec: the runner that asks has a runtime's threads.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    header = json.load(sys.stdin)
    answer = litert_reference.answer(header) if header.get("litert") else Comparison(header).answer()
    sys.stdout.write("\n%s\n" % json.dumps(answer))


class Comparison(object):
    """The outputs of a `header` against the reference of its artifact."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        import numpy as np
        import onnxruntime

        self._np, self._ort = np, onnxruntime
        self._header = header
        self._rule = Rule(header["tolerance"], header["unit"])
        self._session = self._open(header["artifact"])
        self._abouts = self._session.get_outputs()
        self._actual = self._in_order([(each["name"], self._read(each)) for each in header["outputs"]])
        given = [(each["name"], self._read(each)) for each in header["inputs"]]
        by_name = dict(given)
        #: An input that goes by another name gets the first one's values.
        self._feed = {each.name: by_name.get(each.name, given[0][1]) for each in self._session.get_inputs()}
        self._batch = batch_of(self._session.get_inputs(), self._feed, header.get("batch"))

    def answer(self) -> Dict[str, Any]:
        """By whom, how many items, and of each output the verdict with its error, or why there is none."""
        computed, judged = self._compared()
        answer: Dict[str, Any] = {"by": "onnxruntime %s, unoptimised" % self._ort.__version__}
        answer["items"] = computed.end - computed.first if self._batch.axes else None
        if not _agree(judged):
            again = self._compute(self._session, computed.first, computed.end).values
            if not all(map(self._same, computed.values, again)):
                return dict(answer, random=True, not_finite=self._not_finite(computed))
            judged = self._judged(computed, self._rounded(computed))
        return dict(answer, outputs=judged)

    def _compared(self) -> Tuple[Computed, Dict[str, Any]]:
        """What was computed and the verdicts: some items, and all where that is quick or some disagree."""
        some = self._some_items()
        if some is not None:
            judged = self._judged(some, None)
            is_whole = some.end - some.first == self._batch.size
            if is_whole or (_agree(judged, True) and not self._is_quick(some)):
                return some, judged
        whole = self._compute(self._session, 0, self._batch.size)
        return whole, self._judged(whole, None)

    def _some_items(self) -> Optional[Computed]:
        """A few items, from one that the seed chooses on; None where the file cannot take few of them."""
        count = min(ITEMS_MIN, self._batch.size)
        first = self._header["seed"] % (self._batch.size - count + 1)
        try:
            return self._compute(self._session, first, first + count)
        except Exception:  # noqa: BLE001  whatever it is: all of them will say
            return None

    def _is_quick(self, computed: Computed) -> bool:
        per_item_s = computed.seconds / max(1, computed.end - computed.first)
        return per_item_s * self._batch.size <= ALL_ITEMS_S

    def _compute(
        self, session: Any, first: int, end: int, feed: Optional[Mapping[str, Any]] = None
    ) -> Computed:
        taken = {}
        for name, value in (feed or self._feed).items():
            axis = self._batch.axes.get(name)
            taken[name] = value
            if axis is not None:
                where = (slice(None),) * axis + (slice(first, end),)
                taken[name] = self._np.ascontiguousarray(value[where])
        begin = time.perf_counter()
        if is_without_arrays(session):
            values = run_without_arrays(self._ort, session, taken)
        else:
            values = [array_of(each) for each in session.run(None, taken)]
        return Computed(taken, values, first, end, time.perf_counter() - begin)

    def _rounded(self, computed: Computed) -> Optional[List[List[Any]]]:
        """The outputs with other roundings, several times; None where the file cannot be computed so."""
        if computed.seconds * ROUNDED_COST > ROUNDED_S:
            return None
        unit, random = self._rule.unit, self._np.random.RandomState(0)
        try:
            with open(self._header["artifact"], "rb") as handle:
                model = handle.read()
            typed = self._open(rounding.with_outputs(model, rounding.results(model))).get_outputs()
            axes = {each.name: len(each.shape) for each in typed if each.type in rounding.TYPES}
            session = self._open(rounding.rounded(model, axes, unit))
            many = []
            for _ in range(ROUNDED):
                feed = dict(self._feed)
                for name, value in feed.items():
                    if unit > EXACT_INPUTS and value.dtype.kind == "f":
                        factor = 1 + unit * random.uniform(-1, 1, value.shape)
                        feed[name] = (value * factor).astype(value.dtype)
                many.append(self._compute(session, computed.first, computed.end, feed).values)
        except Exception:  # noqa: BLE001  a graph that cannot be rewritten is judged without
            return None
        return many

    def _judged(self, computed: Computed, rounded: Optional[List[List[Any]]]) -> Dict[str, Any]:
        """Of each output, by its name here, the verdict and what belongs to it."""
        judged: Dict[str, Any] = {}
        for at, about in enumerate(self._abouts):
            if at in self._actual:
                name, actual = self._actual[at]
                others = None if rounded is None else [values[at] for values in rounded]
                judged[name] = self._verdict(about, computed, actual, computed.values[at], others)
        return judged

    def _verdict(
        self, about: Any, computed: Computed, actual: Any, expected: Any, rounded: Optional[List[Any]]
    ) -> Dict[str, Any]:
        np = self._np
        if not isinstance(expected, np.ndarray) or expected.dtype.kind not in NUMBERS:
            return {"why": "it is %s" % kind_of(expected)}
        axis = self._axis(about, computed, actual, expected)
        count = computed.end - computed.first
        if actual.shape != expected.shape and axis is not None and count < self._batch.size:
            actual = actual[(slice(None),) * axis + (slice(computed.first, computed.end),)]
        judged = self._without_values(about, actual, expected)
        if judged is not None:
            return judged
        if rounded is not None and any(each.shape != expected.shape for each in rounded):
            return {"verdict": UNDECIDED, "relative_error": None, "tolerance": None}
        of = difference(np, actual, expected, rounded, axis)
        verdict, judged = judge(np, of, self._rule, expected.dtype.kind in "iub")
        strange = int(expected.size - np.isfinite(expected).sum())
        if strange == expected.size and verdict == AGREES:
            return {"why": "none of its values is finite", "not_finite": strange}
        return dict(judged, verdict=verdict, not_finite=strange)

    def _without_values(self, about: Any, actual: Any, expected: Any) -> Optional[Dict[str, Any]]:
        """What the shapes of an output say, where they say all that there is to be said."""
        shapes = [list(actual.shape), list(expected.shape)]
        if actual.shape == expected.shape:
            return None if expected.size else {"why": "it has no value"}
        if is_misshapen(actual.shape, expected.shape, about.shape or (), self._batch.names):
            return {"verdict": WRONG, "shapes": shapes}
        why = "its shape follows from its values and is %s for the reference's %s" % tuple(shapes)
        return {"why": why, "shapes": shapes}

    def _axis(self, about: Any, computed: Computed, actual: Any, expected: Any) -> Optional[int]:
        """The axis along which an output's items lie: that with the name of the batch, else the first."""
        for axis, name in enumerate(about.shape or ()):
            if isinstance(name, str) and name in self._batch.names:
                return axis
        sizes = (actual.shape[:1], expected.shape[:1])
        count = computed.end - computed.first
        return 0 if self._batch.axes and sizes == ((self._batch.size,), (count,)) else None

    def _not_finite(self, computed: Computed) -> Dict[str, int]:
        return not_finite([about.name for about in self._abouts], computed.values)

    def _same(self, first: Any, second: Any) -> bool:
        np = self._np
        if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
            return bool(first.tobytes() == second.tobytes())
        return True

    def _open(self, model: Any) -> Any:
        settings = self._ort.SessionOptions()
        settings.graph_optimization_level = self._ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        return self._ort.InferenceSession(model, settings, providers=["CPUExecutionProvider"])

    def _in_order(self, given: Sequence[Tuple[str, Any]]) -> Dict[int, Tuple[str, Any]]:
        """Which of the reference's outputs each of the `given` ones is: by its name, else by its place."""
        names = [about.name for about in self._abouts]
        placed = {names.index(n) if n in names else at: (n, value) for at, (n, value) in enumerate(given)}
        return {at: each for at, each in placed.items() if at < len(names)}

    def _read(self, tensor: Mapping[str, Any]) -> Any:
        np = self._np
        return np.fromfile(tensor["file"], dtype=np.dtype(tensor["type"])).reshape(tensor["shape"])


def batch_of(inputs: Sequence[Any], feed: Mapping[str, Any], declared: Optional[Mapping[str, int]]) -> Batch:
    """The batch axis of each of a session's `inputs`, whose values are in `feed`.

    `declared`: the axis by the input's name; None for the first one where that is free.
    """
    axes: Dict[str, int] = {}
    names: List[str] = []
    for about in inputs:
        axis = 0 if declared is None else declared.get(about.name)
        size = about.shape[axis] if axis is not None and len(about.shape or ()) > axis else 0
        if axis is not None and not isinstance(size, int):
            axes[about.name] = axis
            names += [size] if size else []
    sizes = {feed[name].shape[axis] for name, axis in axes.items()}
    if len(sizes) != 1:
        return Batch({}, names, 1)
    return Batch(axes, names, sizes.pop())


def is_misshapen(
    shape: Sequence[int], expected: Sequence[int], declared: Sequence[Any], batch: Sequence[str]
) -> bool:
    """Whether an output of this `shape` is not as long as the file and the `expected` shape say.

    `declared`: the file's axes, numbers and names; `batch`: names of the batch axis. Other named axes are as
    long as the values make them and are not looked at.
    """
    if not declared:
        return False
    if len(shape) != len(expected):
        return True
    axes = zip(declared, shape, expected)
    return any((axis == length or axis in batch) and size != length for axis, size, length in axes)


def _agree(judged: Mapping[str, Mapping[str, Any]], with_shapes: bool = False) -> bool:
    """Whether all outputs agree that can be compared; those of other shapes cannot, and may have to."""
    return all(
        each["verdict"] == AGREES if "verdict" in each else not (with_shapes and "shapes" in each)
        for each in judged.values()
    )
