"""Logs of a real board's power sensor, read line by line, and what our energy rules say of them.

A log is one minute of `tegrastats` on a Jetson Nano under load: a line about every second, with the power
of the board's input and of two rails behind it, in steps of one current step of its INA3221. Nobody knows
the true power. But a window's two halves, or its odd and even lines, measure the same load twice: where
uncertainties are right, their difference lies within the root of the sum of their squares.

A file holds numbers of lines, not times. A line's time is its number times the log's mean interval: the
seconds of the load over the number of lines. Means of power do not depend on that interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
from paretofleet_agent.power import stopping
from paretofleet_agent.power.rail_facts import RailFacts, primary_rails
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.energy_uncertainty import error_budget
from paretofleet_analysis.runs.idle_power import guard_power_w
from paretofleet_analysis.runs.power_curve import PowerCurve, SensorFacts, power_curve
from paretofleet_analysis.runs.window import Span

S = 1e9
#: Beside the repository: the logs belong to their authors, so they are not in it.
LOGS = Path(__file__).parents[3] / "shared" / "data" / "nano"
RAILS = ("in_mw", "gpu_mw", "cpu_mw")
#: A rail's step: 8 mA of the monitor at the 5.2 V that it measures.
QUANTUM_W = 0.042
#: Lines that are left out: at the start the load's first inferences run, at the end it stops.
FIRST_OUT, LAST_OUT = 2, 3
#: So many lines must follow an early stop for the rest of the log to be a measurement of its own.
REST_LINES = 10
#: The control looks from this line on: it has a spread.
PLAIN_LINES_MIN = 3


@dataclass(frozen=True)
class Log:
    """The lines of one log: `milliwatts` of each rail, under a load of `load_s` seconds."""

    milliwatts: dict[str, np.ndarray]
    load_s: float

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return int(next(iter(self.milliwatts.values())).size)

    @property
    def interval_s(self) -> float:
        """Mean seconds between two lines."""
        return self.load_s / self.lines


@dataclass(frozen=True)
class Mean:
    """Mean watts of a window, how far they may be off by our rule, and by 1.96 plain standard errors."""

    power_w: float
    uncertainty_w: float
    plain_w: float


@dataclass(frozen=True)
class Stop:
    """Where a window ended early: its mean by the report's rule, and U by the agent's; `plain` the control.

    `rest` is the log after the stop, None where too little is left.
    """

    lines: int
    mean: Mean
    agent_relative: float
    rest: Mean | None


def read_logs(path: Path) -> list[Log]:
    """The logs of a Parquet file with columns model_index, second and `RAILS`, or of the one in a folder.

    The seconds of each load are in models.csv or models.csv.gz beside it. Raises FileNotFoundError.
    """
    if path.is_dir():
        path = path / "tegrastats_power.parquet"
    models = path.parent / "models.csv"
    models = models if models.exists() else path.parent / "models.csv.gz"
    for file in (path, models):
        if not file.exists():
            raise FileNotFoundError(file)
    seconds = pyarrow.csv.read_csv(models).select(["model_index", "window_s"]).to_pydict()
    load_s = dict(zip(seconds["model_index"], seconds["window_s"], strict=True))
    columns = pyarrow.parquet.read_table(path).to_pydict()
    index, second = np.array(columns["model_index"]), np.array(columns["second"])
    order = np.lexsort((second, index))
    starts = np.flatnonzero(np.diff(index[order], prepend=index[order][0] - 1))
    rails = {rail: np.split(np.array(columns[rail], dtype=np.int64)[order], starts[1:]) for rail in RAILS}
    return [
        Log({rail: rails[rail][k] for rail in RAILS}, load_s[int(index[order][start])])
        for k, start in enumerate(starts)
    ]


def curve_of(log: Log, rail: str, lines: slice = slice(None), *, early_s: float = 0.0) -> PowerCurve:
    """A rail of a log as the curve of an instant sensor; `lines`: which of them, `early_s` sooner."""
    numbers = np.arange(1, log.lines + 1)[lines]
    step = 1 if lines.step is None else lines.step
    times = np.round((numbers * log.interval_s - early_s) * S).astype(np.int64)
    sensor = SensorFacts(is_counter=False, read_s=step * log.interval_s)
    curve = power_curve(times, log.milliwatts[rail][lines] * 1000, sensor)
    assert curve is not None
    return curve


def mean_of(log: Log, rail: str, first: int, last: int, lines: slice = slice(None)) -> Mean:
    """The mean from line `first` to line `last`, both included, numbered from 0; by every line, or `lines`.

    The load goes on around it, so two intervals on either side are its guards.
    """
    curve = curve_of(log, rail, lines)
    begin_ns, end_ns = _edge_ns(log, first), _edge_ns(log, last + 1)
    guard_ns = round(2 * log.interval_s * S)
    spans = [
        Span("guard_before", begin_ns - guard_ns, begin_ns),
        Span("guard_after", end_ns, end_ns + guard_ns),
    ]
    start_s, end_s = curve.seconds(begin_ns), curve.seconds(end_ns)
    edge_w = guard_power_w(curve, spans, 0.0)
    energy = energy_j(curve, start_s, end_s)
    budget = error_budget(curve, start_s, end_s, quantum=QUANTUM_W, edge_w=edge_w)
    assert energy is not None
    assert budget is not None
    power_w = energy / (end_s - start_s)
    seen = curve.value[curve.inside(start_s, end_s)]
    plain_w = 1.96 * float(seen.std(ddof=1)) / math.sqrt(seen.size) if seen.size > 1 else math.inf
    return Mean(power_w, power_w * budget.relative, plain_w)


def agree(pair: tuple[Mean, Mean], *, plain: bool = False) -> bool:
    """Whether two means differ by at most the root of the sum of their squared uncertainties."""
    one_w, other_w = ((mean.plain_w if plain else mean.uncertainty_w) for mean in pair)
    return abs(pair[0].power_w - pair[1].power_w) <= math.hypot(one_w, other_w)


def halves(log: Log, rail: str) -> tuple[Mean, Mean]:
    """The two halves of a log's window."""
    first, last = FIRST_OUT, log.lines - LAST_OUT - 1
    middle = (first + last + 1) // 2
    return mean_of(log, rail, first, middle - 1), mean_of(log, rail, middle, last)


