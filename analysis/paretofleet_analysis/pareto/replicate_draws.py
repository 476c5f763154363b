"""From runs to replicates of what they estimate: the question `mean`, and the same of a median or a tail."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from paretofleet_analysis.special_functions import chdtri, ndtri

from .equal_runs import DistinctRuns, distinct_runs, in_digits
from .fleet import NUMBERS_MAX, Fleet, check_magnitude
from .moderated_means import Means, Scale, estimate, quantile_by_ranks
from .samples import Floats, Ints, Samples
from .validation import check_groups, check_seed, check_whole

Statistic = Literal["mean", "median", "p99"]

RUNS_MIN = 3
#: The square of a larger value, or of one below its inverse, is not a number any more.
_MOST = 1e150
#: So many draws in a row come in random order.
_SHUFFLED = 50
_QUANTILES = {"median": 0.5, "p99": 0.99}


def replicates(
    samples: Samples,
    *,
    statistic: Statistic = "mean",
    count: int,
    seed: int,
    noise_groups: Sequence[Ints] = (),
) -> list[Floats]:
    """N arrays (`count`, d): draws of the true `statistic` of each configuration, given its runs, `samples`
    (m_i, d).

    Feed them to `front_probability` in place of the runs. For the mean: a t distribution around the mean of
    the runs, on the log scale where values are positive, jointly over objectives, with variances moderated
    over the fleet. For a `median` of 6 or more runs and a `p99` of 368 or more: by ranks, whatever the runs'
    distribution. Fewer runs do not hold it, and it is that of a log-normal (a normal where values are not
    positive) with unknown mean and deviation: a heavier tail of runs has a higher p99 than this says. An
    objective that varies in no configuration stays as it is. `noise_groups`: whole numbers (N,) of what may
    share its noise, the finest first, such as device and runtime, then device; all do if none is given. The
    draws of a configuration depend on `seed`, on its values and, through the moderated variances, on its
    group's noise; not on its place, on the order of its runs, or on being entered twice.

    Raises ValueError naming a configuration with fewer than 3 runs, or one whose values are too
    large, too small or too unlike to compute with, or for more than 250 million numbers. Source: variances
    as Smyth 2004, Linear models and empirical Bayes methods, robustly as Phipson and others 2016.

    >>> drawn = replicates([[[1.0], [1.1], [0.9]], [[1.2], [1.0], [1.1]]], count=4, seed=1)
    >>> [x.shape for x in drawn]
    [(4, 1), (4, 1)]
    """
    check_draws(count, seed)
    if statistic != "mean" and statistic not in _QUANTILES:
        raise ValueError(f"statistic {statistic!r} is not known; give 'mean', 'median' or 'p99'")
    estimated = estimate_means(samples, noise_groups, of_scaled=statistic != "mean")
    return estimated.draw(seed, count, quantile=_QUANTILES.get(statistic))


def check_draws(count: int, seed: int) -> None:
    """ValueError unless `count` is a whole number of at least 1 and `seed` one of at least 0."""
    check_whole("count", count, 1, "the number of replicates")
    check_seed(seed)


@dataclass(frozen=True)
class Estimated:
    """N distinct measurements of configurations, `runs`, and what they say of true `means` on a `scale`."""

    runs: DistinctRuns
    means: Means
    scale: Scale

    def draw(self, seed: int, count: int, *, quantile: float | None = None) -> list[Floats]:
        """Arrays (`count`, d) of each configuration, twins too: draws of its mean, or of a `quantile`.

        Raises ValueError as `replicates` does.
        """
        runs = self.runs
        numbers = len(runs.arrays) * count * runs.arrays[0].shape[1]
        if numbers > NUMBERS_MAX:
            raise ValueError(
                f"{count:,} replicates of {len(runs.arrays):,} configurations are {numbers:,} numbers, and "
                f"at most {NUMBERS_MAX:,} are drawn; give a lower count or fewer configurations"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            drawn = _draw(runs, self.means, self.scale, seed, count, quantile=quantile)
        _check_drawn(runs, drawn, self.scale)
        return [drawn[entry] for entry in runs.entry]


def estimate_means(
    samples: Samples, noise_groups: Sequence[Ints] = (), *, of_scaled: bool = False
) -> Estimated:
    """What `samples` say of true means; they, `noise_groups` and errors as for `replicates`, `of_scaled` as
    for `estimate`.
    """
    runs = measured_runs(samples)
    means, scale = estimate(runs.arrays, of_scaled=of_scaled, noise_groups=_of_distinct(noise_groups, runs))
    return Estimated(runs, means, scale)


def _check_drawn(runs: DistinctRuns, drawn: list[Floats], scale: Scale) -> None:
    """ValueError naming the configuration and the objective whose replicates are no numbers any more."""
    for k, values in enumerate(drawn):
        lost = ~np.isfinite(values) | ((values == 0.0) & scale.logarithmic)
        if lost.any():
            objective = int(np.nonzero(lost)[1][0])
            raise ValueError(
                f"configuration {int((runs.entry == k).argmax())}, objective {objective}: its runs are too "
                "unlike each other to compute with; look for a faulty one"
            )


def measured_runs(samples: Samples) -> DistinctRuns:
    """The distinct measurements of `samples`; ValueError where a configuration has too few runs to say how
    sure its mean is.
    """
    fleet = Fleet.from_values(samples)
    few = np.flatnonzero(fleet.runs < RUNS_MIN)
    if len(few):
        i = int(few[0])
        raise ValueError(
            f"configuration {i} has {fleet.runs[i]} runs; {RUNS_MIN} are needed to say how sure its mean is"
        )
    check_magnitude(fleet, _MOST)
    return distinct_runs(np.split(fleet.costs, fleet.starts[1:-1]))


def _draw(
    runs: DistinctRuns, means: Means, scale: Scale, seed: int, count: int, *, quantile: float | None
) -> list[Floats]:
    """Draws of the means or of a quantile; of a quantile by ranks alone where there are runs enough."""
    size, d = means.location.shape
    normal, stretch = np.empty((size, count, d)), np.empty((size, count))
    stretches: dict[float, Floats] = {}
    for i, values in enumerate(runs.arrays):
        uniform = _even_uniforms(_generator(values, seed), count, d + 1)
        normal[i] = ndtri(uniform[:, 1:])
        freedom = float(means.freedom[i])
        if freedom not in stretches:
            levels = (np.arange(count) + 0.5) / count
            stretches[freedom] = np.sqrt(freedom / chdtri(freedom, levels))
        stretch[i, np.argsort(uniform[:, 0])] = stretches[freedom]
    scaled = means.spread(normal, stretch)
    if quantile is not None:
        # the same unknown deviation moves the mean's draw and the quantile's distance from it
        scaled += ndtri(quantile) * means.deviations[:, None] * stretch[..., None]
    drawn = list(scale.back(scaled))
    fixed = means.covariance.diagonal(axis1=1, axis2=2).max(axis=0) == 0.0
    for i, values in enumerate(runs.arrays):
        if quantile is not None:
            by_ranks = quantile_by_ranks(values, quantile, means.uniforms(i, normal[i]))
            drawn[i] = drawn[i] if by_ranks is None else by_ranks
        drawn[i][:, fixed] = values[0, fixed]
    return drawn


def _of_distinct(groups: Sequence[Ints], runs: DistinctRuns) -> list[Ints]:
    """The `groups` (N,) of configurations as those of the distinct measurements among them, `runs`."""
    size = len(runs.entry)
    return [check_groups("noise_groups", numbers, size)[runs.first] for numbers in groups]


def _even_uniforms(rng: np.random.Generator, count: int, d: int) -> Floats:
    """(count, d) uniforms in the open unit cube, more even than chance: steps of irrational length from a
    start at random, the lengths being the powers of the root of x**(d + 1) = x + 1. They come in random
    order, 50 by 50, so that the first of them are even, too: as they are made, the k-th draws of two
    configurations would go in step.
    """
    root = 2.0
    for _ in range(40):
        root = (1.0 + root) ** (1.0 / (d + 1))
    start = rng.random(d)
    order = np.argsort(np.arange(count) // _SHUFFLED + rng.random(count))
    steps = order[:, None] * root ** -np.arange(1.0, d + 1)
    return np.asarray(np.clip((start + steps) % 1.0, 1e-12, 1 - 1e-12))


def _generator(values: Floats, seed: int) -> np.random.Generator:
    """A generator of this seed and these values alone."""
    digest = hashlib.sha256(in_digits(values)).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "big")])
