"""What the fleet as a whole reaches: the attainment function and the expected hypervolume, without drawing
fleets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats.qmc

from . import kernel
from .coding import Ranks
from .index import Index, build
from .query import by_neighbourhood
from .samples import Fleet, Floats, Samples, check_directions, pack


@dataclass(frozen=True)
class Estimate:
    """A number and the standard error of computing it."""

    value: float
    error: float


def attainment(
    samples: Samples, *, maximize: Sequence[bool], targets: npt.ArrayLike, threads: int = 1
) -> Floats:
    """(T,): the probability that some configuration is at least as good as each target (T, d) in every
    objective.
    """
    fleet = pack(samples, maximize)
    goals = _as_costs(targets, maximize, fleet, "targets")
    return _Attained(fleet, threads).probability(goals)


def expected_hypervolume(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    reference: Sequence[float],
    points: int = 4096,
    seed: int = 0,
    threads: int = 1,
) -> Estimate:
    """The expected volume between the frontier and `reference` (d,), in the product of the objectives' units.

    The attainment probability is exact; its integral is taken at `points` scrambled Sobol points in 8
    independent scrambles, whose spread is the `error`.
    """
    if points < 16:
        raise ValueError(f"points is {points}; give at least 16")
    fleet = pack(samples, maximize)
    corner = _as_costs([reference], maximize, fleet, "reference")[0]
    best = fleet.costs.min(axis=0)
    sides = corner - best
    if (sides <= 0).any():
        return Estimate(0.0, 0.0)
    attained = _Attained(fleet, threads)
    scrambles = 8
    per_scramble = max(1, int(np.log2(points / scrambles)))
    means = []
    for child in np.random.SeedSequence(seed).spawn(scrambles):
        sobol = scipy.stats.qmc.Sobol(len(best), rng=np.random.default_rng(child))
        unit = sobol.random_base2(per_scramble)
        means.append(attained.probability(best + unit * sides).mean())
    volume = float(np.prod(sides))
    return Estimate(volume * float(np.mean(means)), volume * float(np.std(means, ddof=1)) / scrambles**0.5)


class _Attained:
    def __init__(self, fleet: Fleet, threads: int) -> None:
        self._ranks = Ranks(fleet.costs)
        self._index: Index = build(self._ranks.codes, fleet.owner, fleet.runs)
        self._threads = threads

    def probability(self, costs: Floats) -> Floats:
        """(T,) for targets (T, d)."""
        points, order = by_neighbourhood(self._ranks.at_most(costs))
        out = np.empty(len(costs))
        out[order] = 1.0 - kernel.engine().products(self._index, points, 1, self._threads)[:, 0]
        return out


def _as_costs(points: npt.ArrayLike, maximize: Sequence[bool], fleet: Fleet, what: str) -> Floats:
    """(T, d) costs of points (T, d) given in the units of the samples."""
    rows = np.asarray(points, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != fleet.dimensions:
        raise ValueError(
            f"{what} has shape {rows.shape}; give one value for each of the {fleet.dimensions} objectives"
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"{what} holds {rows[~np.isfinite(rows)][0]}, not a finite number")
    costs = rows.copy()
    costs[:, check_directions(maximize, fleet.dimensions)] *= -1.0
    return costs + 0.0
