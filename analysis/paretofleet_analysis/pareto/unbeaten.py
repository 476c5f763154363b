"""How probable it is that nobody beats a sample, where margins count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .kernel import engine as kernel
from .kernel.index import build
from .kernel.query import Rule, SharedCodes, batch_near
from .kernel.rank_codes import RankCodes
from .margins import cut_codes, loose_codes, sum_codes, sums
from .pruning import Admitted, perhaps_unbeaten, surviving
from .samples import Floats
from .shared_costs import SharedCosts


def unbeaten(entered: Admitted, margins: Sequence[float], common: SharedCosts | None, threads: int) -> Floats:
    """(n,) the probability that nobody beats each sample that is `entered`, under `margins` (d,), with what
    is `common` to groups; on `threads` threads.

    Margins are not transitive, so who is surely beaten may still beat others: as rivals all samples stay
    that no worst corner dominates, as points all that none surely beats.
    """
    fleet = entered.fleet
    is_rival = surviving(entered, common, threads)
    is_point = perhaps_unbeaten(entered, margins, common, threads)
    if not is_point.any():
        return np.zeros(len(fleet.costs))
    used = np.flatnonzero(is_rival | is_point)
    points, rivals = np.flatnonzero(is_point[used]), np.flatnonzero(is_rival[used])
    ranks = RankCodes(fleet.costs[used], threads)
    rows = sums(fleet.costs[used], ranks.codes, margins)
    codes, loose, cuts = ranks.codes, loose_codes(ranks, margins)[points], cut_codes(ranks, margins)[points]
    owner = fleet.owner[used]
    engine = kernel.engine()
    if common is None:
        # one more column: who beats has the lower sum
        order = sum_codes(rows)
        codes = np.column_stack([codes, order])
        loose = np.column_stack([loose, order[points] - np.int32(1)])
        cuts = np.column_stack([cuts, np.full(len(points), -1, dtype=np.int32)])
        index = build(codes[rivals], owner[rivals], fleet.runs)
        places = index.positions(fleet.size)[owner[points]]
        batches, sequence = batch_near(loose, places, Rule.BEATS, cuts)
        products = engine.products(index, batches, 1, threads)[:, 0]
    else:
        shared = shared_codes(common)
        index = build(
            codes[rivals], owner[rivals], fleet.runs, shared.best[common.groups], rows.subset(rivals)
        )
        places = index.positions(fleet.size)[owner[points]]
        homes = common.groups[owner[points]]
        batches, sequence = batch_near(loose, places, Rule.BEATS, cuts, homes, rows.subset(points))
        groups = common.groups[index.configurations].astype(np.int32)
        products = engine.shared_products(index, batches, groups, shared, threads)
    out = np.zeros(len(fleet.costs))
    out[used[points[sequence]]] = products
    return out


def shared_codes(common: SharedCosts) -> SharedCodes:
    """The shared vectors that groups have in `common`, in pooled codes of their own."""
    ranks, margins = RankCodes(common.costs), common.margins
    loose = loose_codes(ranks, margins)
    return SharedCodes(
        values=ranks.codes,
        loose=loose,
        cuts=cut_codes(ranks, margins),
        starts=common.starts,
        best=np.minimum.reduceat(ranks.codes, common.starts[:-1], axis=0),
        worst=np.maximum.reduceat(loose, common.starts[:-1], axis=0),
        sums=sums(common.costs, ranks.codes, margins),
    )
