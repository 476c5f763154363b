"""How probable it is that a configuration is on the frontier: exact given the runs, without drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt

from .duplicates import distinct_entries, undominated
from .fleet import Fleet, better_than
from .kernel import engine as kernel
from .kernel.index import build, morton, pyramid
from .kernel.query import Rule, SharedCodes, batch_by_configuration
from .kernel.rank_codes import Codes, RankCodes, float_keys
from .samples import Flags, Floats, Ints, Samples
from .shared_costs import Shared, SharedCosts
from .validation import check_groups, check_margin, check_threads


def front_probability(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    margin: Sequence[float] | None = None,
    shared: Shared | None = None,
    fleets: npt.ArrayLike | None = None,
    threads: int = 1,
) -> Floats:
    """(N,) the probability that nobody dominates configuration i when each shows one of its runs,
    independently.

    `samples`: N arrays (m_i, d), a row a run; its objectives stay together and the m_i may differ.
    `maximize`: d booleans. "Exact" means without simulation error given these runs; it says nothing of
    having few. A product below 1e-9 counts as 0, so that each probability is at most 1e-9 too low.

    `margin`: d tolerances, each a share of the row's own value or `Absolute(x)`. Then j counts against i
    only if in every objective it is better by more than the margin or exactly equal, and in one better
    (equal: objectives that two configurations have in common cannot tell them apart). Margin 0 is no
    margin, and a larger one never lowers a probability. Configurations with identical runs, in whatever
    order, are one measurement entered twice: they count once, and never against each other.

    `shared`: what configurations of a group have in common, in one draw (a model's accuracy); see `Shared`.
    `fleets`: (N,) whole numbers from 0; configurations of different fleets never meet, so that many small
    fleets are asked in one pass. `threads`: how many may work.
    Raises ValueError naming the configuration and the objective for NaN, infinite, empty or ragged input.
    Source: Pei, Jiang, Lin, Yuan 2007, Probabilistic skylines on uncertain data (VLDB); the question is that
    of the random frontier of Partovi Nia, Ghaffari, Zolnouri, Savaria 2022 (arXiv 2202.09275).

    >>> first, second = [[1.0, 5.0], [1.2, 5.0]], [[1.1, 5.0]]
    >>> front_probability([first, second], maximize=[False, False]).tolist()
    [0.5, 0.5]
    """
    check_threads(threads)
    fleet = Fleet.from_samples(samples, maximize)
    margins = None if margin is None else check_margin(margin, fleet.dimensions)
    common = None if shared is None else SharedCosts.from_shared(shared, fleet.size)
    if margins is None and common is not None and common.margin is not None:
        margins = [0.0] * fleet.dimensions
    if fleets is not None:
        fleet = fleet.kept_apart(check_groups("fleets", fleets, fleet.size))
        margins = None if margins is None else [*margins, 0.0, 0.0]
    distinct, entry = distinct_entries(fleet, common, constants_only=margins is None)
    if len(distinct) < fleet.size:
        fleet = fleet.subset(distinct)
        common = None if common is None else common.subset(distinct)
    alive = np.flatnonzero(surviving(fleet, margins, common, threads))
    codes = _CodedFleet.of(fleet, alive, margins, threads)
    products = np.zeros(len(fleet.costs))
    if common is None:
        products[alive] = _products(codes, threads)
    else:
        products[alive] = _shared_products(codes, common, threads)
    return fleet.mean_by_configuration(products)[entry]


@dataclass(frozen=True)
class _CodedFleet:
    """The n surviving samples of N configurations in rank codes: their `owner` (n,), the `runs` (N,) of
    which they are left, the `rule` by which others count against them, and its `cuts` (n, d), if any.
    """

    ranks: RankCodes
    owner: Ints
    runs: Ints
    rule: Rule
    cuts: Codes | None

    @classmethod
    def of(cls, fleet: Fleet, alive: Ints, margins: list[float] | None, threads: int) -> _CodedFleet:
        ranks = RankCodes(fleet.costs[alive], threads)
        if margins is not None:
            return cls(ranks, fleet.owner[alive], fleet.runs, Rule.MARGIN, _cuts(ranks, margins))
        rule = Rule.DOMINATES if ranks.has_ties else Rule.AT_MOST
        return cls(ranks, fleet.owner[alive], fleet.runs, rule, None)


def _products(fleet: _CodedFleet, threads: int) -> Floats:
    """(n,) the probability that nobody counts against each sample."""
    codes = fleet.ranks.codes
    searched = np.flatnonzero(~undominated(fleet.ranks)) if fleet.ranks.has_ties else np.arange(len(codes))
    index = build(codes, fleet.owner, fleet.runs)
    places = index.positions(len(fleet.runs))[fleet.owner[searched]]
    cuts = None if fleet.cuts is None else fleet.cuts[searched]
    points, order = batch_by_configuration(codes[searched], places, fleet.rule, cuts)
    out = np.ones(len(codes))
    out[searched[order]] = kernel.engine().products(index, points, 1, threads)[:, 0]
    return out


def _shared_products(fleet: _CodedFleet, common: SharedCosts, threads: int) -> Floats:
    """(n,) the same over what is shared."""
    codes, shared = fleet.ranks.codes, _shared_codes(common)
    index = build(codes, fleet.owner, fleet.runs, extra_corner=shared.best[common.groups])
    groups = common.groups[index.configurations].astype(np.int32)
    places = index.positions(len(fleet.runs))[fleet.owner]
    points, order = batch_by_configuration(codes, places, fleet.rule, fleet.cuts, groups)
    out = np.empty(len(codes))
    out[order] = kernel.engine().shared_products(index, points, groups, shared, threads)
    return out


def _shared_codes(common: SharedCosts) -> SharedCodes:
    """The shared vectors in pooled codes of their own."""
    ranks = RankCodes(common.costs)
    margin = common.margin or [0.0] * common.costs.shape[1]
    return SharedCodes(
        values=ranks.codes,
        cuts=_cuts(ranks, margin),
        starts=common.starts,
        best=np.minimum.reduceat(ranks.codes, common.starts[:-1], axis=0),
        worst=np.maximum.reduceat(ranks.codes, common.starts[:-1], axis=0),
    )


def surviving(fleet: Fleet, margins: list[float] | None, common: SharedCosts | None, threads: int) -> Flags:
    """(n,) the samples of `fleet` that no other configuration dominates with its worst corner, under
    `margins` (d,) and with what is `common` to groups; on `threads` threads.

    The rest contribute nothing as points, and nothing to the shares of others either: who dominates them
    dominates, with all its runs, whatever they dominate.
    """
    worst, rows = fleet.worst(), fleet.costs
    if margins is not None:
        rows = _certainly_better(rows, margins)
    if common is not None:
        shared_best = common.best()
        if common.margin is not None:
            shared_best = _certainly_better(shared_best, common.margin)
        worst = np.concatenate([worst, common.worst()[common.groups]], axis=1)
        rows = np.concatenate([rows, shared_best[common.groups[fleet.owner]]], axis=1)
    # one of equal corners is enough: it dominates what they dominate
    corners = float_keys(worst[moocore.is_nondominated(worst, keep_weakly=False)], up=True)
    levels = pyramid(corners[np.argsort(morton(corners), kind="stable")])
    return kernel.engine().surviving(levels, rows, fleet.starts, threads)


def _cuts(ranks: RankCodes, margins: list[float]) -> Codes:
    """(n, d) the largest codes that are better than each sample by more than the margins."""
    return ranks.cuts([better_than(values, m) for values, m in zip(ranks.values, margins, strict=True)])


def _certainly_better(costs: Floats, margins: list[float]) -> Floats:
    """The largest values that are still better than `costs` by more than the margin; without a margin,
    equal.
    """
    out = costs.copy()
    for k in np.flatnonzero(margins):
        limits = better_than(costs[:, k], margins[k])
        out[:, k] = np.where(limits < costs[:, k], np.nextafter(limits, -np.inf), costs[:, k])
    return out
