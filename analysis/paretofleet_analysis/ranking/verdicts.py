"""From probabilities to verdicts, who is ahead of a row by its means, and groups of equivalents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto.deterministic import nondominated

FRONT, NEAR_FRONT, UNDECIDED, DOMINATED = "front", "near front", "undecided", "dominated"
#: The printed order of verdicts.
ORDER = (FRONT, NEAR_FRONT, UNDECIDED, DOMINATED)
#: A verdict is given when its probability reaches this, or its opposite falls to the rest.
SURE = 0.95
_CELLS = 2_000_000


def verdict(*, p_front: float, p_near_front: float) -> str:
    """The verdict on a row by its `p_front` and `p_near_front`; what neither settles is undecided.

    >>> verdict(p_front=0.97, p_near_front=1.0), verdict(p_front=0.4, p_near_front=0.99)
    ('front', 'near front')
    >>> verdict(p_front=0.0, p_near_front=0.02), verdict(p_front=0.1, p_near_front=0.5)
    ('dominated', 'undecided')
    """
    if p_front >= SURE:
        return FRONT
    if p_near_front >= SURE:
        return NEAR_FRONT
    return DOMINATED if p_near_front <= 1 - SURE + 1e-12 else UNDECIDED


def groups(means: np.ndarray, margins: Sequence[Margin]) -> list[tuple[int, ...]]:
    """Two or more rows of (N, d) `means`, numbered from 1, that are within the `margins` (d,) of each other.

    Being within a margin is not transitive, so a row joins the first group all of whose members it is close
    to.

    >>> groups(np.array([[1.0], [1.01], [2.0]]), [Margin(0.02)])
    [(1, 2)]
    """
    members: list[list[int]] = []
    shares = np.array([margin.value if margin.relative else 0.0 for margin in margins])
    amounts = np.array([0.0 if margin.relative else margin.value for margin in margins])
    reaches = means * (1 - shares) - amounts
    # The lowest and highest of each group's members. Reaches rise with values, so these two speak for all.
    lowest, highest, top = np.empty(means.T.shape), np.empty(means.T.shape), np.empty(means.T.shape)
    apart = int(np.argmax(means.std(axis=0) / np.maximum(means.mean(axis=0), 1e-300))) if len(means) else 0
    for i, row in enumerate(means):
        count = len(members)
        near = np.flatnonzero(
            (reaches[i, apart] <= lowest[apart, :count]) & (top[apart, :count] <= row[apart])
        )
        is_close = (reaches[i, :, None] <= lowest[:, near]) & (top[:, near] <= row[:, None])
        homes = near[is_close.all(axis=0)]
        home = int(homes[0]) if homes.size else count
        if home == count:
            members.append([])
            lowest[:, home], highest[:, home] = row, row
        members[home].append(i)
        lowest[:, home] = np.minimum(lowest[:, home], row)
        highest[:, home] = np.maximum(highest[:, home], row)
        top[:, home] = highest[:, home] * (1 - shares) - amounts
    return [tuple(i + 1 for i in group) for group in members if len(group) > 1]


def best_dominators(means: np.ndarray, maximize: Sequence[bool]) -> list[int | None]:
    """For each of the rows with (N, d) `means` who dominates it and is furthest ahead in all objectives.

    That row is always on the frontier of the means, so nobody else is looked at; None where nobody dominates.
    `maximize` (d,): whether more is better.
    """
    costs = np.log(means) * np.where(np.asarray(maximize), -1.0, 1.0)
    front = np.flatnonzero(nondominated(means, maximize=maximize))
    front = front[np.argsort(costs[front].sum(axis=1), kind="stable")]
    best: list[int | None] = [None] * len(means)
    step = max(1, _CELLS // (len(front) * costs.shape[1]))
    for a in range(0, len(means), step):
        part = costs[a : a + step, None]
        dominates = (costs[front] <= part).all(axis=2) & (costs[front] < part).any(axis=2)
        first = dominates.argmax(axis=1)
        for k in np.flatnonzero(dominates.any(axis=1)):
            best[a + k] = int(front[first[k]])
    return best
