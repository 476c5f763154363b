"""Pairs of two groups' shared values, and what each does to a comparison; shared_beats.h says the same in
C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.pareto.samples import Flags, Floats, Ints

from .query import SharedCodes


@dataclass(frozen=True)
class RelatedPairs:
    """The p allowed pairs of a value of the home group and one of another, which has `theirs` values.

    `deltas` (p,): by how much each moves the sum of gains; `is_gain` (p,): whether it is a gain by itself;
    `homes` (p,): which of the home group's `values` it is of.
    """

    deltas: Floats
    is_gain: Flags
    homes: Ints
    values: int
    theirs: int

    def factors(self, products: Floats) -> Floats:
        """(values,) the other group's factor for each home value, from its products (p,) for the pairs."""
        allowed = np.bincount(self.homes, minlength=self.values)
        sums = np.bincount(self.homes, weights=products, minlength=self.values)
        return np.asarray((self.theirs - allowed + sums) / self.theirs)


def related_pairs(shared: SharedCodes, home: int, group: int) -> RelatedPairs:
    """The pairs of values of the groups `home` and `group` of what is `shared`."""
    ours, theirs = (np.arange(shared.starts[g], shared.starts[g + 1]) for g in (home, group))
    values, sums = shared.values[theirs], shared.sums
    allowed = np.all(values <= shared.loose[ours][:, None], axis=2)
    gains = np.any(values <= shared.cuts[ours][:, None], axis=2)
    deltas = sums.potentials[ours, None] - sums.potentials[theirs]
    deltas[sums.precedences[theirs] < sums.precedences[ours, None]] = np.inf
    homes, _ = np.nonzero(allowed)
    return RelatedPairs(deltas[allowed], gains[allowed], homes, len(ours), len(theirs))


def counted_runs(pairs: RelatedPairs, lacks: Floats, gains: Flags, near: Flags) -> Ints:
    """(p,) for each of the `pairs` how many runs of a configuration beat a point.

    A run counts that is `near` (m,), no worse by more than a margin, where the delta exceeds what it
    `lacks` (m,) and it `gains` (m,) or the pair does.
    """
    alone, helped = np.sort(lacks[near & gains]), np.sort(lacks[near & ~gains])
    counted = np.searchsorted(alone, pairs.deltas, side="left")
    more = np.searchsorted(helped, pairs.deltas, side="left")
    return np.asarray(counted + np.where(pairs.is_gain, more, 0))
