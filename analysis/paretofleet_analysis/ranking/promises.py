"""Which verdicts may be given so that a promise holds: of each, of all of them at once, or of their wrong
share.
"""

from __future__ import annotations

import numpy as np

from paretofleet_analysis.ranking.verdicts import SURE, UNDECIDED, verdict

#: What "all" and "share" allow: that any verdict is wrong, and the expected share of wrong ones.
ANY_WRONG, WRONG_SHARE = 0.10, 0.05
#: What "share" plans with: where few runs are very noisy the middle of the probabilities is too sure, so that
#: 5 to 14 % of what was planned with 5 % were wrong; half of it left 2.1 to 2.8 %.
_PLANNED_SHARE = WRONG_SHARE / 2


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
