"""The frontier of the true means, with probabilities that keep their word.

Replicates in the exact kernel are too sure of dismissals when noise is as large as what separates
configurations: the one that looks worst has had bad luck. How much too sure depends on the fleet, so it is
learned on the fleet: fleets like it are simulated, whose true means are known, and measured with its noise
and its number of runs; what the kernel said of them and what was true gives a map that is then applied to
what it says of the fleet itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .calibration_map import CalibrationMap, fit_map
from .fleet import check_size
from .front_probabilities import front_probability
from .moderated_means import estimate
from .replicate_draws import measured_runs, replicates
from .samples import Floats, Ints, Samples
from .shared_costs import Shared
from .simulated_fleets import SimulatedFleet, simulate_fleets

REPLICATES = 200
_SIMULATED_ROWS = 1600
#: Up to this size the simulated fleets are asked in one pass of the kernel; larger ones are faster apart.
_STACKED_SIZE_MAX = 50
_FLEET_MIN = 4

#: A margin, if any, and what is shared with its own margin.
_Question = tuple[Sequence[float] | None, Shared | None]


@dataclass(frozen=True)
class MeanFront:
    """Probabilities (N,) of true means: `front`, that nobody beats it by the margins; `pareto`, that nobody
    dominates it. Without margins the two are one.

    `front_uncalibrated` is what the kernel says of the replicates before the map.
    """

    front: Floats
    pareto: Floats
    front_uncalibrated: Floats


def mean_front_probability(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    margin: Sequence[float] | None = None,
    shared: Shared | None = None,
    count: int = REPLICATES,
    seed: int = 1,
    threads: int = 1,
) -> MeanFront:
    """How probable it is that a configuration is on the frontier of the true means, given its runs.

    The question `mean`: it settles as runs are added. Of the rows at 0.95 or more at least 95 % are meant to
    be on the frontier, of those at 0.05 or less at most 5 %; what lies between is undecided. `samples`,
    `maximize` and `threads` as for `front_probability`, whose kernel it uses on `count` replicates of each
    mean (`replicates`), followed by a map learned on simulated fleets; `seed` makes it repeatable. Without a
    `margin` that of `shared` does not count either. Raises ValueError as those do. Source: a logistic map
    of what is said to what is true, Platt 1999, here on fleets simulated after this one.

    >>> runs = [[[1.0], [1.1], [0.9]], [[1.2], [1.0], [1.1]]]
    >>> mean_front_probability(runs, maximize=[False]).front.round(1).tolist()
    [0.8, 0.2]
    """
    check_size(samples, "mean_front_probability")
    strict: _Question = (None, None if shared is None else replace(shared, margin=None))
    questions = [strict] if margin is None else [(margin, shared), strict]
    drawn = replicates(samples, count=count, seed=seed)
    raw = [
        front_probability(drawn, maximize=maximize, margin=m, shared=s, threads=threads) for m, s in questions
    ]
    maps = _learn(samples, questions, maximize=maximize, seed=seed, threads=threads)
    mapped = [apply(p) for apply, p in zip(maps, raw, strict=True)]
    return MeanFront(mapped[0], mapped[-1], raw[0])


def _learn(
    samples: Samples,
    questions: Sequence[_Question],
    *,
    maximize: Sequence[bool],
    seed: int,
    threads: int,
) -> list[CalibrationMap]:
    """A map for each question, learned on fleets like this one with its noise and its numbers of runs."""
    runs = measured_runs(samples)
    means, scale = estimate(runs.arrays)
    size = len(runs.arrays)
    if not means.covariance.any():
        return [CalibrationMap(exact=True)] * len(questions)
    if size < _FLEET_MIN:
        return [CalibrationMap()] * len(questions)
    first = np.unique(runs.entry, return_index=True)[1]
    distinct = [(margin, _shared_of(shared, first)) for margin, shared in questions]
    count = max(2, _SIMULATED_ROWS // size)
    simulated = simulate_fleets(means, scale, count=count, seed=seed, shared=distinct[0][1])
    predicted: list[list[Floats]] = [[] for _ in questions]
    outcomes: list[list[Floats]] = [[] for _ in questions]
    at_once = count if size <= _STACKED_SIZE_MAX else 1
    while stack := list(itertools.islice(simulated, at_once)):
        replicated = [rows for fleet in stack for rows in fleet.replicates]
        true_means = [row for fleet in stack for row in fleet.truth[:, None]]
        fleets = np.repeat(np.arange(len(stack)), size) if len(stack) > 1 else None
        for k, (margin, shared) in enumerate(distinct):
            judge = partial(
                front_probability, maximize=maximize, margin=margin, fleets=fleets, threads=threads
            )
            predicted[k].append(judge(replicated, shared=_repeated(shared, len(stack))))
            outcomes[k].append(judge(true_means, shared=_settled(shared, stack)))
    pairs = zip(predicted, outcomes, strict=True)
    return [fit_map(np.concatenate(p), np.concatenate(true)) for p, true in pairs]


def _shared_of(shared: Shared | None, chosen: Ints) -> Shared | None:
    """The same of some configurations."""
    return None if shared is None else replace(shared, groups=np.asarray(shared.groups)[chosen])


def _repeated(shared: Shared | None, count: int) -> Shared | None:
    """The same for `count` fleets, one after the other. Groups need no new numbers: fleets never meet."""
    return None if shared is None else replace(shared, groups=np.tile(np.asarray(shared.groups), count))


def _settled(shared: Shared | None, fleets: Sequence[SimulatedFleet]) -> Shared | None:
    """The same with each fleet's true values, in groups of its own."""
    if shared is None:
        return None
    values = [value for fleet in fleets for value in fleet.shared_truth or []]
    groups = [np.asarray(shared.groups) + len(shared.values) * number for number in range(len(fleets))]
    return replace(shared, groups=np.concatenate(groups), values=values)
