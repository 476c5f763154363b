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

import numpy as np

from .calibration_map import CalibrationMap, fit_map
from .fleet import check_size
from .questions import FrontPart
from .replicate_draws import Estimated, check_draws, estimate_means
from .samples import Flags, Floats, Ints, Samples
from .shared_costs import Shared
from .simulated_fleets import SimulatedFleet, simulate_fleets
from .validation import check_threads

REPLICATES = 200
_SIMULATED_ROWS = 1600
#: A map has three weights; more fleets than this teach it nothing, and small ones would cost a second.
_FLEETS_MAX = 40
#: Up to this size the simulated fleets are asked in one pass of the kernel; larger ones are faster apart.
_STACKED_SIZE_MAX = 50
#: Fewer configurations than this teach no map.
FLEET_MIN = 4


@dataclass(frozen=True)
class MeanFront:
    """Probabilities (N,) of true means: `front`, that nobody beats it by the margins; `pareto`, that nobody
    dominates it. Without margins the two are one.

    `front_uncalibrated` and `pareto_uncalibrated` are what the kernel says of the replicates before the map.
    """

    front: Floats
    pareto: Floats
    front_uncalibrated: Floats
    pareto_uncalibrated: Floats


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
    question = FrontQuestion(maximize, margin, shared)
    return calibrated_front(samples, question, count=count, seed=seed, threads=threads)


@dataclass(frozen=True)
class FrontQuestion:
    """What is asked of N configurations: the directions `maximize`, a `margin`, what is `shared`, as
    `front_probability` takes them, and the `noise_groups` of `replicates`. `limits` (l,): see `FrontPart`.
    """

    maximize: Sequence[bool]
    margin: Sequence[float] | None = None
    shared: Shared | None = None
    noise_groups: Sequence[Ints] = ()
    limits: Sequence[float] = ()

    @property
    def parts(self) -> list[FrontPart]:
        """The question with the margin if there is one, and after it the strict one."""
        without = None if self.shared is None else replace(self.shared, margin=None)
        strict = FrontPart(self.maximize, None, without, self.limits)
        if self.margin is None:
            return [strict]
        return [FrontPart(self.maximize, self.margin, self.shared, self.limits), strict]


def calibrated_front(
    samples: Samples, question: FrontQuestion, *, count: int = REPLICATES, seed: int = 1, threads: int = 1
) -> MeanFront:
    """The probabilities of a `question`, which also says whose noise is alike.

    `samples`, `count`, `seed`, `threads` and errors are those of `mean_front_probability`. Source: as there,
    Platt 1999.

    >>> runs = [[[1.0], [1.1], [0.9]], [[1.2], [1.0], [1.1]]]
    >>> calibrated_front(runs, FrontQuestion([False], limits=[])).front.round(1).tolist()
    [0.8, 0.2]
    """
    check_size(samples, "mean_front_probability")
    check_draws(count, seed)
    check_threads(threads)
    estimated = estimate_means(samples, question.noise_groups)
    return front_of_means(estimated, question, estimated.draw(seed, count), seed=seed, threads=threads)


def front_of_means(
    estimated: Estimated,
    question: FrontQuestion,
    drawn: Sequence[Floats],
    *,
    seed: int,
    threads: int = 1,
) -> MeanFront:
    """The probabilities of a `question` about means that are `estimated` and `drawn` from that already;
    `seed` and `threads` as for `mean_front_probability`.
    """
    raw = [part.ask(drawn, threads=threads) for part in question.parts]
    # a hopeless row with a noise of its own has no say in how sure the others are
    is_hopeless = np.max(raw, axis=0)[estimated.runs.first] == 0.0
    has_say = ~(is_hopeless & estimated.means.is_noisy)
    maps = _learn(estimated, question, has_say, seed=seed, threads=threads)
    mapped = [apply(p) for apply, p in zip(maps, raw, strict=True)]
    return MeanFront(mapped[0], mapped[-1], raw[0], raw[-1])


def _learn(
    estimated: Estimated, question: FrontQuestion, has_say: Flags, *, seed: int, threads: int
) -> list[CalibrationMap]:
    """A map for each part, learned on fleets like those of this one's distinct configurations that `has_say`
    chooses (N,), with their noise and numbers of runs.
    """
    parts, size = question.parts, int(has_say.sum())
    if not estimated.means.covariance.any():
        return [CalibrationMap(exact=True)] * len(parts)
    if size < FLEET_MIN:
        return [CalibrationMap()] * len(parts)
    distinct = [part.of(estimated.runs.first[has_say]) for part in parts]
    count, means = min(_FLEETS_MAX, max(2, _SIMULATED_ROWS // size)), estimated.means.subset(has_say)
    simulated = simulate_fleets(means, estimated.scale, count=count, seed=seed, shared=distinct[0].shared)
    predicted: list[list[Floats]] = [[] for _ in parts]
    outcomes: list[list[Floats]] = [[] for _ in parts]
    at_once = count if size <= _STACKED_SIZE_MAX else 1
    while stack := list(itertools.islice(simulated, at_once)):
        replicated = [rows for fleet in stack for rows in fleet.replicates]
        true_means = [row for fleet in stack for row in fleet.truth[:, None]]
        fleets = np.repeat(np.arange(len(stack)), size) if len(stack) > 1 else None
        for k, part in enumerate(distinct):
            of_runs = replace(part, shared=_repeated(part.shared, len(stack)))
            predicted[k].append(of_runs.ask(replicated, fleets=fleets, threads=threads))
            of_truth = replace(part, shared=_settled(part.shared, stack))
            outcomes[k].append(of_truth.ask(true_means, fleets=fleets, threads=threads))
    pairs = zip(predicted, outcomes, strict=True)
    return [fit_map(np.concatenate(p), np.concatenate(true)) for p, true in pairs]


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
