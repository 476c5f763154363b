"""The frontier of the true means, with probabilities that keep their word.

Replicates in the exact kernel are too sure of dismissals when noise is as large as what separates
configurations: the one that looks worst has had bad luck. How much too sure depends on the fleet, so it is
learned on the fleet: fleets like it are simulated, whose true means are known, and measured with its noise
and its number of runs; what the kernel said of them and what was true gives a map that is then applied to
what it says of the fleet itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.optimize

from .fleet import Floats, Samples, Shared, check_size
from .front_probabilities import front_probability
from .moderated_means import Means, Scale, estimate, fit, roots
from .replicates import distinct_runs, replicates

REPLICATES = 200
_SIMULATED_ROWS = 1600
_SIMULATED_REPLICATES = 64
_FLEET_MIN = 4
#: Beyond this a probability from a few hundred replicates says no more than "sure".
_SURE = 0.002
#: How strongly the map is held at the identity, per simulated row.
_STIFFNESS = 0.03
#: A fleet differs from those simulated after it in ways unknown; dismissals are drawn in by this much.
_CAUTION = 0.85
_LOG_MOST = 690.0

#: A margin, if any, and what is shared with its own.
_Asked = tuple[Sequence[float] | None, Shared | None]


@dataclass(frozen=True)
class MeanFront:
    """Probabilities (N,) of the frontier of true means: `front`, and `near_front` if a margin was given.

    `front_uncalibrated` is what the kernel says of the replicates before the map.
    """

    front: Floats
    near_front: Floats | None
    front_uncalibrated: Floats


@dataclass(frozen=True)
class Map:
    """logit p -> shift + slope * logit p, with a slope for each sign; with `exact` nothing changes."""

    shift: float = 0.0
    slope_above: float = 1.0
    slope_below: float = 1.0
    exact: bool = False

    def __call__(self, p: Floats) -> Floats:
        """Calibrated probabilities (n,), no surer than replicates can be."""
        if self.exact:
            return p
        z = _logit(p)
        mapped = self.shift + self.slope_above * np.maximum(z, 0.0) + self.slope_below * np.minimum(z, 0.0)
        return np.asarray(1.0 / (1.0 + np.exp(-mapped)))


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

    The question `mean`: it settles as runs are added. Of the rows at 0.95 or more at least 95 % are meant
    to be on the frontier, of those at 0.05 or less at most 5 %; what lies between is undecided. Arguments
    as for `front_probability`, whose kernel it uses on `count` replicates of each mean (`replicates`),
    followed by a map learned on simulated fleets; `seed` makes it repeatable. With a `margin`, that of
    `shared` is for `near_front` only. Raises ValueError as those do. Source: a logistic map of what is said
    to what is true, Platt 1999, here on fleets simulated after this one.

    >>> runs = [[[1.0], [1.1], [0.9]], [[1.2], [1.0], [1.1]]]
    >>> mean_front_probability(runs, maximize=[False]).front.round(1).tolist()
    [0.8, 0.2]
    """
    check_size(samples, "mean_front_probability")
    asked: list[_Asked] = [(margin, shared)]
    if margin is not None:
        asked.insert(0, (None, None if shared is None else replace(shared, margin=None)))
    drawn = replicates(samples, count=count, seed=seed)
    raw = [front_probability(drawn, maximize=maximize, margin=m, shared=s, threads=threads) for m, s in asked]
    maps = _learn(samples, asked, maximize=maximize, seed=seed, threads=threads)
    mapped = [one(p) for one, p in zip(maps, raw, strict=True)]
    return MeanFront(mapped[0], mapped[1] if margin is not None else None, raw[0])


