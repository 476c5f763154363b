"""Margins: what is no worse, what is better, and whether a gain outweighs a loss.

j *beats* i when nothing is worse by more than its margin, something is better by more than its margin, and
what is gained outweighs what is lost, each counted in margins. A relative margin is one on the log scale.
Where the margin is 0, any loss forbids and any gain outweighs. Whoever beats lowers a sum (`Sums`), so
there is no cycle, and somebody is always unbeaten; without margins it is Pareto dominance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .kernel.index import Sums
from .kernel.rank_codes import Codes, RankCodes
from .samples import Flags, Floats
from .validation import Absolute

#: Bounds of what is added up: the least positive number, and what sums of a few remain numbers below.
_LEAST, _MOST = 5e-324, 1e300
#: What rounding may do to a sum of gains, as a share of it.
_ROUNDING = 1e-9


def loosest(costs: Floats, margin: float) -> Floats:
    """(n,) of each of the `costs` (n,) of an objective what is worse by exactly the `margin`."""
    if isinstance(margin, Absolute):
        return costs + float(margin)
    return np.asarray(np.where(costs > 0.0, costs * (1.0 + margin), costs / (1.0 + margin)))


def tightest(costs: Floats, margin: float) -> Floats:
    """(n,) of each of the `costs` (n,) what is better by exactly the `margin`."""
    if isinstance(margin, Absolute):
        return costs - float(margin)
    return np.asarray(np.where(costs > 0.0, costs / (1.0 + margin), costs * (1.0 + margin)))


def in_margins(costs: Floats, margin: float) -> Floats:
    """(n,) the `costs` (n,) of an objective on a scale whose unit is the `margin`, which is not 0.

    Relative ones are logarithms, counted from the least positive number so that 0 and values below it have
    their place, too.
    """
    if isinstance(margin, Absolute):
        with np.errstate(over="ignore"):
            return np.clip(costs / float(margin), -_MOST, _MOST)
    above = np.log(np.maximum(np.abs(costs), _LEAST)) - np.log(_LEAST)
    return np.asarray(np.sign(costs) * above / np.log1p(margin))


def potentials(costs: Floats, margins: Sequence[float]) -> Floats:
    """(n,) the sums of `costs` (n, d), each in its margin of `margins` (d,); without one it is left out."""
    total = np.zeros(len(costs))
    for k in np.flatnonzero(margins).tolist():
        total += in_margins(costs[:, k], margins[k])
    return total


def sums(costs: Floats, codes: Codes, margins: Sequence[float]) -> Sums:
    """The `Sums` of `costs` (n, d) with rank `codes` (n, d) under `margins` (d,)."""
    exact = [k for k, margin in enumerate(margins) if not margin]
    return Sums(potentials(costs, margins), codes[:, exact].sum(axis=1, dtype=np.int64))


def sum_codes(rows: Sums) -> Codes:
    """(n,) rank codes of `rows`, by precedence first: the lower one outweighs."""
    order = np.lexsort((rows.potentials, rows.precedences))
    new = np.diff(rows.potentials[order], prepend=np.nan) != 0.0
    new |= np.diff(rows.precedences[order], prepend=0) != 0
    new[:1] = False
    codes = np.empty(len(order), dtype=np.int32)
    codes[order] = np.cumsum(new, dtype=np.int32)
    return codes


def loose_codes(ranks: RankCodes, margins: Sequence[float]) -> Codes:
    """(n, d) the largest codes that are worse than each sample of `ranks` by no more than the `margins`
    (d,).
    """
    return ranks.loose([loosest(v, m) if m else v for v, m in zip(ranks.values, margins, strict=True)])


def cut_codes(ranks: RankCodes, margins: Sequence[float]) -> Codes:
    """(n, d) the largest codes that are better than each sample of `ranks` by more than `margins` (d,)."""
    return ranks.cuts([tightest(v, m) if m else v for v, m in zip(ranks.values, margins, strict=True)])


def surely_ahead(costs: Floats, margins: Sequence[float]) -> tuple[Floats, Floats]:
    """Rows (n, d) and sums (n,) at or below which a corner surely beats each of `costs` (n, d).

    Where the gains add up to more margins than there are, one of them is more than its margin.
    """
    rows = costs.copy()
    for k in np.flatnonzero(margins).tolist():
        rows[:, k] = loosest(costs[:, k], margins[k])
    total = potentials(costs, margins)
    return rows, total - np.count_nonzero(margins) - _ROUNDING * np.abs(total) - 1e-6


def beaten_by(costs: Floats, rivals: Floats, margins: Sequence[float]) -> tuple[Flags, Floats]:
    """(n, r) whether each of the `rivals` (r, d) beats each of the points `costs` (n, d), both taken as
    certain, under `margins` (d,); and by how many margins in sum, infinitely many where one without a
    margin is better.
    """
    allowed = np.ones((len(costs), len(rivals)), dtype=np.bool_)
    gains, outweighs = np.zeros_like(allowed), np.zeros_like(allowed)
    for k, margin in enumerate(margins):
        ours, theirs = costs[:, k], rivals[None, :, k]
        allowed &= theirs <= (loosest(ours, margin) if margin else ours)[:, None]
        better = theirs < (tightest(ours, margin) if margin else ours)[:, None]
        gains |= better
        if not margin:
            outweighs |= better
    gained = potentials(costs, margins)[:, None] - potentials(rivals, margins)
    gained[outweighs] = np.inf
    return allowed & gains & (gained > 0.0), gained
