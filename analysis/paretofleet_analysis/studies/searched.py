"""What an architecture search found, as figures: fronts, hypervolume beside its random members, fleets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from paretofleet_analysis.search.comparable import unlike_kinds, unlike_scopes
from paretofleet_analysis.search.fronts import front_of_trials, front_scale, share_of_front
from paretofleet_analysis.search.space import Codes, Flags, Floats
from paretofleet_analysis.search.statements import Measured, Statement, fronts_differ
from paretofleet_analysis.search.trials import Search, Trials

from .answer import Answer, Chart, left_out

STUDY = "search"
#: Of trials that were drawn at random, as a control is.
_DRAWN = ("start", "control")
#: Of the pairs that are not compared, so many are named.
_APART_MAX = 4
_TITLES = ("What was tried", "Hypervolume beside random members", "From device to device")


@dataclass(frozen=True)
class Searched:
    """n `trials` of a `search`: `kinds` (n,) as proposed, `hours` (n,) that each took, `names` (n,).
    `titles` and `margins` of the columns of costs, titles with their unit. `simulated`: the devices that are.
    `scopes`: by device what its powers and energies are of, where any are ranked.
    """

    search: Search
    trials: Trials
    kinds: tuple[str, ...]
    hours: Floats
    names: tuple[str, ...]
    titles: Mapping[int, str]
    margins: Mapping[int, float]
    simulated: frozenset[str] = frozenset()
    scopes: Mapping[str, Collection[str]] = field(default_factory=dict)

    def on(self, device: str) -> tuple[Codes, Floats, Floats, list[float]]:
        """Which trials have all costs of a `device` (m,), these and their errors (m, d), and margins (d,)."""
        columns = list(self.search.devices[device])
        costs = self.trials.costs[:, columns]
        rows = np.flatnonzero(np.isfinite(costs).all(axis=1) & ~self.trials.has_failed)
        errors = np.nan_to_num(self.trials.errors[rows][:, columns])
        return rows, costs[rows], errors, [self.margins[column] for column in columns]

    def called(self, device: str) -> str:
        """What a `device` is called in titles, where a simulated one says so."""
        return f"{device} (simulated)" if device in self.simulated else device


def answers(searched: Searched, *, seed: int = 1) -> list[Answer]:
    """The figures of what was `searched`: for each device the projections of its trials with `p_front`, and
    their hypervolume beside that of the random ones; for each pair of devices how far their fronts agree.

    Draws are from `seed`; a device on which fewer than two trials were measured is left out, and so are pairs
    of a simulated device and a real one, and of devices whose power is of unlike scopes.
    """
    search, given = searched.search, []
    measured = [device for device in search.devices if len(searched.on(device)[0]) > 1]
    for device in search.devices:
        if device not in measured:
            given.append(
                left_out(
                    STUDY, f"{_TITLES[0]}: {searched.called(device)}", "fewer than two trials were measured"
                )
            )
            continue
        given += [*_projections(searched, device, seed), _reached(searched, device)]
    pairs = {pair: _why_apart(searched, *pair) for pair in combinations(measured, 2)}
    if pairs:
        given.append(_fleet(searched, pairs, seed))
    return given


def _projections(searched: Searched, device: str, seed: int) -> Iterator[Answer]:
    """A figure for each pair of a device's objectives; the size of a point is `p_front`."""
    rows, costs, errors, margins = searched.on(device)
    is_front, p_front = front_of_trials(costs, errors, margins, seed=seed)
    columns = searched.search.devices[device]
    sentence = (
        f"{int(is_front.sum())} of {len(rows)} members are on the front as measured; "
        f"{int((p_front >= 0.5).sum())} of them all are more likely there than not."
    )
    for x, y in combinations(range(len(columns)), 2):
        points = tuple(
            {
                "x": float(costs[i, x]),
                "y": float(costs[i, y]),
                "place": "front" if is_front[i] else "tried",
                "p_front": round(float(p_front[i]), 3),
                "member": searched.names[row],
            }
            for i, row in enumerate(rows)
        )
        # Colours go by the first point: so the front has the same on all devices.
        points = tuple(sorted(points, key=lambda point: point["place"] != "front"))
        titles = (searched.titles[columns[x]], searched.titles[columns[y]])
        chart = Chart("point", "x", "y", "place", points, *titles, size="p_front")
        beside = f" by {titles[0]}" if x else ""
        title = f"{_TITLES[0]}: {searched.called(device)}, {titles[1]}{beside}"
        yield Answer(STUDY, title, "told", sentence, chart=chart)


