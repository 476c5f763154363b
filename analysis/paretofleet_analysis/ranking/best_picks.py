"""Which rows were picked as the best of several, and which of those picks was measured again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from paretofleet_analysis.statistics.intervals import Estimate


@dataclass(frozen=True)
class BestPick:
    """Objectives in which a row was picked as the best of several.

    `selected`: by this very value, and the 95 % interval of another reaches its own, so that it owes part
    of its lead to luck. `confirmed`: by an earlier measurement of the same, in which this one had no part.
    """

    selected: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()


def best_picks(
    estimates: Sequence[Mapping[str, Estimate]], maximize: Mapping[str, bool], *, again: Mapping[int, int]
) -> list[BestPick]:
    """What each row was picked for, by its `estimates`.

    `maximize`: the objectives, and whether more is better. `again`: by row the next one that measures the
    same. The pick is made among first measurements; a pick
    that was measured again makes way for that, and its lucky value is out of the running.
    """
    picks = [BestPick() for _ in estimates]
    for name, is_more_better in maximize.items():
        sign = -1.0 if is_more_better else 1.0
        costs = {
            i: sign * (each[name].mean or 0.0)
            for i, each in enumerate(estimates)
            if each[name].lo is not None
        }
        after = {i: later for i, later in again.items() if i in costs and later in costs}
        first = costs.keys() - set(after.values())
        if len(first) < 2:
            continue
        old, confirmed = _followed(first, costs, after)
        left = costs.keys() - old
        more, also = _followed(left, costs, after)
        left -= more
        best = min(left, key=costs.__getitem__)
        for i in confirmed | also:
            picks[i] = replace(picks[i], confirmed=(*picks[i].confirmed, name))
        interval = estimates[best][name]
        is_lucky = any(_overlap(estimates[i][name], interval) for i in left - {best})
        if best not in confirmed | also and is_lucky:
            picks[best] = replace(picks[best], selected=(*picks[best].selected, name))
    return picks


def _followed(
    pool: set[int], costs: Mapping[int, float], again: Mapping[int, int]
) -> tuple[set[int], set[int]]:
    """Of a pool of rows the best ones, each after the other, that were measured again, and by what."""
    old: set[int] = set()
    new: set[int] = set()
    while (best := min(pool, key=costs.__getitem__)) in again:
        old.add(best)
        new.add(again[best])
        pool = (pool - {best}) | {again[best]}
    return old, new


def _overlap(a: Estimate, b: Estimate) -> bool:
    """Whether the intervals of two rows with runs enough overlap."""
    return a.lo <= b.hi and b.lo <= a.hi  # type: ignore[operator]