def odd_and_even(log: Log, rail: str) -> tuple[Mean, Mean]:
    """Every second line of a log's window, and the others."""
    first, last = FIRST_OUT, log.lines - LAST_OUT - 1
    odd, even = (mean_of(log, rail, first, last, slice(begin, None, 2)) for begin in (1, 0))
    return odd, even


def whole(log: Log, rail: str) -> Mean:
    """A log's window."""
    return mean_of(log, rail, FIRST_OUT, log.lines - LAST_OUT - 1)


def few_lines(log: Log, rail: str, count: int) -> Mean:
    """A window of `count` lines, a third into the log's."""
    first = log.lines // 3
    return mean_of(log, rail, first, first + count - 1)


def rail_facts(log: Log) -> RailFacts:
    """What the agent knows of a rail of a `log`: each read makes a reading, and is a line."""
    facts = {
        "stream": "power:tegrastats/in",
        "scope": "module+carrier",
        "kind": "instant",
        "primary": True,
        "quantum_w": QUANTUM_W,
        "read_s": log.interval_s,
    }
    (rail,) = primary_rails([facts], "cuda:0", log.interval_s)
    return rail


def early_stop(log: Log, rail: str) -> Stop | None:
    """Where the agent's rule ends the window, asked after every line; None where it does not before the last.

    The first lines are its guard.
    """
    facts = rail_facts(log)
    times = [round(number * log.interval_s * S) for number in range(1, log.lines + 1)]
    values = [int(value) * 1000 for value in log.milliwatts[rail]]
    first, last = FIRST_OUT, log.lines - LAST_OUT - 1
    for line in range(first, last):
        samples = {facts.stream: (times[: line + 1], values[: line + 1])}
        verdict = stopping.judge(
            [facts], samples, begin_ns=0, start_ns=_edge_ns(log, first), now_ns=_edge_ns(log, line + 1)
        )
        if verdict.state == stopping.ENOUGH and verdict.uncertainty is not None:
            rest = mean_of(log, rail, line + 1, last) if last - line >= REST_LINES else None
            return Stop(line - first + 1, mean_of(log, rail, first, line), verdict.uncertainty, rest)
    return None


def plain_stop(log: Log, rail: str) -> tuple[float, float] | None:
    """The control: mean watts and 1.96 plain standard errors, ended where those are 2 % after any line."""
    watts = log.milliwatts[rail][FIRST_OUT:-LAST_OUT] / 1e3
    for count in range(PLAIN_LINES_MIN, watts.size):
        seen = watts[:count]
        plain_w = 1.96 * float(seen.std(ddof=1)) / math.sqrt(count)
        if plain_w <= stopping.UNCERTAINTY_MAX * seen.mean():
            return float(seen.mean()), plain_w
    return None


def last_line_is_outside(log: Log, rail: str) -> bool:
    """Whether the window between the agent's guards has the same energy whatever the last line says.

    Also where each line came up to an interval sooner than its number says.
    """
    guard_s = stopping.guard_s([rail_facts(log)])
    changed = Log({rail: np.append(log.milliwatts[rail][:-1], 0)}, log.load_s)
    for early_s in (0.0, log.interval_s):
        energies = []
        for each in (log, changed):
            curve = curve_of(each, rail, early_s=early_s)
            start_s = curve.seconds(round(guard_s * S))
            end_s = curve.seconds(round((log.load_s - guard_s) * S))
            energies.append(energy_j(curve, start_s, end_s))
        if energies[0] is None or energies[0] != energies[1]:
            return False
    return True


def _edge_ns(log: Log, line: int) -> int:
    """The time half an interval before a line, numbered from 0."""
    return round((line + 0.5) * log.interval_s * S)
