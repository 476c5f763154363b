"""Fleets like a measured one, whose true means are known: true means, and what measuring them would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .moderated_means import Means, Scale, fit, roots
from .samples import Floats
from .shared_costs import Shared

_REPLICATES = 64
#: Logarithms beyond this are not numbers any more.
_LOG_MOST = 690.0


@dataclass(frozen=True)
class SimulatedFleet:
    """`truth` (N, d): true means. `replicates` (N, 64, d): draws of them given simulated runs.
    `shared_truth`: one value of each group of what is shared, (1,) or (1, s); None if nothing is.
    """

    truth: Floats
    replicates: Floats
    shared_truth: list[Floats] | None


def simulate_fleets(
    means: Means, scale: Scale, *, count: int, seed: int, shared: Shared | None = None
) -> Iterator[SimulatedFleet]:
    """Yields `count` fleets whose true means are like `means`, measured with their noise and numbers of runs.

    Every other fleet has the means themselves, drawn in by what is noise, as its truth; the others are drawn
    around those. `scale`: whose values the fleets are on. `shared`: of what each draws a true value for each
    group. `seed` makes the draws repeatable.
    """
    rng = np.random.default_rng([seed, 1])
    prior = Prior.after(means)
    run_roots = roots(means.covariance)
    for simulation in range(count):
        truth = prior.draw(rng) if simulation % 2 == 1 else prior.location
        measured = _measure(truth, means, run_roots, rng)
        replicates = _back(scale, measured.draw(rng, _REPLICATES))
        shared_truth = None if shared is None else _draw_shared(shared.values, rng)
        yield SimulatedFleet(_back(scale, truth), replicates, shared_truth)


@dataclass(frozen=True)
class Prior:
    """Where true means may be, on the working scale: normal around `location` (N, d), each as far as its
    `roots` (N, d, d) go; objectives that are the same `constant` (d,) in every run do not vary.
    """

    location: Floats
    roots: Floats
    constant: Floats

    @classmethod
    def after(cls, means: Means) -> Prior:
        """Normal around the means, drawn in by what is noise (empirical Bayes)."""
        spread = np.atleast_2d(np.cov(means.location.T)) - means.error.mean(axis=0)
        root = roots(spread[None])[0]
        between = root @ root.T
        centre = means.location.mean(axis=0)
        kept = between @ np.linalg.pinv(between + means.error)
        drawn_in = centre + np.einsum("nij,nj->ni", kept, means.location - centre)
        left = kept @ means.error
        constant = means.covariance.diagonal(axis1=1, axis2=2).max(axis=0) == 0.0
        return cls(
            np.where(constant, means.location, drawn_in), roots((left + left.swapaxes(1, 2)) / 2), constant
        )

    def draw(self, rng: np.random.Generator) -> Floats:
        """(N, d) true means."""
        normal = rng.standard_normal(self.location.shape)
        drawn = self.location + np.einsum("nij,nj->ni", self.roots, normal)
        return np.where(self.constant, self.location, drawn)


def _measure(truth: Floats, means: Means, run_roots: Floats, rng: np.random.Generator) -> Means:
    """What as many runs with the same noise (N, d, d), given by its roots, would say of these true means."""
    size, d = truth.shape
    noise = np.einsum("nij,nj->ni", run_roots, rng.standard_normal((size, d)))
    freedom = means.runs - 1
    normal = rng.standard_normal((size, int(freedom.max()), d))
    normal *= (np.arange(normal.shape[1]) < freedom[:, None])[..., None]
    residuals = normal @ run_roots.swapaxes(1, 2)
    covariance = residuals.swapaxes(1, 2) @ residuals / freedom[:, None, None]
    return fit(truth + noise / np.sqrt(means.runs)[:, None], covariance, means.runs, means.prior)


def _draw_shared(values: Sequence[object], rng: np.random.Generator) -> list[Floats]:
    """One of each group's values as the true one."""
    arrays = [np.asarray(v, dtype=np.float64) for v in values]
    return [array[[rng.integers(len(array))]] for array in arrays]


def _back(scale: Scale, values: Floats) -> Floats:
    """`scale.back`, where what is simulated stays a number, however wild the runs."""
    return scale.back(np.where(scale.logarithmic, np.clip(values, -_LOG_MOST, _LOG_MOST), values))
