"""Samples that need not be asked, told at once by the worst corners of the others."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from .fleet import Fleet
from .kernel import engine as kernel
from .kernel.index import morton, pyramid
from .kernel.rank_codes import float_keys
from .margins import potentials, surely_ahead
from .samples import Flags, Floats
from .shared_costs import SharedCosts


def surviving(fleet: Fleet, common: SharedCosts | None, threads: int) -> Flags:
    """(n,) the samples of `fleet` that no other configuration dominates with its worst corner, with what is
    `common` to groups; on `threads` threads.

    The rest contribute nothing to the shares of others: who dominates them beats, with all its runs,
    whomever they beat, with margins or without. Without margins they contribute nothing as points either.
    """
    worst, rows = fleet.worst(), fleet.costs
    if common is not None:
        worst = np.concatenate([worst, common.worst()[common.groups]], axis=1)
        rows = np.concatenate([rows, common.best()[common.groups[fleet.owner]]], axis=1)
    return _not_behind(worst, rows, fleet, threads)


def perhaps_unbeaten(
    fleet: Fleet, margins: Sequence[float], common: SharedCosts | None, threads: int
) -> Flags:
    """(n,) the samples of `fleet` that no other configuration surely beats, under `margins` (d,), by its
    worst corner and more than all margins in sum; `common` and `threads` as for `surviving`.
    """
    worst = fleet.worst()
    worst_sum = potentials(worst, margins)
    rows, total = surely_ahead(fleet.costs, margins)
    if common is None:
        corners = np.column_stack([worst, worst_sum])
        return _not_behind(corners, np.column_stack([rows, total]), fleet, threads)
    shared_margins = common.margins
    shared_worst, (shared_rows, shared_total) = common.worst(), surely_ahead(common.best(), shared_margins)
    worst_sum = worst_sum + potentials(shared_worst, shared_margins)[common.groups]
    home = common.groups[fleet.owner]
    corners = np.column_stack([worst, shared_worst[common.groups], worst_sum])
    rows = np.column_stack([rows, shared_rows[home], total + shared_total[home]])
    return _not_behind(corners, rows, fleet, threads)


def _not_behind(worst: Floats, rows: Floats, fleet: Fleet, threads: int) -> Flags:
    """(n,) the rows (n, d') that no corner of `worst` (N, d') is at most everywhere and below somewhere."""
    # one of equal corners is enough: it dominates what they dominate
    corners = float_keys(worst[moocore.is_nondominated(worst, keep_weakly=False)], up=True)
    levels = pyramid(corners[np.argsort(morton(corners), kind="stable")])
    return kernel.engine().surviving(levels, rows, fleet.starts, threads)
