"""Which verdicts may be given so that a promise holds: of each, of all of them at once, or of their wrong
share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto.margins import in_margins
from paretofleet_analysis.ranking.verdicts import SURE, UNDECIDED, tolerances, verdict
from paretofleet_analysis.special_functions import stdtr

#: What "all" and "share" allow: that any verdict is wrong, and the expected share of wrong ones.
ANY_WRONG, WRONG_SHARE = 0.10, 0.05
#: What "share" plans with: where few runs are very noisy the middle of the probabilities is too sure, so that
#: 5 to 14 % of what was planned with 5 % were wrong; half of it left 2.1 to 2.8 %.
_PLANNED_SHARE = WRONG_SHARE / 2
#: A calibrated probability nearer to 0 or 1 than this says "sure"; its tail is looked for in pairs.
TAIL = 0.01
#: Degrees of freedom of the tails: few runs know their own spread badly, however it is moderated.
_FREEDOM = 6.0
#: Nothing is surer than this, whatever the tails say.
_LEAST = 1e-6
_CELLS = 1_000_000


def jointly_sure(errors: np.ndarray) -> np.ndarray:
    """(N,) whether a verdict may be given so that all that are given are right at once with at least 90 %.

    `errors` (N,): how probable it is that each verdict is wrong. The surest are taken, as long as their
    errors add up to no more than 10 %: whatever they have to do with one another, the probability that any
    is wrong is at most that sum (Boole's inequality, as Bonferroni's intervals use it).

    >>> jointly_sure(np.array([0.04, 0.001, 0.07, 0.3])).tolist()
    [True, True, False, False]
    """
    order = np.argsort(errors, kind="stable")
    given = np.zeros(len(errors), dtype=bool)
    given[order] = np.cumsum(errors[order]) <= ANY_WRONG
    return given


def mostly_right(errors: np.ndarray) -> np.ndarray:
    """(N,) whether a verdict may be given so that of those given at most 5 % are expected to be wrong.

    `errors` (N,): how probable it is that each verdict is wrong. The surest are taken, as long as the mean
    of their errors, the Bayesian false discovery rate (Newton, Noueiry, Sarkar, Ahlquist 2004), is at most
    2.5 %: probabilities in the middle are known half as well as they look.

    >>> mostly_right(np.array([0.001, 0.09, 0.03, 0.4])).tolist()
    [True, False, True, False]
    """
    order = np.argsort(errors, kind="stable")
    given = np.zeros(len(errors), dtype=bool)
    means = np.cumsum(errors[order]) / np.arange(1, len(errors) + 1)
    given[order] = (means <= _PLANNED_SHARE) & (errors[order] < 0.5)
    return given


def promised_verdicts(p_front: np.ndarray, errors: np.ndarray, promise: str) -> list[str]:
    """(N,) the verdicts of rows of `p_front` and `errors` (N,) under a `promise`: each, all or share."""
    if promise == "each":
        return [verdict(p) for p in p_front.tolist()]
    given = jointly_sure(errors) if promise == "all" else mostly_right(errors)
    likelier = np.where(p_front > 0.5, SURE, 1.0 - SURE)
    return [verdict(p) if is_given else UNDECIDED for p, is_given in zip(likelier, given, strict=True)]


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
    means, spreads = scaled.mean(axis=1), scaled.var(axis=1)
    edges = np.array([*(1.0 if limit else 0.0 for limit in limits), 0.0])
    step = max(1, _CELLS // len(points))
    for a in range(0, len(sure), step):
        part = sure[a : a + step]
        lost, gained = _pair_tails((means, spreads), part, edges)
        lost[np.arange(len(part)), part] = gained[np.arange(len(part)), part] = np.nan
        beaten = np.nanmin(lost, axis=1)
        bound = np.where(p_front[part] < 0.5, beaten, np.nansum(gained, axis=1))
        errors[part] = np.clip(bound, _LEAST, errors[part])
    return np.asarray(errors)


def _in_margins(costs: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """(m, d + 1) costs in margins, and their sum. An objective without a margin is counted in very small
    ones.
    """
    scaled = [in_margins(costs[:, k], limit or 1e-9) for k, limit in enumerate(limits)]
    return np.asarray(np.column_stack([*scaled, np.sum(scaled, axis=0)]))


def _pair_tails(
    moments: tuple[np.ndarray, np.ndarray], part: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(p, N): bounds of how probable it is that each rival does not beat each row of `part`, and that it
    does.
    """
    means, spreads = moments
    gaps = means[part, None] - means[None]
    reach = np.sqrt(spreads[part, None] + spreads[None]) + 1e-300
    # P(a gap is below -edge) and P(it is above edge), of objectives; of the sum P(it is at most 0), and above
    below = stdtr(_FREEDOM, (-edges - gaps) / reach)
    above = stdtr(_FREEDOM, (gaps - edges) / reach)
    fails = below[..., :-1].sum(axis=2) + (1.0 - above[..., :-1]).min(axis=2) + below[..., -1]
    needs = np.minimum((1.0 - below).min(axis=2), above[..., :-1].sum(axis=2))
    return np.asarray(np.minimum(fails, 1.0)), np.asarray(needs)
