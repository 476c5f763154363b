"""The trials of a search as arrays: what was proposed, what it costs, what failed, what is under way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from paretofleet_analysis.errors import SearchError

from .space import Codes, Flags, Floats, Space

#: Less than this counts as this where logarithms are taken.
_LEAST = 1e-2


@dataclass(frozen=True)
class Search:
    """What is searched: a `space`, and for each of the `devices` the columns of its costs among k objectives.

    A column may be of several devices, as accuracy is. `seed` makes proposals repeatable. The first `start`
    trials are not the method's: `hand_made` of them come from elsewhere, of the rest a quarter is on the
    diagonal of the space where it `has_diagonal`, and all others are drawn at random, as is later a share
    `control`, which every report shows beside the rest.
    `limits`: of columns, the cost beyond which a member is of no use. `positive`: columns above 0, such as
    errors in percent, of which the optimiser expects logarithms.
    """

    space: Space
    devices: Mapping[str, tuple[int, ...]]
    seed: int
    start: int = 20
    control: float = 1 / 12
    limits: Mapping[int, float] = field(default_factory=dict)
    positive: frozenset[int] = frozenset()
    hand_made: int = 0
    has_diagonal: bool = False

    def is_within(self, costs: Floats) -> Flags:
        """(n,) whether the `costs` (n, k) are within all limits; what is NaN is within none."""
        within = np.ones(len(costs), dtype=np.bool_)
        for column, limit in self.limits.items():
            within &= costs[:, column] <= limit
        return within


@dataclass(frozen=True)
class Trials:
    """n trials in the order of their proposals: members `codes` (n, p) and their `graphs`, alike where
    architectures are the same. `costs` (n, k): less is better, times and energies as logarithms; NaN where
    there is no value. `errors` (n, k): standard errors of the costs. `has_failed` (n,): out of memory or over
    a limit. A trial without any cost that has not failed is under way.
    """

    codes: Codes
    graphs: tuple[Hashable, ...]
    costs: Floats
    errors: Floats
    has_failed: Flags

    @property
    def is_done(self) -> Flags:
        """(n,) whether the trial has failed or has a cost."""
        return np.asarray(self.has_failed | np.isfinite(self.costs).any(axis=1))

    def subset(self, chosen: Flags | Codes) -> Trials:
        """The same of the trials that are `chosen`, (n,) booleans or positions."""
        kept = np.arange(len(self.codes))[chosen]
        graphs = tuple(self.graphs[i] for i in kept)
        return Trials(self.codes[kept], graphs, self.costs[kept], self.errors[kept], self.has_failed[kept])

    def followed_by(self, codes: Codes, graph: Hashable) -> Trials:
        """The same with one more trial under way: the member `codes` (p,) with its `graph`."""
        nothing = np.full((1, self.costs.shape[1]), np.nan)
        return Trials(
            np.concatenate([self.codes, codes[None]]),
            (*self.graphs, graph),
            np.concatenate([self.costs, nothing]),
            np.concatenate([self.errors, nothing]),
            np.append(self.has_failed, False),
        )


def no_trials(search: Search) -> Trials:
    """The trials of a `search` that has not begun. Raises SearchError for one without devices."""
    if not search.devices:
        raise SearchError("the search has no devices: name one at least")
    width = 1 + max(max(columns) for columns in search.devices.values())
    return Trials(
        np.zeros((0, len(search.space.parameters)), dtype=np.int64),
        (),
        np.zeros((0, width)),
        np.zeros((0, width)),
        np.zeros(0, dtype=np.bool_),
    )


def optimiser_costs(trials: Trials, column: int) -> Floats:
    """(n,) the costs of a `column` as an optimiser gets them: the worst of all for `trials` that failed, and
    what lies far from the others drawn in; NaN where there is no value.

    Further than 4.4 median deviations (3 standard ones of a normal) from the median lies what is broken, such
    as a network that answers without looking: it says nothing of its neighbours.
    """
    costs = np.where(trials.has_failed, np.nan, trials.costs[:, column])
    good = costs[np.isfinite(costs)]
    if good.size:
        middle = np.median(good)
        reach = 3.0 * 1.4826 * np.median(np.abs(good - middle))
        if reach > 0.0:
            costs = np.clip(costs, middle - reach, middle + reach)
        costs[trials.has_failed] = np.nanmax(costs)
    return np.asarray(costs)


def in_logs(search: Search, trials: Trials) -> tuple[Search, Trials]:
    """The `search` and its `trials` with logarithms to base 10 of the columns that are `positive`."""
    costs, errors, limits = trials.costs.copy(), trials.errors.copy(), dict(search.limits)
    for column in search.positive:
        seen = np.maximum(trials.costs[:, column], _LEAST)
        costs[:, column] = np.log10(seen)
        errors[:, column] = trials.errors[:, column] / (seen * np.log(10.0))
        if column in limits:
            limits[column] = float(np.log10(limits[column]))
    logs = replace(search, limits=limits, positive=frozenset())
    return logs, replace(trials, costs=costs, errors=errors)
