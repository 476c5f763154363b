"""How probable it is that a configuration is on the frontier: exact given the runs, without drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .duplicates import distinct_entries, undominated
from .fleet import Fleet
from .kernel import engine as kernel
from .kernel.index import build
from .kernel.query import Rule, batch_near
from .kernel.rank_codes import RankCodes
from .pruning import Admitted, surviving
from .samples import Floats, Ints, Samples
from .shared_costs import Shared, SharedCosts
from .unbeaten import shared_codes, unbeaten
from .validation import check_admitted, check_groups, check_margin, check_threads


def front_probability(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    margin: Sequence[float] | None = None,
    shared: Shared | None = None,
    fleets: npt.ArrayLike | None = None,
    admitted: Sequence[npt.ArrayLike] | None = None,
    threads: int = 1,
) -> Floats:
    """(N,) the probability that nobody beats configuration i when each shows one of its runs, independently.

    `samples`: N arrays (m_i, d), a row a run; its objectives stay together and the m_i may differ.
    `maximize`: d booleans. "Exact" means without simulation error given these runs; it says nothing of
    having few. A product below 1e-9 counts as 0, so that each probability is at most 1e-9 too low.

    Without a `margin` j beats i when it dominates: as good in every objective and better in one. `margin`: d
    tolerances, each a share (on the log scale) or `Absolute(x)`. Then j beats i when
    nothing is worse by more than its margin, something is better by more than its margin, and what is gained
    outweighs what is lost, each counted in margins. Where a margin is 0, any loss forbids and any gain
    outweighs. A configuration that gets worse never gains, and there is no cycle. Configurations with
    identical runs, in whatever order, are one measurement entered twice: they count once, and never against
    each other.

    `shared`: what configurations of a group have in common, in one draw (a model's accuracy); see `Shared`.
    `fleets`: (N,) whole numbers from 0; configurations of different fleets never meet, so that many small
    fleets are asked in one pass. `admitted`: N arrays (m_i,) of booleans, which runs keep what is required;
    the others are on no frontier and beat nobody. `threads`: how many may work.
    Raises ValueError naming the configuration and the objective for NaN, infinite, empty or ragged input.
    Source: Pei, Jiang, Lin, Yuan 2007, Probabilistic skylines on uncertain data (VLDB); the question is that
    of the random frontier of Partovi Nia, Ghaffari, Zolnouri, Savaria 2022 (arXiv 2202.09275).

    >>> first, second = [[1.0, 5.0], [1.2, 5.0]], [[1.1, 5.0]]
    >>> front_probability([first, second], maximize=[False, False]).tolist()
    [0.5, 0.5]
    >>> front_probability([first, second], maximize=[False, False], margin=[0.15, 0.15]).tolist()
    [1.0, 1.0]
    """
    check_threads(threads)
    fleet = Fleet.from_samples(samples, maximize)
    margins = None if margin is None else check_margin(margin, fleet.dimensions)
    common = None if shared is None else SharedCosts.from_shared(shared, fleet.size)
    margins = _margins_in_use(margins, common, fleet.dimensions)
    if fleets is not None:
        fleet = fleet.kept_apart(check_groups("fleets", fleets, fleet.size))
        margins = None if margins is None else [*margins, 0.0, 0.0]
    is_strict = margin is None and (common is None or common.margin is None)
    is_in = None if admitted is None else check_admitted(admitted, fleet.runs)
    told_apart = fleet if is_in is None else Fleet(np.column_stack([fleet.costs, is_in]), fleet.starts)
    distinct, entry = distinct_entries(told_apart, common, constants_only=is_strict)
    if len(distinct) < fleet.size:
        is_in = None if is_in is None else is_in[np.isin(fleet.owner, distinct)]
        fleet = fleet.subset(distinct)
        common = None if common is None else common.subset(distinct)
    if margins is not None:
        products = unbeaten(Admitted(fleet, is_in), margins, common, threads)
    else:
        products = _undominated(Admitted(fleet, is_in), common, threads)
    return fleet.mean_by_configuration(products)[entry]


def _margins_in_use(
    margins: list[float] | None, common: SharedCosts | None, dimensions: int
) -> list[float] | None:
    """The margins (d,), None where none is above 0: then to beat is to dominate, which is quicker to ask."""
    of_shared = [] if common is None or common.margin is None else common.margin
    if not any(margins or ()) and not any(of_shared):
        return None
    return margins or [0.0] * dimensions


def _undominated(entered: Admitted, common: SharedCosts | None, threads: int) -> Floats:
    """(n,) the probability that nobody dominates each sample of the fleet."""
    fleet = entered.fleet
    alive = np.flatnonzero(surviving(entered, common, threads))
    if len(alive) == 0:
        return np.zeros(len(fleet.costs))
    codes = _CodedFleet.of(fleet, alive, threads)
    products = np.zeros(len(fleet.costs))
    if common is None:
        products[alive] = _products(codes, threads)
    else:
        products[alive] = _shared_products(codes, common, threads)
    return products


@dataclass(frozen=True)
class _CodedFleet:
    """The n surviving samples of N configurations in rank codes: their `owner` (n,), the `runs` (N,) of
    which they are left, and the `rule` by which others count against them.
    """

    ranks: RankCodes
    owner: Ints
    runs: Ints
    rule: Rule

    @classmethod
    def of(cls, fleet: Fleet, alive: Ints, threads: int) -> _CodedFleet:
        ranks = RankCodes(fleet.costs[alive], threads)
        rule = Rule.DOMINATES if ranks.has_ties else Rule.AT_MOST
        return cls(ranks, fleet.owner[alive], fleet.runs, rule)


def _products(fleet: _CodedFleet, threads: int) -> Floats:
    """(n,) the probability that nobody counts against each sample."""
    codes = fleet.ranks.codes
    searched = np.flatnonzero(~undominated(fleet.ranks)) if fleet.ranks.has_ties else np.arange(len(codes))
    index = build(codes, fleet.owner, fleet.runs)
    places = index.positions(len(fleet.runs))[fleet.owner[searched]]
    points, order = batch_near(codes[searched], places, fleet.rule)
    out = np.ones(len(codes))
    out[searched[order]] = kernel.engine().products(index, points, 1, threads)[:, 0]
    return out


def _shared_products(fleet: _CodedFleet, common: SharedCosts, threads: int) -> Floats:
    """(n,) the same over what is shared."""
    codes, shared = fleet.ranks.codes, shared_codes(common)
    index = build(codes, fleet.owner, fleet.runs, extra_corner=shared.best[common.groups])
    groups = common.groups[index.configurations].astype(np.int32)
    places = index.positions(len(fleet.runs))[fleet.owner]
    points, order = batch_near(codes, places, fleet.rule, homes=common.groups[fleet.owner])
    out = np.empty(len(codes))
    out[order] = kernel.engine().shared_products(index, points, groups, shared, threads)
    return out
