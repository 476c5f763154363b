"""From probabilities to words: the verdict of a row, a plain sentence, and groups of equivalents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.numbers import two_digits
from paretofleet_analysis.objectives import OBJECTIVES, Margin
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.statistics.intervals import Estimate

FRONT, NEAR_FRONT, UNDECIDED, DOMINATED = "front", "near front", "undecided", "dominated"
#: The printed order of verdicts.
ORDER = (FRONT, NEAR_FRONT, UNDECIDED, DOMINATED)
#: A verdict is given when its probability reaches this, or its opposite falls to the rest.
SURE = 0.95
_CELLS = 2_000_000


def verdict(*, p_front: float, p_near_front: float) -> str:
    """The word for a row; what is neither sure enough nor excluded is undecided.

    >>> verdict(p_front=0.97, p_near_front=1.0), verdict(p_front=0.4, p_near_front=0.99)
    ('front', 'near front')
    >>> verdict(p_front=0.0, p_near_front=0.02), verdict(p_front=0.1, p_near_front=0.5)
    ('dominated', 'undecided')
    """
    if p_front >= SURE:
        return FRONT
    if p_near_front >= SURE:
        return NEAR_FRONT
    return DOMINATED if p_near_front <= 1 - SURE + 1e-12 else UNDECIDED


def groups(means: np.ndarray, margins: Sequence[Margin]) -> list[tuple[int, ...]]:
    """Two or more rows (numbered from 1 in the given order) that are within the margins of each other.

    Being within a margin is not transitive, so a row joins the first group all of whose members it is close
    to.

    >>> groups(np.array([[1.0], [1.01], [2.0]]), [Margin(0.02)])
    [(1, 2)]
    """
    found: list[list[int]] = []
    shares = np.array([margin.value if margin.relative else 0.0 for margin in margins])
    amounts = np.array([0.0 if margin.relative else margin.value for margin in margins])
    reaches = means * (1 - shares) - amounts
    # The lowest and highest of each group's members. Reaches rise with values, so these two speak for all.
    lowest, highest, top = np.empty(means.T.shape), np.empty(means.T.shape), np.empty(means.T.shape)
    apart = int(np.argmax(means.std(axis=0) / np.maximum(means.mean(axis=0), 1e-300))) if len(means) else 0
    for i, row in enumerate(means):
        count = len(found)
        near = np.flatnonzero(
            (reaches[i, apart] <= lowest[apart, :count]) & (top[apart, :count] <= row[apart])
        )
        is_close = (reaches[i, :, None] <= lowest[:, near]) & (top[:, near] <= row[:, None])
        homes = near[is_close.all(axis=0)]
        home = int(homes[0]) if homes.size else count
        if home == count:
            found.append([])
            lowest[:, home], highest[:, home] = row, row
        found[home].append(i)
        lowest[:, home] = np.minimum(lowest[:, home], row)
        highest[:, home] = np.maximum(highest[:, home], row)
        top[:, home] = highest[:, home] * (1 - shares) - amounts
    return [tuple(i + 1 for i in group) for group in found if len(group) > 1]


@dataclass(frozen=True)
class Picked:
    """Objectives in which a row was picked as the best of several.

    `selected`: by this very value, and the 95 % interval of another reaches its own, so that it owes some
    of its lead to luck. `confirmed`: by an earlier measurement of the same, in which this one had no part.
    """

    selected: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()


def picked(
    estimates: Sequence[Mapping[str, Estimate]], maximize: Mapping[str, bool], *, again: Mapping[int, int]
) -> list[Picked]:
    """What each row was picked for. `again`: by row the next one that measures the same.

    The pick is made among first measurements; a pick that was measured again makes way for that, and its own
    lucky value is out of the running.
    """
    found = [Picked() for _ in estimates]
    for name, is_more_better in maximize.items():
        sign = -1.0 if is_more_better else 1.0
        costs = {
            i: sign * (one[name].mean or 0.0) for i, one in enumerate(estimates) if one[name].lo is not None
        }
        after = {i: one for i, one in again.items() if i in costs and one in costs}
        first = costs.keys() - set(after.values())
        if len(first) < 2:
            continue
        old, confirmed = _followed(first, costs, after)
        left = costs.keys() - old
        more, also = _followed(left, costs, after)
        left -= more
        best = min(left, key=costs.__getitem__)
        for i in confirmed | also:
            found[i] = replace(found[i], confirmed=(*found[i].confirmed, name))
        own = estimates[best][name]
        if best not in confirmed | also and any(_overlap(estimates[i][name], own) for i in left - {best}):
            found[best] = replace(found[best], selected=(*found[best].selected, name))
    return found


def _followed(
    pool: set[int], costs: Mapping[int, float], again: Mapping[int, int]
) -> tuple[set[int], set[int]]:
    """Of a pool of rows the best ones, one after the other, that were measured again, and by what."""
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


def sentence(
    word: str,
    ahead: tuple[int, np.ndarray, np.ndarray] | None,
    *,
    names: Sequence[str],
    runs: int,
    question: str,
    p: float | None,
) -> str:
    """The verdict of a row in plain words. `ahead`: the number and (d,) means of the best row whose means
    dominate this one's, and this one's own means. `p`: of the next run being on the front under the
    question `run`, else of being on the front for those that are, and near it for the others.
    """
    if p is None:
        return f"It has {runs} {'run' if runs == 1 else 'runs'}, too few to say: at least 3 are needed."
    sure = _percent(p)
    if question == "run":
        return f"With a probability of {sure} one more run of each shows it undominated."
    if word == DOMINATED and ahead is not None:
        return f"Row {ahead[0]} is better: {_gains(ahead, names)}."
    looks = "None looks better" if ahead is None else f"Row {ahead[0]} looks better ({_gains(ahead, names)})"
    return {
        FRONT: f"No other is as good in everything and better in something ({sure} sure).",
        NEAR_FRONT: f"None is better by more than the margins in everything ({sure} sure).",
        UNDECIDED: f"{looks}, but the runs leave it open ({sure} that it is near the front).",
        DOMINATED: f"Together the others leave it behind ({sure} that it is near the front).",
    }[word]


def _gains(ahead: tuple[int, np.ndarray, np.ndarray], names: Sequence[str]) -> str:
    _, better, own = ahead
    gains = [_gain(better[k], own[k], name) for k, name in enumerate(names)]
    return ", ".join(gain for gain in gains if gain)


def shown(p: float) -> str:
    """A probability for a table: two digits, rounded towards one half, never 0 or 1.

    So nothing is shown surer than it is: what is below 0.95 never reads 0.95.

    >>> shown(0.998), shown(0.949), shown(0.051), shown(0.3), shown(0.004)
    ('>0.99', '0.94', '0.06', '0.30', '<0.01')
    """
    if not 0.01 <= p <= 0.99:
        return ">0.99" if p > 0.5 else "<0.01"
    return f"{_hundredths(p) / 100:.2f}"


def _hundredths(p: float) -> int:
    """Of a probability, rounded towards one half."""
    return int(np.floor(100 * p + 1e-9) if p > 0.5 else np.ceil(100 * p - 1e-9))


def _percent(p: float) -> str:
    """A probability in words, as `shown` rounds it.

    >>> _percent(0.9999), _percent(0.984), _percent(0.0)
    ('more than 99 %', '98 %', 'less than 1 %')
    """
    if not 0.01 <= p <= 0.99:
        return "more than 99 %" if p > 0.5 else "less than 1 %"
    return f"{_hundredths(p)} %"


def best_dominators(means: np.ndarray, maximize: Sequence[bool]) -> list[int | None]:
    """Of the rows whose (d,) means dominate each row's, the one ahead furthest in all objectives together.

    It is always on the frontier of the means, so nobody else is looked at.
    """
    costs = np.log(means) * np.where(np.asarray(maximize), -1.0, 1.0)
    front = np.flatnonzero(nondominated(means, maximize=maximize))
    front = front[np.argsort(costs[front].sum(axis=1), kind="stable")]
    best: list[int | None] = [None] * len(means)
    step = max(1, _CELLS // (len(front) * costs.shape[1]))
    for a in range(0, len(means), step):
        some = costs[a : a + step, None]
        dominates = (costs[front] <= some).all(axis=2) & (costs[front] < some).any(axis=2)
        first = dominates.argmax(axis=1)
        for k in np.flatnonzero(dominates.any(axis=1)):
            best[a + k] = int(front[first[k]])
    return best


def _gain(better: float, worse: float, name: str) -> str:
    """How much better in one objective, in words; empty where equal."""
    known = OBJECTIVES[name]
    if better == worse:
        return ""
    if not known.margin.relative:
        unit = "points " if known.unit == "percent" else ""
        return f"{known.short} {two_digits(abs(better - worse))} {unit}more"
    share = better / worse - 1 if known.maximize else 1 - better / worse
    factor = better / worse if known.maximize else worse / better
    if share >= (1 if known.maximize else 0.5):
        more = "more" if known.maximize else "less"
        return f"{known.short} {more} by a factor {factor:.{1 if factor < 10 else 0}f}"
    return f"{known.short} {two_digits(100 * share)} % {'more' if known.maximize else 'less'}"
