"""Runs far outside of what their configuration's others say, drawn in to the nearest of those."""

from __future__ import annotations

import numpy as np

from paretofleet_analysis.special_functions import stdtr

from .fleet_prior import FleetPrior
from .samples import Floats, Ints

#: How often a configuration of normal runs may have one drawn in, by chance.
_LEVEL = 2e-4
#: Of fewer runs none is drawn in; of more at most one in so many.
_RUNS_MIN, _ONE_IN = 5, 5
#: Where more of a group's runs than this are outlying, such runs are part of what it does.
_SHARE_MAX = 0.06


def winsorise(rows: Floats, starts: Ints, runs: Ints, prior: FleetPrior) -> tuple[Floats, Ints]:
    """The `rows` (n, d) with outlying runs drawn in, and how many of each configuration's (N, d) were.

    `starts` (N,) and `runs` (N,): where each configuration's rows begin and how many there are. A run is
    outlying by Grubbs' test: its distance from the mean of the others of its configuration, in their own
    standard deviation, moderated by the `prior` as far as that knows it. Source: Grubbs 1950, Sample criteria
    for testing outlying observations, in its form as Student's t of the run that is left out.
    """
    out = rows.copy()
    drawn_in = np.zeros((len(runs), rows.shape[1]), dtype=np.int64)
    for count in np.unique(runs[runs >= _RUNS_MIN]).tolist():
        members = np.flatnonzero(runs == count)
        at = starts[members, None] + np.arange(count)
        for k in range(rows.shape[1]):
            values = rows[at, k]
            for _ in range(count // _ONE_IN):
                hit = _draw_in(values, members, k, prior)
                drawn_in[members, k] += hit
                if not hit.any():
                    break
            out[at, k] = values
    _keep_what_is_common(rows, out, drawn_in, runs, prior)
    return out, drawn_in


def _keep_what_is_common(rows: Floats, out: Floats, drawn_in: Ints, runs: Ints, prior: FleetPrior) -> None:
    """Undo, in place, what was drawn in where a group has too much of it: its runs are then like that."""
    owner = np.repeat(np.arange(len(runs)), runs)
    for number in np.unique(prior.group):
        members = prior.group == number
        is_common = drawn_in[members].sum(axis=0) > _SHARE_MAX * runs[members].sum()
        of_group = members[owner]
        for k in np.flatnonzero(is_common):
            out[of_group, k] = rows[of_group, k]
            drawn_in[members, k] = 0


def _draw_in(values: Floats, members: Ints, k: int, prior: FleetPrior) -> Ints:
    """Of (n, m) `values` of objective k, in place, the furthest of each row if it is outlying; which were."""
    m = values.shape[1]
    ordered = np.sort(values, axis=1)
    is_high = ordered[:, -1] - np.median(values, axis=1) > np.median(values, axis=1) - ordered[:, 0]
    extreme = np.where(is_high, ordered[:, -1], ordered[:, 0])
    others = np.where(is_high[:, None], ordered[:, :-1], ordered[:, 1:])
    nearest = np.where(is_high, others[:, -1], others[:, 0])
    variances, freedom = prior.moderated_column(
        others.var(axis=1, ddof=1), np.full(len(values), m - 2.0), members, k
    )
    distance = np.abs(extreme - others.mean(axis=1))
    error = np.sqrt(variances * (1 + 1 / (m - 1)))
    t = np.divide(distance, error, out=np.zeros(len(values)), where=error > 0)
    hit = 2 * m * stdtr(freedom, -t) < _LEVEL
    where = np.flatnonzero(hit)
    values[where, np.argmax(values[where] == extreme[where, None], axis=1)] = nearest[where]
    return np.asarray(hit, dtype=np.int64)
