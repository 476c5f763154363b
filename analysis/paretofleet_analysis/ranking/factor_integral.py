"""Probabilities integrated over what is unknown but common to the configurations of a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paretofleet_analysis.ranking.common_factors import Factors
from paretofleet_analysis.ranking.front_query import FrontProbabilities, FrontQuery, exact_front

#: Replicates of each mean that each point of the quadrature looks at.
REPLICATES = 200
#: Configurations up to which all draws of a half are asked in one pass; more are faster one by one.
_STACKED_SIZE_MAX = 10


def integrate_over_factors(
    points: Sequence[np.ndarray], query: FrontQuery, factors: Factors
) -> tuple[FrontProbabilities, float]:
    """The mean of `exact_front` of (m_i, d) `points` over the `factors`, for the objectives of `query`.

    Also the error of the quadrature: half the largest difference between its two halves.
    """
    kept = _may_matter(points, query, factors)
    first = [points[int(i)][:REPLICATES] for i in kept]
    of_kept = query.subset(kept)
    halves = []
    for half in factors.draws(len(points)):
        moved = [[_moved(x, factor) for x, factor in zip(first, draw[kept], strict=True)] for draw in half]
        halves.append(_mean_front(moved, of_kept))
    front, pareto = np.zeros(len(points)), np.zeros(len(points))
    front[kept], pareto[kept] = np.mean(halves, axis=0)
    error = float(np.abs(halves[0] - halves[1]).max(initial=0.0) / 2)
    return FrontProbabilities(front, pareto), error


def _moved(values: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """(m, d + l) values with the objectives times a factor (d,); limits are of the device as it was
    measured.
    """
    d = len(factor)
    return values * factor if values.shape[1] == d else np.hstack([values[:, :d] * factor, values[:, d:]])


def _mean_front(draws: Sequence[Sequence[np.ndarray]], query: FrontQuery) -> np.ndarray:
    """(2, N): the means over draws of the probabilities that nobody beats, and that nobody dominates.

    A few configurations are asked in one pass, because calls of the kernel would take most of their time.
    """
    size = len(draws[0])
    if size > _STACKED_SIZE_MAX:
        answers = [exact_front(points, query) for points in draws]
        return np.asarray(np.mean([(answer.front, answer.pareto) for answer in answers], axis=0))
    stacked = query.subset(np.tile(np.arange(size), len(draws)))
    fleets = np.repeat(np.arange(len(draws)), size)
    answer = exact_front([x for points in draws for x in points], stacked, fleets=fleets)
    shape = (len(draws), size)
    return np.array([answer.front.reshape(shape).mean(axis=0), answer.pareto.reshape(shape).mean(axis=0)])


def _may_matter(points: Sequence[np.ndarray], query: FrontQuery, factors: Factors) -> np.ndarray:
    """Who is not both surely beaten and surely dominated on its own device, where all factors are common.

    The first settles such a row; the second says that whomever it beats, another beats, too.
    """
    moved = np.any([np.abs(loading).max(axis=0) > 0 for loading in factors.loadings], axis=0)
    if query.shared is not None or any(
        is_moved and not margin.relative for is_moved, margin in zip(moved, query.margins, strict=True)
    ):
        return np.arange(len(points))
    matters = np.zeros(len(points), dtype=bool)
    for device in np.unique(factors.device):
        members = np.flatnonzero(factors.device == device)
        answer = exact_front([points[int(i)] for i in members], replace(query, factors=None))
        matters[members] = (answer.front > 0) | (answer.pareto > 0)
    return np.flatnonzero(matters)
