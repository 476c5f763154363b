"""Statements about a fleet that its trials can support or refute, each with an interval.

All costs are as in `fronts`: error in percent, logarithms to base 10 of times and energies. Intervals hold
95 % of what normal draws of the measurements with their standard errors give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from paretofleet_analysis.pareto.deterministic import nondominated

from .fronts import hypervolume, is_near
from .space import Flags, Floats

Verdict = Literal["holds", "does not", "undecided"]
_DRAWS = 200
#: Fronts are alike when so many of their members are near both.
_ALIKE = 0.9
#: A statement that fronts differ has to be this improbable of one device measured twice.
_CHANCE = 0.02
#: A network this many times slower than the best is slow.
_SLOW = 1.05
_ENDS = (2.5, 97.5)


@dataclass(frozen=True)
class Statement:
    """A sentence about a fleet, its `verdict`, and the figure behind it with a 95 % interval from `lo` to
    `hi`; `of` says what the figure is.
    """

    sentence: str
    verdict: Verdict
    of: str
    value: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Measured:
    """The same n members on a device called `name`: `costs` (n, d) and their standard `errors` (n, d).
    Column 0 is the error, which devices have in common.
    """

    name: str
    costs: Floats
    errors: Floats


def fronts_differ(first: Measured, second: Measured, margins: Floats, *, seed: int = 1) -> Statement:
    """Whether the front on `first` is not that on `second`; the same costs in both, `margins` (d,) in their
    units, draws from `seed`.

    The figure is the share of the members of each front, as measured, that are near the other (`is_near`).
    What it would be for one device measured twice is simulated around the mean of both, with each one's
    noise; only what is improbable there is a difference. Draws add noise to noise, which makes fronts less
    alike: the interval leans down.
    """
    random = np.random.default_rng(seed)
    value = _agreement(first.costs, second.costs, margins)
    middle = _shared_costs(first, second)
    # accuracy is measured once for both, so that it scatters in neither
    ours, theirs = (np.where(np.arange(len(margins)) == 0, 0.0, m.errors) for m in (first, second))
    again, alike = [], []
    for _ in range(_DRAWS):
        again.append(
            _agreement(_drawn(first.costs, ours, random), _drawn(second.costs, theirs, random), margins)
        )
        alike.append(_agreement(_drawn(middle, ours, random), _drawn(middle, theirs, random), margins))
    lo, hi = (float(end) for end in np.percentile(again, _ENDS))
    verdict: Verdict = "undecided"
    if float(np.mean(np.array(alike) <= value)) < _CHANCE:
        verdict = "holds"
    elif lo >= _ALIKE:
        verdict = "does not"
    sentence = f"the front on {first.name} is not that on {second.name}"
    return Statement(sentence, verdict, "share of either front that is near the other", value, lo, hi)


def best_is_slow(first: Measured, second: Measured, column: int, *, seed: int = 1) -> Statement:
    """Whether the network that is best in a `column` on `first` takes more than 1.05 times the best's on
    `second`; draws from `seed`.
    """
    random = np.random.default_rng(seed)
    value = _ratio(first.costs[:, column], second.costs[:, column])
    again = [
        _ratio(*(_drawn(each.costs[:, column], each.errors[:, column], random) for each in (first, second)))
        for _ in range(_DRAWS)
    ]
    lo, hi = (float(end) for end in np.percentile(again, _ENDS))
    sentence = f"the best network on {first.name} is slow on {second.name}"
    return Statement(sentence, _above(_SLOW, lo, hi), "times the best network's", value, lo, hi)


def reaches_more(first: Measured, second: Measured, *, seed: int = 1) -> Statement:
    """Whether the members of `first`, such as those a search chose, reach more hypervolume than those of
    `second`, such as as many at random or hand-made ones; draws from `seed`.

    The figure is the gain as a share of what both reach, scaled by their common front.
    """
    random = np.random.default_rng(seed)
    value = _gain(first.costs, second.costs)
    again = [
        _gain(*(_drawn(each.costs, each.errors, random) for each in (first, second))) for _ in range(_DRAWS)
    ]
    lo, hi = (float(end) for end in np.percentile(again, _ENDS))
    sentence = f"{first.name} reaches more than {second.name}"
    return Statement(sentence, _above(0.0, lo, hi), "more hypervolume, of what both reach", value, lo, hi)


def _above(limit: float, lo: float, hi: float) -> Verdict:
    if lo > limit:
        return "holds"
    return "does not" if hi <= limit else "undecided"


def _drawn(costs: Floats, errors: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(costs + errors * random.standard_normal(costs.shape))


def _front(costs: Floats) -> Flags:
    return nondominated(costs, maximize=[False] * costs.shape[1])


def _agreement(first: Floats, second: Floats, margins: Floats) -> float:
    """The share of the members of the fronts of costs (n, d) that are near the other front, both ways."""
    ours, theirs = _front(first), _front(second)
    shares = (
        is_near(second[ours], second[theirs], margins).mean(),
        is_near(first[theirs], first[ours], margins).mean(),
    )
    return float(np.mean(shares))


def _shared_costs(first: Measured, second: Measured) -> Floats:
    """(n, d) costs as if both were one device: weighted means, after what lies between them everywhere."""
    shift = np.median(second.costs - first.costs, axis=0)
    weights = np.where(first.errors + second.errors > 0.0, second.errors**2, 1.0)
    others = np.where(first.errors + second.errors > 0.0, first.errors**2, 1.0)
    return np.asarray((first.costs * weights + (second.costs - shift) * others) / (weights + others))


def _ratio(first: Floats, second: Floats) -> float:
    """How many times the best of `second` the best of `first` takes there."""
    return float(10.0 ** (second[int(np.argmin(first))] - second.min()))


def _gain(first: Floats, second: Floats) -> float:
    """By how much `first` fills more than `second`, of what both fill, on the scale of their common front."""
    both = np.concatenate([first, second])
    front = both[_front(both)]
    ideal, span = front.min(axis=0), np.ptp(front, axis=0)
    span = np.where(span > 0.0, span, 1.0)
    reference = np.full(both.shape[1], 1.1)
    volumes = [hypervolume((each - ideal) / span, reference) for each in (first, second, both)]
    return (volumes[0] - volumes[1]) / volumes[2]
