"""The means of a ranking's rows with their intervals: as measured, and without what blocks did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paretofleet_analysis.ranking.fleet import RankedFleet
from paretofleet_analysis.ranking.run_resolution import rounding
from paretofleet_analysis.statistics.intervals import RUNS_MIN, Estimate, log_reach
from paretofleet_analysis.statistics.moments import moments
from paretofleet_analysis.statistics.resolution import rounding_reach

#: Runs that leave less unknown, relative to their mean, are copies: they say nothing of a spread.
_COPIES = 1e-13


def measured_estimates(fleet: RankedFleet) -> list[dict[str, Estimate]]:
    """Of each row of `fleet` and objective the mean as measured with its interval, which allows for what
    blocks did, for runs that resemble each other, and for the step of clock and sensor.
    """
    d = len(fleet.criteria.margins)
    runs = [values[:, :d] for values, _ in fleet.measured]
    return _estimates(fleet, runs, moments(runs).means)


def corrected_estimates(fleet: RankedFleet) -> list[dict[str, Estimate] | None]:
    """The same of the rows of `fleet` without what blocks did, of measured objectives; None where the row's
    device was not corrected.
    """
    is_corrected = [name in fleet.effects.drifts for name in fleet.effects.components]
    if not any(is_corrected):
        return [None] * len(fleet.rows)
    names = {objective.name for objective in fleet.criteria.measured}
    estimates = _estimates(fleet, fleet.corrected, fleet.means)
    return [
        {name: replace(each, holds_drift=False) for name, each in row.items() if name in names}
        if corrected
        else None
        for row, corrected in zip(estimates, is_corrected, strict=True)
    ]


def _estimates(
    fleet: RankedFleet, runs: Sequence[np.ndarray], means: np.ndarray
) -> list[dict[str, Estimate]]:
    intervals = _mean_intervals(fleet, runs, means)
    columns = [
        intervals[k]
        if objective.is_measured
        else [Estimate(float(values[0, k]), None, None, len(values)) for values in runs]
        for k, objective in enumerate(fleet.criteria.objectives)
    ]
    return [dict(zip(fleet.criteria.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _mean_intervals(
    fleet: RankedFleet, runs: Sequence[np.ndarray], means: np.ndarray
) -> list[list[Estimate]]:
    """`intervals.mean_interval` of each column of many (m_i, d) arrays of positive values at once."""
    seen = moments([np.log(values) for values in runs])
    counts = seen.counts.tolist()
    widening = _widening(fleet, counts)
    d = len(fleet.criteria.margins)
    # what a grid hides depends on how the values moved across it as they were read
    read, widths = [values[:, :d] for values, _ in fleet.measured], fleet.coarseness.widths[:, :d]
    shared, least = rounding_reach(widths, moments(read).spreads) / means, rounding(read, widths).single
    columns = []
    for k, spread in enumerate(seen.spreads.T):
        unlike = np.maximum(spread * widening, least[:, k])
        own = np.asarray(log_reach(unlike, np.maximum(seen.counts, 2)))
        reach = np.hypot(own, shared[:, k])
        has_interval = (seen.counts >= RUNS_MIN) & (reach > _COPIES)
        factors = np.exp(reach).tolist()
        columns.append(
            [
                Estimate(mean, mean / factor, mean * factor, count)
                if is_given
                else Estimate(mean, None, None, count)
                for mean, factor, count, is_given in zip(
                    means[:, k].tolist(), factors, counts, has_interval.tolist(), strict=True
                )
            ]
        )
    return columns


def _widening(fleet: RankedFleet, counts: Sequence[int]) -> np.ndarray:
    """(N,) by what the error of a row's mean is larger because runs resemble the ones before."""
    seen = [fleet.resemblances.get(str(row["device"])) for row in fleet.rows]
    return np.array(
        [
            1.0 if of_device is None else of_device.widening(count)
            for of_device, count in zip(seen, counts, strict=True)
        ]
    )
