"""Configurations that were entered more than once, and points that many runs share: asked once."""

from __future__ import annotations

import math

import numpy as np

from .equal_runs import first_of_equals
from .fleet import Fleet
from .kernel.rank_codes import RankCodes
from .samples import Flags, Ints
from .shared_costs import SharedCosts
from .undominated import undominated_points

#: Where all values make a grid with at most this share of cells, ties are the rule.
_CELLS_SHARE = 0.25


def distinct_entries(fleet: Fleet, common: SharedCosts | None, *, constants_only: bool) -> tuple[Ints, Ints]:
    """The first configuration of each distinct measurement of `fleet`, and for each configuration which of
    those it repeats. `common`: what is shared, None if nothing is.

    Configurations of one group are the same where they never vary and have the same values: their shares
    are 0 or 1 and they do not dominate each other, so that one stands for all exactly. Those that vary are
    the same, unless `constants_only`, where their runs are, in whatever order.
    """
    groups = np.zeros(fleet.size, dtype=np.int64) if common is None else common.groups
    same = np.arange(fleet.size)
    constant = _constant(fleet)
    _unite_constants(fleet, groups, constant, same)
    if len(constant) < 2 and constants_only:
        return same, same
    if not constants_only:
        _unite_runs(fleet, groups, np.setdiff1d(same, constant, assume_unique=True), same)
    distinct = np.flatnonzero(same == np.arange(fleet.size))
    return distinct, np.searchsorted(distinct, same)


def undominated(ranks: RankCodes) -> Flags:
    """(n,) samples, coded in `ranks`, that no other dominates, as far as that is quick to tell: where few
    values make many ties.

    A point that all others equal is not dominated by any, and nothing ends the search for one that does.
    """
    sizes = [len(values) for values in ranks.values]
    if math.prod(sizes) > _CELLS_SHARE * len(ranks.codes):
        return np.zeros(len(ranks.codes), dtype=np.bool_)
    cells, which = np.unique(np.ravel_multi_index(tuple(ranks.codes.T), sizes), return_inverse=True)
    points = np.stack(np.unravel_index(cells, sizes), axis=1).astype(np.float64)
    return np.asarray(undominated_points(points, keep_weakly=True)[which])


def _constant(fleet: Fleet) -> Ints:
    """The configurations whose runs are all equal."""
    first, last = fleet.starts[:-1], fleet.starts[1:] - 1
    same = np.flatnonzero(fleet.costs[first, 0] == fleet.costs[last, 0])
    same = same[(fleet.costs[first[same]] == fleet.costs[last[same]]).all(axis=1)]
    if len(same) and fleet.runs[same].max() > 2:
        runs = (fleet.costs[fleet.starts[i] : fleet.starts[i + 1]] for i in same)
        same = same[[bool((rows == rows[0]).all()) for rows in runs]]
    return np.asarray(same)


def _unite_constants(fleet: Fleet, groups: Ints, constant: Ints, same: Ints) -> None:
    if len(constant) < 2:
        return
    rows = fleet.costs[fleet.starts[constant]]
    order = np.lexsort((*rows.T, groups[constant]))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    new[1:] |= groups[constant[order[1:]]] != groups[constant[order[:-1]]]
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    same[constant[order]] = constant[order[first]]  # lexsort is stable: the first of equals is the least


def _unite_runs(fleet: Fleet, groups: Ints, varying: Ints, same: Ints) -> None:
    sums = np.add.reduceat(fleet.costs.view(np.int64), fleet.starts[:-1], axis=0)[varying]
    # equal for the same runs in any order; what is equal by chance is compared
    factors = 2 * np.arange(fleet.dimensions + 1, dtype=np.int64) + 3
    prints = (sums * factors[1:]).sum(axis=1) + groups[varying] * factors[0]
    _, which, count = np.unique(prints, return_inverse=True, return_counts=True)
    alike = varying[count[which] > 1].tolist()
    runs = [fleet.costs[fleet.starts[i] : fleet.starts[i + 1]] for i in alike]
    same[alike] = np.take(alike, first_of_equals(runs, [int(groups[i]) for i in alike]))
