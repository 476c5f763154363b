"""Fronts of trials: how much of a true front a search has reached, and who is on the front as measured.

All values are costs, less is better: error in percent, logarithms of time and of energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.pareto import Absolute, front_probability
from paretofleet_analysis.pareto.deterministic import nondominated

from .space import Flags, Floats

#: The reference point lies so far from the ideal, counted in distances from the ideal to the nadir.
REACH = 1.1
_DRAWS = 200
#: A member measured anew is confirmed where nobody beats it so probably.
_SURE = 0.8


@dataclass(frozen=True)
class FrontScale:
    """How a true front counts hypervolume: `ideal` and `span` (d,), best and best to worst of its members in
    each objective; the `reference` point (d,) in spans from the ideal; `volume`, what the front fills.
    """

    ideal: Floats
    span: Floats
    reference: Floats
    volume: float


def front_scale(costs: Floats, reference: Sequence[float | None]) -> FrontScale:
    """The scale of the true front of the `costs` (n, d) of all members.

    Ideal and nadir are the front's best and worst in each objective, the reference is ideal + 1.1 (nadir -
    ideal), or what `reference` (d,) gives in an objective's unit. Members beyond a given reference are not
    on the front. An objective in which the front has one value counts in its own unit.
    Raises SearchError where no member is within the reference.
    """
    given = np.array([np.inf if each is None else each for each in reference])
    inside = costs[np.isfinite(costs).all(axis=1) & (costs <= given).all(axis=1)]
    if not len(inside):
        raise SearchError(f"no member is within the reference point{_beyond(costs, given)}: give a worse one")
    front = inside[nondominated(inside, maximize=[False] * costs.shape[1])]
    ideal, nadir = front.min(axis=0), front.max(axis=0)
    span = np.where(nadir > ideal, nadir - ideal, 1.0)
    scaled = np.where(np.isfinite(given), (given - ideal) / span, REACH)
    return FrontScale(ideal, span, scaled, hypervolume((front - ideal) / span, scaled))


def _beyond(costs: Floats, reference: Floats) -> str:
    """By how much the best of the `costs` (n, d) is beyond the `reference` (d,), in words, where that alone
    keeps all out.
    """
    finite = costs[np.isfinite(costs).all(axis=1)]
    if not len(finite):
        return ", as none has costs"
    best = finite.min(axis=0)
    beyond = [
        f"objective {k + 1} is {best[k]:.4g} at best, {best[k] - reference[k]:.4g} beyond it"
        for k in np.flatnonzero(best > reference)
    ]
    return f" ({'; '.join(beyond)})" if beyond else ""


def share_of_front(costs: Floats, scale: FrontScale) -> float:
    """The hypervolume of `costs` (n, d), true values of what was evaluated, over that of the true front of
    the `scale`. Source: Zitzler, Thiele 1998.
    """
    finite = costs[np.isfinite(costs).all(axis=1)]
    return hypervolume((finite - scale.ideal) / scale.span, scale.reference) / scale.volume


def hypervolume(costs: Floats, reference: Floats) -> float:
    """The volume between `costs` (n, d) and the `reference` point (d,), exactly; beyond it there is none.

    >>> hypervolume(np.array([[0.0, 0.5], [0.5, 0.0], [3.0, -1.0]]), np.array([1.0, 1.0]))
    0.75
    """
    inside = costs[(costs < reference).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0


def is_near(costs: Floats, front: Floats, margins: Floats) -> Flags:
    """(n,) whether each of the `costs` (n, d) is near a `front` (f, d): none of its members is better by more
    than the margin of `margins` (d,) in every objective.

    >>> is_near(np.array([[1.0, 1.1], [1.2, 1.2]]), np.array([[1.0, 1.0]]), np.array([0.1, 0.1])).tolist()
    [True, False]
    """
    is_better: Flags = np.all(front[None] < costs[:, None] - margins, axis=2)
    return np.asarray(~np.any(is_better, axis=1))


def front_of_trials(
    costs: Floats, errors: Floats, margins: Sequence[float], *, seed: int
) -> tuple[Flags, Floats]:
    """Who is on the front of the measured `costs` (n, d): as they stand, (n,) booleans, and `p_front`, (n,)
    the probability that nobody beats it by the `margins` (d,), in the units of the costs.

    `errors` (n, d): standard errors of the costs; normal draws of them with this `seed` are asked of the
    exact kernel. Values that were selected owe something to luck, which the probability does not know.
    """
    if not len(costs):
        return np.zeros(0, dtype=np.bool_), np.zeros(0)
    normal = np.random.default_rng(seed).standard_normal((len(costs), _DRAWS, costs.shape[1]))
    draws = costs[:, None] + errors[:, None] * normal
    directions = [False] * costs.shape[1]
    p_front = front_probability(list(draws), maximize=directions, margin=[Absolute(m) for m in margins])
    return nondominated(costs, maximize=directions), p_front


def confirmed_front(
    costs: Floats, errors: Floats, margins: Sequence[float], *, seed: int
) -> tuple[Flags, Floats]:
    """Which of the members of a front are confirmed by `costs` (n, d) measured anew with standard `errors`
    (n, d), (n,) booleans, and their `p_front` (n,), as in `front_of_trials` with its `seed`.

    Confirmed is what nobody beats by the `margins` (d,) with a probability of at least 0.8. As the costs
    are of new measurements, they owe nothing to the luck by which the members were selected.
    """
    _, p_front = front_of_trials(costs, errors, margins, seed=seed)
    return np.asarray(p_front >= _SURE), p_front
