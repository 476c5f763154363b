"""What the fleet as a whole reaches: the attainment function and the expected hypervolume, without drawing
fleets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .fleet import Fleet
from .indexed_fleet import IndexedFleet
from .kernel import engine
from .kernel.query import batch_by_neighbourhood
from .samples import Floats, Samples
from .validation import check_directions, check_seed, check_threads, check_whole


@dataclass(frozen=True)
class IntegralEstimate:
    """A number and the standard error of computing it."""

    value: float
    error: float


def attainment(
    samples: Samples, *, maximize: Sequence[bool], targets: npt.ArrayLike, threads: int = 1
) -> Floats:
    """(T,): the probability that some configuration is at least as good as each of `targets` (T, d) in every
    objective. `samples`, `maximize`, `threads` and errors as for `front_probability`. Source: Grunert da
    Fonseca, Fonseca, Hall 2001, the attainment function.

    >>> attainment([[[1.0], [2.0]], [[2.0]]], maximize=[False], targets=[[0.5], [1.0], [2.0]]).tolist()
    [0.0, 0.5, 1.0]
    """
    fleet = Fleet.from_samples(samples, maximize)
    goals = _as_costs(targets, maximize, fleet, "targets")
    return _attained(IndexedFleet.of(fleet), goals, check_threads(threads))


def expected_hypervolume(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    reference: Sequence[float],
    points: int = 4096,
    seed: int = 0,
    threads: int = 1,
) -> IntegralEstimate:
    """The expected volume between the frontier and `reference` (d,), in the product of the objectives' units.

    The attainment probability is exact; its integral is taken at `points` scrambled Sobol points in 8
    independent scrambles, whose spread is the `error`; `seed` makes it repeatable. `samples`, `maximize`,
    `threads` and errors as for `front_probability`; ValueError too for a volume that is no number. Source:
    the hypervolume of Zitzler and Thiele 1998.

    >>> expected_hypervolume([[[1.0], [2.0]], [[2.0]]], maximize=[False], reference=[3.0]).value
    1.5
    """
    # scipy.stats takes longer to load than a small ranking takes, and nothing else here needs it
    from scipy.stats import qmc

    points = check_whole("points", points, 16, "how many points the integral takes")
    check_seed(seed)
    check_threads(threads)
    fleet = Fleet.from_samples(samples, maximize)
    corner = _as_costs([reference], maximize, fleet, "reference")[0]
    best = fleet.costs.min(axis=0)
    with np.errstate(over="ignore"):
        sides = corner - best
    if (sides <= 0).any():
        return IntegralEstimate(0.0, 0.0)
    volume = _volume(fleet, corner, sides)
    indexed = IndexedFleet.of(fleet)
    scrambles = 8
    per_scramble = max(1, int(np.log2(points / scrambles)))
    means = []
    for child in np.random.SeedSequence(seed).spawn(scrambles):
        sobol = qmc.Sobol(len(best), rng=np.random.default_rng(child))
        unit = sobol.random_base2(per_scramble)
        means.append(_attained(indexed, best + unit * sides, threads).mean())
    return IntegralEstimate(
        volume * float(np.mean(means)), volume * float(np.std(means, ddof=1)) / scrambles**0.5
    )


def _volume(fleet: Fleet, corner: Floats, sides: Floats) -> float:
    """The volume of the box; ValueError naming the configuration and the objective that make it too large or
    too small.
    """
    with np.errstate(over="ignore", under="ignore"):
        volume = float(np.prod(sides))
    if 0.0 < volume < np.inf and np.isfinite(sides).all():
        return volume
    large = volume > 0.0
    objective = int((np.argmax if large else np.argmin)(sides))
    configuration = int(fleet.owner[fleet.costs[:, objective].argmin()])
    raise ValueError(
        f"the box between configuration {configuration} and the reference {abs(corner[objective]):g} in "
        f"objective {objective} is too {'large' if large else 'small'} to compute with; give other units"
    )


def _attained(indexed: IndexedFleet, costs: Floats, threads: int) -> Floats:
    """(T,) the attainment probabilities of targets with these costs (T, d)."""
    points, order = batch_by_neighbourhood(indexed.ranks.at_most(costs))
    out = np.empty(len(costs))
    out[order] = 1.0 - engine.engine().products(indexed.index, points, 1, threads)[:, 0]
    return out


def _as_costs(points: npt.ArrayLike, maximize: Sequence[bool], fleet: Fleet, name: str) -> Floats:
    """(T, d) costs of points (T, d) given in the units of the samples."""
    try:
        rows = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no table of numbers: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != fleet.dimensions:
        raise ValueError(
            f"{name} has shape {rows.shape}; give one value for each of the {fleet.dimensions} objectives"
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} holds {rows[~np.isfinite(rows)][0]}, not a finite number")
    costs = rows.copy()
    costs[:, check_directions(maximize, fleet.dimensions)] *= -1.0
    return costs + 0.0
