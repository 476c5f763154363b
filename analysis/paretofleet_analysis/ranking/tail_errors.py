"""How probable a wrong verdict is where a calibrated probability says no more than "sure": tails of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto.margins import in_margins
from paretofleet_analysis.ranking.verdicts import tolerances
from paretofleet_analysis.special_functions import stdtr, stdtrit

#: A calibrated probability nearer to 0 or 1 than this says "sure"; its tail is looked for in pairs.
TAIL = 0.01
#: Degrees of freedom of the tails: few runs know their own spread badly, however it is moderated.
_FREEDOM = 6.0
#: Nothing is surer than this, whatever the tails say.
_LEAST = 1e-6
_CELLS = 1_000_000
#: What rounding may hide of a probability that bounds another.
_SLACK = 1.0 + 1e-6


def tail_errors(
    points: Sequence[np.ndarray], p_front: np.ndarray, maximize: Sequence[bool], margins: Sequence[Margin]
) -> np.ndarray:
    """(N,) how probable it is that the likelier verdict is wrong, of configurations with (m, d) replicates
    `points` of their means and calibrated `p_front`.

    A calibrated probability of a few hundred replicates says no more than "sure". Where it does, the error
    is bounded by pairs of means with Student's tails: a row is wrongly called beaten at most as probably as
    its surest rival does not beat it, and wrongly unbeaten at most as the rivals beat it, added up.
    `maximize` (d,), `margins` (d,).
    """
    errors = np.minimum(p_front, 1.0 - p_front)
    sure = np.flatnonzero(errors < TAIL)
    if len(sure) == 0 or len(points) < 2:
        return np.asarray(errors, dtype=np.float64)
    signs, limits = np.where(np.asarray(maximize), -1.0, 1.0), tolerances(margins)
    scaled = np.array([_in_margins(values * signs, limits) for values in points])
    rows = _Means(
        scaled.mean(axis=1),
        scaled.var(axis=1),
        np.array([*(1.0 if limit else 0.0 for limit in limits), 0.0]),
    )
    is_beaten = p_front[sure] < 0.5
    beaten, unbeaten = sure[is_beaten], sure[~is_beaten]
    errors[beaten] = np.clip(_not_beaten(rows, beaten, errors[beaten]), _LEAST, errors[beaten])
    errors[unbeaten] = np.clip(_beaten(rows, unbeaten), _LEAST, errors[unbeaten])
    return np.asarray(errors)


def _in_margins(costs: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """(m, d + 1) costs in margins, and their sum. An objective without a margin is counted in very small
    ones.
    """
    scaled = [in_margins(costs[:, k], limit or 1e-9) for k, limit in enumerate(limits)]
    return np.asarray(np.column_stack([*scaled, np.sum(scaled, axis=0)]))


@dataclass(frozen=True)
class _Means:
    """Means and variances (N, d + 1) of rows in margins, and the `edges` (d + 1,) that count as a margin."""

    means: np.ndarray
    variances: np.ndarray
    edges: np.ndarray

    def gaps(self, rows: np.ndarray, rivals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By how much `rows` are worse than `rivals`, and how far that reaches: (.., d + 1)."""
        reach = np.sqrt(self.variances[rows] + self.variances[rivals]) + 1e-300
        return self.means[rows] - self.means[rivals], reach

    def fails(self, gaps: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """(..) bounds of how probable it is that a rival does not beat a row.

        P(a gap is below -edge) and P(it is at most edge), of objectives; of the sum P(it is at most 0).
        """
        below = stdtr(_FREEDOM, (-self.edges - gaps) / reach)
        above = stdtr(_FREEDOM, (gaps - self.edges) / reach)[..., :-1]
        fails = below[..., :-1].sum(axis=-1) + (1.0 - above).min(axis=-1) + below[..., -1]
        return np.asarray(np.minimum(fails, 1.0))

    def needs(self, gaps: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """(..) bounds of how probable it is that a rival beats a row."""
        below = stdtr(_FREEDOM, (-self.edges - gaps) / reach)
        above = stdtr(_FREEDOM, (gaps - self.edges) / reach)
        return np.asarray(np.minimum((1.0 - below).min(axis=-1), above[..., :-1].sum(axis=-1)))


def _beaten(rows: _Means, members: np.ndarray) -> np.ndarray:
    """(k,) how probable it is at most that any other beats each of the `members` (k,)."""
    bound = np.zeros(len(members))
    every = np.arange(len(rows.means))
    step = max(1, _CELLS // len(every))
    for a in range(0, len(members), step):
        part = members[a : a + step]
        gained = rows.needs(*rows.gaps(part[:, None], every[None]))
        gained[np.arange(len(part)), part] = np.nan
        bound[a : a + step] = np.nansum(gained, axis=1)
    return bound


def _not_beaten(rows: _Means, members: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """(k,) how probable it is that the surest rival does not beat each of the `members` (k,); their `errors`
    (k,) where no rival is as sure.

    That a rival fails is at least as probable as that it is worse by more than the margin in any objective.
    So only those are looked at that are better by enough standard errors in all of them and in the sum.
    """
    sure = errors.copy()
    reach = np.sqrt(rows.variances[members] + rows.variances.min(axis=0))
    room = stdtrit(_FREEDOM, np.maximum(errors, _LEAST) * _SLACK)[:, None] * reach + rows.edges
    limits = rows.means[members] + room + 1e-9 * (1.0 + np.abs(rows.means[members]))
    by_sum = np.argsort(rows.means[:, -1], kind="stable")
    ordered = rows.means[by_sum]
    order, ends = np.argsort(limits[:, -1]), np.searchsorted(ordered[:, -1], limits[:, -1])
    step = max(1, _CELLS // len(ordered))
    for a in range(0, len(order), step):
        part = order[a : a + step]
        near = ordered[: ends[part].max(initial=0)]
        may = np.logical_and.reduce([near[:, k] < limits[part, None, k] for k in range(near.shape[1])])
        which, rivals = np.nonzero(may)
        _look(rows, (part[which], members, by_sum[rivals]), sure)
    return sure


def _look(rows: _Means, pairs: tuple[np.ndarray, np.ndarray, np.ndarray], sure: np.ndarray) -> None:
    """Lowers `sure` (k,) to what `pairs` say: places in the members, the members (k,), rivals. Ordered."""
    places, members, rivals = pairs
    is_other = members[places] != rivals
    places, rivals = places[is_other], rivals[is_other]
    for a in range(0, len(places), _CELLS):
        at, rival = places[a : a + _CELLS], rivals[a : a + _CELLS]
        gaps, reach = rows.gaps(members[at], rival)
        least = ((-rows.edges - gaps) / reach).max(axis=1)
        first = np.lexsort((least, at))
        first = first[np.flatnonzero(np.diff(at[first], prepend=-1))]
        sure[at[first]] = np.minimum(sure[at[first]], rows.fails(gaps[first], reach[first]))
        limits = stdtrit(_FREEDOM, np.maximum(sure, _LEAST) * _SLACK)
        open_ = np.flatnonzero((least <= limits[at]) & (sure[at] > _LEAST))
        np.minimum.at(sure, at[open_], rows.fails(gaps[open_], reach[open_]))
