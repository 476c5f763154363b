"""One number from accuracy, time and size: named scores with their weights, and what reverses their order.

In the spirit of Ari and Camli 2022 (doi 10.17671/gazibtd.976711), whose operational score could not be read:
these are three that are usual, and none is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Floats = np.ndarray
#: Scores closer than this are tied.
_TIED = 1e-12


@dataclass(frozen=True)
class Weights:
    """What accuracy, time and size count for; they add up to 1."""

    accuracy: float = 1 / 3
    time: float = 1 / 3
    size: float = 1 / 3

    def __post_init__(self) -> None:
        parts = (self.accuracy, self.time, self.size)
        if min(parts) < 0 or abs(sum(parts) - 1) > 1e-9:
            raise ValueError(f"the weights {parts} must be shares that add up to 1")

    def text(self) -> str:
        """The weights as a sentence has them.

        >>> Weights(0.5, 0.25, 0.25).text()
        'accuracy 0.5, time 0.25, size 0.25'
        """
        return f"accuracy {self.accuracy:.3g}, time {self.time:.3g}, size {self.size:.3g}"


@dataclass(frozen=True)
class Reversal:
    """Leaving out the unit `without` turns the order of the units `first` and `second`, all from 0."""

    without: int
    first: int
    second: int


def ratio(values: Floats, weights: Weights) -> Floats:
    """(N,) accuracy over time and size, each divided by the first unit's; the `weights` do not enter.

    `values` (N, 3): accuracy, time and size, positive. The order depends on no third unit.

    >>> ratio(np.array([[80.0, 2.0, 4.0], [80.0, 1.0, 4.0]]), Weights()).tolist()
    [1.0, 2.0]
    """
    del weights
    relative = values / values[0]
    return np.asarray(relative[:, 0] / (relative[:, 1] * relative[:, 2]))


def geometric(values: Floats, weights: Weights) -> Floats:
    """(N,) the product of accuracy, inverse time and inverse size to the power of their `weights`.

    `values` (N, 3) as for `ratio`, each divided by the first unit's. The order depends on no third unit.

    >>> geometric(np.array([[80.0, 2.0, 4.0], [80.0, 1.0, 4.0]]), Weights(0.0, 1.0, 0.0)).tolist()
    [1.0, 2.0]
    """
    relative = values / values[0]
    powers = np.array([weights.accuracy, -weights.time, -weights.size])
    return np.asarray(np.exp(np.log(relative) @ powers))


def arithmetic(values: Floats, weights: Weights) -> Floats:
    """(N,) the weighted mean of accuracy, time and size, each scaled from 0, the worst, to 1, the best here.

    `values` (N, 3) and `weights` as for `geometric`. It depends on the set: a unit more can turn the order of
    two others (`reversals`).

    >>> arithmetic(np.array([[80.0, 2.0, 4.0], [70.0, 1.0, 4.0]]), Weights(0.5, 0.25, 0.25)).tolist()
    [0.75, 0.5]
    """
    low, high = values.min(axis=0), values.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    best = np.column_stack([values[:, 0] - low[0], high[1] - values[:, 1], high[2] - values[:, 2]])
    scaled = np.where(high > low, best / span, 1.0)
    return np.asarray(scaled @ np.array([weights.accuracy, weights.time, weights.size]))


#: By name; those of `SET_DEPENDENT` may change when another model joins.
SCORES: Mapping[str, Callable[[Floats, Weights], Floats]] = {
    "geometric": geometric,
    "ratio": ratio,
    "arithmetic": arithmetic,
}
SET_DEPENDENT = ("arithmetic",)


def reversals(values: Floats, weights: Weights, *, score: str = "arithmetic") -> list[Reversal]:
    """Every two units whose order by `score` turns when a third one is left out; the first pair of each.

    `values` (N, 3) and `weights` as for the scores.

    >>> values = np.array([[80.0, 10.0, 1.0], [70.0, 1.0, 1.0], [79.0, 500.0, 1.0]])
    >>> reversals(values, Weights(0.4, 0.6, 0.0))
    [Reversal(without=2, first=0, second=1)]
    """
    turns = []
    whole = SCORES[score](values, weights)
    for without in range(len(values)):
        kept = np.delete(np.arange(len(values)), without)
        part = SCORES[score](values[kept], weights)
        before, after = whole[kept, None] - whole[kept], part[:, None] - part
        turned = np.argwhere((before > _TIED) & (after < -_TIED))
        if len(turned):
            first, second = kept[turned[0]].tolist()
            turns.append(Reversal(without, first, second))
    return turns
