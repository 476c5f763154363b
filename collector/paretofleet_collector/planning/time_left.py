"""How long what is left of a sweep takes, by how long its runs took: pure, with a range that shrinks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median, pstdev

from paretofleet_collector.model.run_time import RunTime, Span

#: The range holds twice the relative error to either side.
_REACH = 2.0
#: Relative errors that are assumed where nothing shows them: of repeats, and of unlike configurations.
_REPEATS, _UNLIKE = 0.15, 0.6
#: No range is narrower, relative to the time, and none is wider than this factor.
_LEAST, _FACTOR_MAX = 0.02, 4.0


def time_left(
    runs: Iterable[RunTime], now_s: float, earlier: Mapping[str, float] | None = None
) -> Span | None:
    """How long the open ones of `runs` still take; None while a device shows nothing to go by.

    `earlier`: of configurations the seconds that their runs took in other sweeps. A device's runs follow one
    another, devices work beside one another: the slowest decides. `now_s`: seconds since 1970.
    """
    by_device: dict[str, list[RunTime]] = defaultdict(list)
    for run in runs:
        by_device[run.device_id].append(run)
    spans = []
    for members in by_device.values():
        if any(run.is_open for run in members):
            span = _of_device(members, now_s, earlier or {})
            if span is None:
                return None
            spans.append(span)
    if not spans:
        return Span(0.0, 0.0, 0.0)
    return Span(*(max(ends) for ends in zip(*((s.seconds, s.least_s, s.most_s) for s in spans), strict=True)))


def _of_device(runs: Sequence[RunTime], now_s: float, earlier: Mapping[str, float]) -> Span | None:
    took_s: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run.started_unix_s is not None and run.ended_unix_s is not None:
            took_s[run.configuration_id].append(max(run.ended_unix_s - run.started_unix_s, 0.0))
    left: dict[str, int] = defaultdict(int)
    for run in runs:
        left[run.configuration_id] += run.is_open
    left = {name: count for name, count in left.items() if count}
    means = {name: fmean(times) for name, times in took_s.items()}
    means |= {name: earlier[name] for name in left if name not in means and name in earlier}
    if not means:
        return None
    usual_s = fmean(means.values())
    between_s = _between_runs(runs)
    expected = {name: count * (means.get(name, usual_s) + between_s) for name, count in left.items()}
    total_s = sum(expected.values())
    begun_s = sum(
        min(now_s - run.started_unix_s, means.get(run.configuration_id, usual_s))
        for run in runs
        if run.is_open and run.started_unix_s is not None
    )
    error = _relative_error(expected, left, took_s, means)
    return _span(max(total_s - max(begun_s, 0.0), 0.0), error)


def _between_runs(runs: Sequence[RunTime]) -> float:
    """What usually passes between the end of a run and the start of the next; breaks do not count."""
    times = sorted(
        (run.started_unix_s, run.ended_unix_s)
        for run in runs
        if run.started_unix_s is not None and run.ended_unix_s is not None
    )
    gaps = [max(after[0] - before[1], 0.0) for before, after in pairwise(times)]
    return median(gaps) if gaps else 0.0


def _relative_error(
    expected: Mapping[str, float],
    left: Mapping[str, int],
    took_s: Mapping[str, Sequence[float]],
    means: Mapping[str, float],
) -> float:
    """How far the sum of `expected` seconds may be off, by how repeats and configurations differ so far."""
    total_s = sum(expected.values())
    if not total_s:
        return 0.0
    spreads = [pstdev(times) / fmean(times) for times in took_s.values() if len(times) > 1 and fmean(times)]
    repeats = max(fmean(spreads), _LEAST) if spreads else _REPEATS
    unlike = _UNLIKE
    if len(means) >= 4 and fmean(means.values()):
        unlike = pstdev(means.values()) / fmean(means.values())
    variance, unmeasured_s = 0.0, 0.0
    for name, seconds in expected.items():
        if name in means:
            seen = max(len(took_s.get(name, ())), 1)
            variance += (seconds * repeats) ** 2 * (1 / seen + 1 / left[name])
        else:
            variance += (seconds * unlike) ** 2
            unmeasured_s += seconds
    variance += (unmeasured_s * unlike) ** 2 / len(means)
    return math.sqrt(variance) / total_s


def _span(seconds: float, error: float) -> Span:
    factor = min(math.exp(_REACH * max(error, _LEAST)), _FACTOR_MAX)
    return Span(seconds, seconds / factor, seconds * factor)
