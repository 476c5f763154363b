"""From probabilities to verdicts, who beats a row by its means, and groups of equivalents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import Absolute
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.pareto.margins import beaten_by

FRONT, UNDECIDED, BEATEN = "front", "undecided", "beaten"
#: The printed order of verdicts.
ORDER = (FRONT, UNDECIDED, BEATEN)
#: A verdict is given when its probability reaches this, or its opposite falls to the rest.
SURE = 0.95
_CELLS = 2_000_000


def verdict(p_front: float) -> str:
    """The verdict on a row by its `p_front`; what that does not settle is undecided.

    >>> verdict(0.97), verdict(0.5), verdict(0.02)
    ('front', 'undecided', 'beaten')
    """
    if p_front >= SURE:
        return FRONT
    return BEATEN if p_front <= 1 - SURE + 1e-12 else UNDECIDED


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
    reaches = means / (1 + shares) - amounts
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
        top[:, home] = highest[:, home] / (1 + shares) - amounts
    return [tuple(i + 1 for i in group) for group in members if len(group) > 1]


def best_rivals(means: np.ndarray, maximize: Sequence[bool], margins: Sequence[Margin]) -> list[int | None]:
    """For each of the rows with (N, d) `means` who beats it by the `margins` and has gained the most.

    That row is always on the Pareto frontier of the means, so nobody else is looked at; None where nobody
    beats it. `maximize` (d,): whether more is better.
    """
    costs, limits = means * np.where(np.asarray(maximize), -1.0, 1.0), tolerances(margins)
    front = np.flatnonzero(nondominated(means, maximize=maximize))
    best: list[int | None] = [None] * len(means)
    step = max(1, _CELLS // (len(front) * costs.shape[1]))
    for a in range(0, len(means), step):
        beats, gained = beaten_by(costs[a : a + step], costs[front], limits)
        first = np.where(beats, gained, -np.inf).argmax(axis=1)
        for k in np.flatnonzero(beats.any(axis=1)):
            best[a + k] = int(front[first[k]])
    return best


def tolerances(margins: Sequence[Margin]) -> list[float]:
    """The `margins` as the exact ranking takes them: shares, or `Absolute` amounts in an objective's unit."""
    return [margin.value if margin.relative else Absolute(margin.value) for margin in margins]