def _learn(
    samples: Samples, asked: Sequence[_Asked], *, maximize: Sequence[bool], seed: int, threads: int
) -> list[Map]:
    """A map for each question, learned on fleets like this one with its noise and its numbers of runs."""
    runs = distinct_runs(samples)
    means, scale = estimate(runs.arrays)
    if not means.covariance.any():
        return [Map(exact=True)] * len(asked)
    if len(runs.arrays) < _FLEET_MIN:
        return [Map()] * len(asked)
    rng = np.random.default_rng([seed, 1])
    first = np.unique(runs.entry, return_index=True)[1]
    parts = [s if s is None else replace(s, groups=np.asarray(s.groups)[first]) for _, s in asked]
    said: list[list[Floats]] = [[] for _ in asked]
    true: list[list[Floats]] = [[] for _ in asked]
    prior = _Prior(means)
    for simulation in range(max(2, _SIMULATED_ROWS // len(runs.arrays))):
        truth = prior.truth(rng, spread=simulation % 2 == 1)
        measured = _measure(truth, means, rng)
        drawn = list(_back(scale, measured.draw(rng, _SIMULATED_REPLICATES)))
        points = list(_back(scale, truth)[:, None])
        fixed = None if parts[0] is None else _draw_shared(parts[0], rng)
        for k, ((margin, _), part) in enumerate(zip(asked, parts, strict=True)):
            judge = partial(front_probability, maximize=maximize, margin=margin, threads=threads)
            said[k].append(judge(drawn, shared=part))
            known = None if part is None or fixed is None else replace(part, values=fixed)
            true[k].append(judge(points, shared=known))
    return [fit_map(np.concatenate(p), np.concatenate(t)) for p, t in zip(said, true, strict=True)]


def _back(scale: Scale, values: Floats) -> Floats:
    """`scale.back`, where what is simulated stays a number, however wild the runs."""
    return scale.back(np.where(scale.logarithmic, np.clip(values, -_LOG_MOST, _LOG_MOST), values))


class _Prior:
    """Fleets like the one measured: normal around its means, drawn in by what is noise (empirical Bayes)."""

    def __init__(self, means: Means) -> None:
        spread = np.atleast_2d(np.cov(means.location.T)) - means.error.mean(axis=0)
        root = roots(spread[None])[0]
        between = root @ root.T
        centre = means.location.mean(axis=0)
        kept = between @ np.linalg.pinv(between + means.error)
        self._centre = centre + np.einsum("nij,nj->ni", kept, means.location - centre)
        left = kept @ means.error
        self._roots = roots((left + left.swapaxes(1, 2)) / 2)
        self._means = means

    def truth(self, rng: np.random.Generator, *, spread: bool) -> Floats:
        """(N, d) true means of a simulated fleet: the shrunken means, or a draw around them."""
        out = self._centre
        if spread:
            normal = rng.standard_normal(out.shape)
            out = out + np.einsum("nij,nj->ni", self._roots, normal)
        constant = self._means.covariance.diagonal(axis1=1, axis2=2).max(axis=0) == 0.0
        return np.where(constant, self._means.location, out)


def _measure(truth: Floats, means: Means, rng: np.random.Generator) -> Means:
    """What as many runs with the same noise would say of these true means."""
    size, d = truth.shape
    run_roots = roots(means.covariance)
    noise = np.einsum("nij,nj->ni", run_roots, rng.standard_normal((size, d)))
    own = means.runs - 1
    normal = rng.standard_normal((size, int(own.max()), d))
    normal *= (np.arange(normal.shape[1]) < own[:, None])[..., None]
    residuals = normal @ run_roots.swapaxes(1, 2)
    covariance = residuals.swapaxes(1, 2) @ residuals / own[:, None, None]
    return fit(truth + noise / np.sqrt(means.runs)[:, None], covariance, means.runs)


def _draw_shared(shared: Shared, rng: np.random.Generator) -> list[Floats]:
    """One of each group's values as the true one."""
    values = [np.asarray(v, dtype=np.float64) for v in shared.values]
    return [v[[rng.integers(len(v))]] for v in values]


def fit_map(said: Floats, true: Floats) -> Map:
    """The map that makes probabilities `said` (n,) most like what was `true` (n,), between 0 and 1."""
    z = _logit(said)
    features = np.stack([np.ones_like(z), np.maximum(z, 0.0), np.minimum(z, 0.0)])
    identity = np.array([0.0, 1.0, 1.0])

    def loss(weights: Floats) -> tuple[float, Floats]:
        mapped = weights @ features
        off = weights - identity
        value = np.mean(np.logaddexp(0.0, mapped) - true * mapped) + _STIFFNESS * off @ off
        slope = features @ (1.0 / (1.0 + np.exp(-mapped)) - true) / len(true) + 2 * _STIFFNESS * off
        return float(value), slope

    shift, above, below = scipy.optimize.minimize(loss, identity, jac=True, method="BFGS").x
    # never surer than the kernel: what the simulated fleets lack can only be less separable
    return Map(float(shift), float(np.clip(above, 0.0, 1.0)), float(np.clip(below, 0.0, 1.0)) * _CAUTION)


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, _SURE, 1.0 - _SURE)
    return np.asarray(np.log(clipped / (1.0 - clipped)))
