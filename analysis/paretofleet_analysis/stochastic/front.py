"""How probable it is that a configuration is on the frontier: exact given the runs, without drawing."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from . import kernel
from .coding import Ranks, float_keys
from .index import build, morton, pyramid
from .query import Points, Rule, SharedCodes
from .samples import (
    Absolute,
    Flags,
    Fleet,
    Floats,
    Ints,
    Samples,
    Shared,
    SharedCosts,
    better_than,
    check_margin,
    pack,
    pack_shared,
)


def front_probability(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    margin: Sequence[float] | None = None,
    shared: Shared | None = None,
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
    margin, and a larger one never lowers a probability. Configurations with identical arrays are one
    measurement entered twice: they count once, and never against each other.

    `shared`: what configurations of a group have in common, in one draw (a model's accuracy); see `Shared`.
    Raises ValueError naming the configuration and the objective for NaN, infinite, empty or ragged input.
    """
    fleet = pack(samples, maximize)
    margins = None if margin is None else check_margin(margin, len(fleet.costs))
    common = None if shared is None else pack_shared(shared, fleet.size)
    if margins is None and common is not None and common.margin is not None:
        margins = [0.0] * len(fleet.costs)
    if margins is None:
        return _front(fleet, None, common, threads)
    distinct, entry = distinct_entries(fleet, common)
    if len(distinct) == fleet.size:
        return _front(fleet, margins, common, threads)
    arrays = [fleet.costs[:, fleet.starts[i] : fleet.starts[i + 1]] for i in distinct]
    kept = Fleet(np.concatenate(arrays, axis=1), np.concatenate([[0], np.cumsum(fleet.runs[distinct])]))
    if common is not None:
        common = SharedCosts(common.groups[distinct], common.costs, common.starts, common.margin)
    return _front(kept, margins, common, threads)[entry]


def distinct_entries(fleet: Fleet, common: SharedCosts | None) -> tuple[Ints, Ints]:
    """The first configuration of each distinct measurement, and for each configuration which of those it
    repeats.
    """
    seen: dict[tuple[int, bytes], int] = {}
    entry = np.empty(fleet.size, dtype=np.int64)
    distinct: list[int] = []
    for i in range(fleet.size):
        group = -1 if common is None else int(common.groups[i])
        key = (group, fleet.costs[:, fleet.starts[i] : fleet.starts[i + 1]].tobytes())
        if key not in seen:
            seen[key] = len(distinct)
            distinct.append(i)
        entry[i] = seen[key]
    return np.array(distinct, dtype=np.int64), entry


def _front(fleet: Fleet, margins: list[float] | None, common: SharedCosts | None, threads: int) -> Floats:
    engine = kernel.engine()
    alive = surviving(fleet, margins, common, threads)
    if common is not None:
        products = np.zeros(fleet.costs.shape[1])
        products[alive] = _shared_products(fleet, alive, margins, common, threads)
        return fleet.mean_by_configuration(products)
    costs, owner = fleet.costs[:, alive], fleet.owner[alive]
    ranks = Ranks(costs)
    index = build(ranks.codes, owner, fleet.runs)
    own = index.positions(fleet.size)[owner]
    cuts = None if margins is None else ranks.below(better_than(costs, margins))
    rule = Rule.DOMINATES if margins is None else Rule.MARGIN
    products = np.zeros(fleet.costs.shape[1])
    order = np.argsort(own, kind="stable")
    points = Points(ranks.codes[order], own[order], rule, None if cuts is None else cuts[order])
    products[np.flatnonzero(alive)[order]] = engine.products(index, points, 1, threads)[:, 0]
    return fleet.mean_by_configuration(products)


def surviving(fleet: Fleet, margins: list[float] | None, common: SharedCosts | None, threads: int) -> Flags:
    """(n,) the samples that no other configuration dominates with its worst corner.

    The rest contribute nothing as points, and nothing to the shares of others either: who dominates them
    dominates, with all its runs, whatever they dominate. Compared as float32, rounded so that only the
    certain are dropped.
    """
    worst, points = fleet.worst(), fleet.costs
    best = fleet.best()
    if margins is not None:
        points, best = _certainly_better(points, margins), _certainly_better(best, margins)
    if common is not None:
        extra_worst = np.maximum.reduceat(common.costs, common.starts[:-1], axis=1)
        extra_best = np.minimum.reduceat(common.costs, common.starts[:-1], axis=1)
        if common.margin is not None:
            extra_best = _certainly_better(extra_best, common.margin)
        worst = np.concatenate([worst, extra_worst[:, common.groups]])
        best = np.concatenate([best, extra_best[:, common.groups]])
        points = np.concatenate([points, extra_best[:, common.groups[fleet.owner]]])
    corners = worst.T[moocore.is_nondominated(worst.T, keep_weakly=True)]
    keys = float_keys(corners, up=True)
    levels = pyramid(keys[np.argsort(morton(keys), kind="stable")])
    engine = kernel.engine()
    hopeless = engine.dominated(levels, float_keys(best.T, up=False), threads)
    alive = np.repeat(~hopeless, fleet.runs)
    left = np.flatnonzero(alive)
    alive[left] = ~engine.dominated(levels, float_keys(points.T[left], up=False), threads)
    return alive


def _certainly_better(costs: Floats, margins: list[float]) -> Floats:
    """The largest values that are still better than `costs` by more than the margin; without a margin,
    equal.
    """
    limits = better_than(costs, margins)
    return np.where(limits < costs, np.nextafter(limits, -np.inf), costs)


def _shared_products(
    fleet: Fleet, alive: Flags, margins: list[float] | None, common: SharedCosts, threads: int
) -> Floats:
    costs, owner = fleet.costs[:, alive], fleet.owner[alive]
    ranks, shared_ranks = Ranks(costs), Ranks(common.costs)
    none = [Absolute(0.0)] * len(common.costs)
    shared_cuts = shared_ranks.below(better_than(common.costs, common.margin or none))
    best = np.minimum.reduceat(shared_ranks.codes, common.starts[:-1], axis=0)
    worst = np.maximum.reduceat(shared_ranks.codes, common.starts[:-1], axis=0)
    index = build(ranks.codes, owner, fleet.runs, extra_corner=best[common.groups])
    groups = common.groups.astype(np.int32)
    shared = SharedCodes(
        shared_ranks.codes, shared_cuts, common.starts, best, worst, groups[index.configurations]
    )
    own = index.positions(fleet.size)[owner]
    order = np.lexsort((own, groups[owner]))
    rule = Rule.DOMINATES if margins is None else Rule.MARGIN
    cuts = None if margins is None else ranks.below(better_than(costs, margins))[order]
    points = Points(ranks.codes[order], own[order], rule, cuts)
    found = kernel.engine().shared_products(index, points, groups[owner][order], shared, threads)
    products = np.empty_like(found)
    products[order] = found
    return products
