"""Which unit comes before which, where an efficiency is no number but a law: stochastic orders.

First order: a unit's score exceeds each level at least as often as the other's. Second order: its worst
scores, averaged over any share of them, are no worse. Both leave pairs open, which a mean would not. In the
spirit of Davtalab-Olyaie, Asgharian, Partovi Nia 2019, known here by its abstract: the ranking by survival
functions and their weighted integral is theirs, how doubt about the runs enters is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Floats = np.ndarray
#: The share of draws at which two laws are held against each other: deciles, and halves of their outer ones.
LEVELS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])


@dataclass(frozen=True)
class ScoreOrders:
    """(N, N) each: the probability that the row's unit comes before the column's in that order.

    What is missing to 1 in both directions together is the probability that the pair is not comparable.
    """

    first: Floats
    second: Floats


def order_probabilities(scores: Floats) -> ScoreOrders:
    """The stochastic orders of N units.

    `scores` (R, M, N): M draws of the units' scores, larger is better, under each of R replicates of what the
    runs say of the units. Two laws are compared at `LEVELS`, which at 5 and 95 % leave out the tails that M
    draws cannot tell: on them every two normals of unlike spread would cross. ValueError for other shapes,
    values that are not finite and M below 20.

    >>> draws = np.linspace(0.0, 0.1, 20)
    >>> order_probabilities(np.stack([draws + 0.5, draws], axis=1)[None]).first.tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    values = _checked(scores)
    laws = np.quantile(values, LEVELS, axis=1)
    ranked = np.sort(values, axis=1)
    worst = np.cumsum(ranked, axis=1) / np.arange(1, ranked.shape[1] + 1)[None, :, None]
    at = np.ceil(LEVELS * ranked.shape[1]).astype(int) - 1
    tails = np.concatenate([worst[:, at], worst[:, -1:]], axis=1)
    return ScoreOrders(_before(np.moveaxis(laws, 0, 1)), _before(tails))


def survival_score(scores: Floats, weights: Sequence[float] | None = None) -> Floats:
    """(R, N): the integral of each unit's survival function over the scores, by which all can be ordered.

    `scores` (R, M, N) as for `order_probabilities`. `weights` (M,), which add up to 1, are those of the
    draws from the worst to the best: equal ones (the default) give the mean, all on the middle the
    median. ValueError for other weights.

    >>> survival_score(np.array([[[0.2], [0.4]]])).round(3).tolist(), survival_score(
    ...     np.array([[[0.2], [0.4]]]), [1.0, 0.0]).tolist()
    ([[0.3]], [[0.2]])
    """
    values = np.sort(np.asarray(scores, dtype=np.float64), axis=1)
    if weights is None:
        return np.asarray(values.mean(axis=1))
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (values.shape[1],) or (shares < 0).any() or abs(shares.sum() - 1.0) > 1e-9:
        raise ValueError(f"weights must be {values.shape[1]} shares that add up to 1")
    return np.asarray(np.einsum("rmn,m->rn", values, shares))


def _before(laws: Floats) -> Floats:
    """(N, N) the share of R replicates in which the row's law (R, L, N) is nowhere below and once above."""
    count = laws.shape[2]
    out = np.zeros((count, count))
    for i in range(count):
        apart = laws[:, :, i : i + 1] - laws
        out[i] = ((apart >= 0).all(axis=1) & (apart > 0).any(axis=1)).mean(axis=0)
    return out


def _checked(scores: Floats) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] < 20:
        raise ValueError(
            f"scores have the shape {values.shape}; give (replicates, draws of 20 or more, units)"
        )
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    return values