def _reached(searched: Searched, device: str) -> Answer:
    """Hypervolume over trials, and in the table over hours, of all trials and of those drawn at random."""
    rows, costs, _, _ = searched.on(device)
    scale = front_scale(costs, [None] * costs.shape[1])
    is_drawn: Flags = np.array([searched.kinds[row] in _DRAWN for row in rows])
    points, table, last = [], [], {}
    for name, chosen in (("search", np.ones(len(rows), dtype=np.bool_)), ("random", is_drawn)):
        own, hours = costs[chosen], np.cumsum(searched.hours[rows[chosen]])
        for count in range(1, len(own) + 1):
            share = share_of_front(own[:count], scale)
            last[name, count] = share
            points.append(
                {"trials": count, "share": share, "members": name, "hours": float(hours[count - 1])}
            )
            table.append((name, count, float(hours[count - 1]), share))
    drawn = int(is_drawn.sum())
    sentence = "No member was drawn at random, so there is nothing beside it."
    if drawn:
        sentence = (
            f"The first {drawn} trials reach {last['search', drawn]:.1%} of what all reach; "
            f"as many at random reach {last['random', drawn]:.1%}."
        )
    title = "hypervolume, of what all trials reach"
    chart = Chart("line", "trials", "share", "members", tuple(points), "trials", title)
    columns = ("members", "trials", "hours", title)
    return Answer(
        STUDY, f"{_TITLES[1]}: {searched.called(device)}", "told", sentence, columns, tuple(table), chart
    )


def _why_apart(searched: Searched, first: str, second: str) -> str:
    """Why the fronts on two devices are not compared; empty where they are."""
    return unlike_kinds(first, second, searched.simulated) or unlike_scopes(first, second, searched.scopes)


def _fleet(searched: Searched, pairs: Mapping[tuple[str, str], str], seed: int) -> Answer:
    """How far the fronts of each pair of devices agree, over the trials that were measured on both.

    `pairs`: why they are not compared; empty where they are.
    """
    apart = [why for why in pairs.values() if why]
    if len(apart) > _APART_MAX:
        apart[_APART_MAX:] = [f"{len(apart) - _APART_MAX} more pairs are not compared for such reasons"]
    compared = [(pair, _compared(searched, pair, seed)) for pair, why in pairs.items() if not why]
    if not compared:
        return left_out(STUDY, _TITLES[2], "; ".join(apart))
    points = tuple(
        {
            "pair": f"{searched.called(first)}, {searched.called(second)}",
            "share": each.value,
            "lo": min(each.lo, each.value),
            "hi": max(each.hi, each.value),
            "verdict": each.verdict,
        }
        for (first, second), each in compared
    )
    rows = tuple((*pair, each.verdict, each.value, each.lo, each.hi) for pair, each in compared)
    holds = sum(each.verdict == "holds" for _, each in compared)
    sentence = f"In {holds} of {len(compared)} pairs of devices the front on one is not that on the other."
    if apart:
        sentence += f" Left out: {'; '.join(apart)}."
    title = "share of either front that is near the other"
    chart = Chart("point", "pair", "share", "verdict", points, "devices", title)
    columns = ("device", "other device", "fronts differ", title, "from", "to")
    return Answer(STUDY, _TITLES[2], "told", sentence, columns, rows, chart)


def _compared(searched: Searched, pair: tuple[str, str], seed: int) -> Statement:
    both = np.intersect1d(searched.on(pair[0])[0], searched.on(pair[1])[0])
    sides = []
    for device in pair:
        columns = list(searched.search.devices[device])
        errors = np.nan_to_num(searched.trials.errors[both][:, columns])
        sides.append(Measured(device, searched.trials.costs[both][:, columns], errors))
    margins = np.array(searched.on(pair[0])[3])
    return fronts_differ(sides[0], sides[1], margins, seed=seed)
