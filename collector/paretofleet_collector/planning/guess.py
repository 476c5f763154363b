"""The likely time of a plan before any of it ran: by earlier runs, else by multiply-accumulates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from paretofleet_collector.model.run_time import PastTime, Span

#: What a process takes to start and to load a model, and multiply-accumulates a second of a core or two.
START_S, MACS_PER_S = 1.0, 2e10
#: How far a guess may be off, on the log scale: of a configuration that ran before, of others on a device and
#: protocol that did, and of what never ran.
_SAME, _ALIKE, _NEW = 0.2, 0.6, 1.0


@dataclass(frozen=True)
class Work:
    """What a run of a configuration asks for: at least `least_s` by its protocol, and `macs` where known.

    `macs`: multiply-accumulates of all iterations that the protocol asks for at least.
    """

    configuration_id: str
    least_s: float
    macs: float | None


def likely_span(
    works: Sequence[Work], past: Mapping[str, float], alike: Sequence[tuple[Work, float]]
) -> Span:
    """The likely time of one run of each of `works`, which is not empty, on one device.

    `past`: by configuration the seconds that its runs took here. `alike`: what else ran here by the same
    protocol, with its seconds.
    """
    ratios = [seconds / by_work(work) for work, seconds in alike]
    ratio = median(ratios) if ratios else 1.0
    parts = [
        (past[work.configuration_id], _SAME)
        if work.configuration_id in past
        else (ratio * by_work(work), _ALIKE if ratios else _NEW)
        for work in works
    ]
    total_s = sum(seconds for seconds, _ in parts)
    error = sum(seconds * error for seconds, error in parts) / total_s if total_s else 0.0
    return Span(total_s, total_s * math.exp(-error), total_s * math.exp(error))


def by_work(work: Work) -> float:
    """Seconds of a run by the `work` that it asks for alone."""
    return START_S + max(work.least_s, (work.macs or 0.0) / MACS_PER_S)


def mean_times(past: Sequence[PastTime], device_id: str) -> dict[str, float]:
    """By configuration the seconds that its runs took on the device `device_id`, of all that is `past`."""
    times: dict[str, list[float]] = {}
    for each in past:
        if each.device_id == device_id:
            times.setdefault(each.configuration_id, []).append(each.seconds)
    return {name: fmean(values) for name, values in times.items()}
