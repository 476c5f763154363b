"""When a run did what: its phases, and the window of its measured iterations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.runs.pacing import Grid
from paretofleet_analysis.runs.sample_schemas import PHASES


@dataclass(frozen=True)
class Span:
    """A phase of the run, in nanoseconds of its clock."""

    phase: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Window:
    """The measured iterations: their starts and durations, and the hull of both.

    `is_spread`: there is a pause after each iteration, which is not part of the work. `due_ns`: when each was
    due, where they come by the clock, one every `period_ns`; then the window is whole periods.
    """

    durations_s: np.ndarray
    starts_ns: np.ndarray
    end_ns: int
    items: int
    is_spread: bool = False
    due_ns: np.ndarray | None = None
    period_ns: float = 0.0

    @property
    def start_ns(self) -> int:
        """Start of the first iteration, or when it was due."""
        return int((self.starts_ns if self.due_ns is None else self.due_ns).min())

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def paused_s(self) -> float:
        """How much of it the pauses of a spread run are."""
        return self.seconds - float(self.durations_s.sum()) if self.is_spread else 0.0


def phase_spans(marks: tuple[np.ndarray, np.ndarray]) -> list[Span]:
    """The phases between the `marks` (times in ns, phases by number), in order of time; raises SampleError.

    Marks that repeat a phase extend it, and the last mark only closes.
    """
    times, phases = marks
    if phases.size and (phases.min() < 0 or phases.max() >= len(PHASES)):
        raise SampleError(f"stream marks has phase {int(phases.max())}: phases are 0 to {len(PHASES) - 1}")
    spans: list[Span] = []
    order = np.argsort(times, kind="stable")
    for here, after in pairwise(order):
        phase, start, end = PHASES[phases[here]], int(times[here]), int(times[after])
        if spans and spans[-1].phase == phase:
            start = spans.pop().start_ns
        spans.append(Span(phase, start, end))
    return spans


def measured_window(
    iterations: tuple[np.ndarray, np.ndarray],
    spans: Sequence[Span],
    batch_size: int,
    *,
    is_spread: bool,
    grid: Grid | None = None,
) -> Window | None:
    """The iterations that began in the last phase `measure` of the `spans`; None where there are none.

    `iterations`: starts and durations in ns, of `batch_size` items each; `is_spread`: a pause follows each;
    `grid`: when they were due, where they came by the clock. Raises `SampleError` where one ends before it
    began.
    """
    starts, durations = iterations
    measured = [span for span in spans if span.phase == "measure"]
    if not measured:
        return None
    inside = (starts >= measured[-1].start_ns) & (starts < measured[-1].end_ns)
    due = None if grid is None else grid.due_ns[inside]
    starts, durations = starts[inside], durations[inside]
    if starts.size == 0:
        return None
    if durations.min() < 0:
        raise SampleError("stream iterations has a negative duration: the run's clock went backwards")
    ends = starts + durations
    end_ns, items = int(ends.max()), int(starts.size) * batch_size
    if grid is None or due is None:
        return Window(durations / 1e9, starts, end_ns, items, is_spread)
    end_ns = max(end_ns, int(due[-1] + round(grid.period_ns)))
    return Window(durations / 1e9, starts, end_ns, items, is_spread, due, grid.period_ns)
