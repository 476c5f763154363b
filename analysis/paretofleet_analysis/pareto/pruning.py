"""Samples that need not be asked, told at once by the worst corners of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fleet import Fleet
from .kernel import engine as kernel
from .kernel.index import morton, pyramid
from .kernel.rank_codes import float_keys
from .margins import potentials, surely_ahead
from .samples import Flags, Floats, Ints
from .shared_costs import SharedCosts
from .undominated import undominated_points


@dataclass(frozen=True)
class Admitted:
    """A `fleet` of which only the flagged samples (n,) count as points or as rivals; None is all of them."""

    fleet: Fleet
    flags: Flags | None = None

    def without_refused(self, answers: Flags) -> Flags:
        """The `answers` (n,), False for samples that do not count."""
        return answers if self.flags is None else answers & self.flags

    def certain(self) -> Ints:
        """The configurations of which every sample counts."""
        if self.flags is None:
            return np.arange(self.fleet.size)
        return np.flatnonzero(np.logical_and.reduceat(self.flags, self.fleet.starts[:-1]))


def surviving(entered: Admitted, common: SharedCosts | None, threads: int) -> Flags:
    """(n,) the samples of fleet that no other configuration dominates with its worst corner, of those
    `entered`, with what is `common` to groups; on `threads` threads.

    The rest contribute nothing to the shares of others: who dominates them beats, with all its runs,
    whomever they beat, with margins or without. Without margins they contribute nothing as points either.
    """
    fleet = entered.fleet
    worst, rows = fleet.worst(), fleet.costs
    if common is not None:
        worst = np.concatenate([worst, common.worst()[common.groups]], axis=1)
        rows = np.concatenate([rows, common.best()[common.groups[fleet.owner]]], axis=1)
    return entered.without_refused(_not_behind(worst[entered.certain()], rows, fleet, threads))


def perhaps_unbeaten(
    entered: Admitted, margins: Sequence[float], common: SharedCosts | None, threads: int
) -> Flags:
    """(n,) the samples `entered` that no other configuration surely beats, under `margins` (d,), by its
    worst corner and more than all margins in sum; `common` and `threads` as for `surviving`.
    """
    fleet, certain = entered.fleet, entered.certain()
    worst = fleet.worst()
    worst_sum = potentials(worst, margins)
    rows, total = surely_ahead(fleet.costs, margins)
    if common is None:
        corners = np.column_stack([worst, worst_sum])[certain]
        return entered.without_refused(_not_behind(corners, np.column_stack([rows, total]), fleet, threads))
    shared_margins = common.margins
    shared_worst, (shared_rows, shared_total) = common.worst(), surely_ahead(common.best(), shared_margins)
    worst_sum = worst_sum + potentials(shared_worst, shared_margins)[common.groups]
    home = common.groups[fleet.owner]
    corners = np.column_stack([worst, shared_worst[common.groups], worst_sum])[certain]
    rows = np.column_stack([rows, shared_rows[home], total + shared_total[home]])
    return entered.without_refused(_not_behind(corners, rows, fleet, threads))


def _not_behind(worst: Floats, rows: Floats, fleet: Fleet, threads: int) -> Flags:
    """(n,) the rows (n, d') that no corner of `worst` (N, d') is at most everywhere and below somewhere."""
    if len(worst) == 0:
        return np.ones(len(rows), dtype=np.bool_)
    # one of equal corners is enough: it dominates what they dominate
    corners = float_keys(worst[undominated_points(worst, keep_weakly=False)], up=True)
    levels = pyramid(corners[np.argsort(morton(corners), kind="stable")])
    return kernel.engine().surviving(levels, rows, fleet.starts, threads)
