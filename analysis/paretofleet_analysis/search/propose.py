"""What a search tries next: a pure function of its trials and its seed.

Candidates are members at random and neighbours of the front. By turns the one is proposed that is expected to
be the best by a weight of ParEGO, and of those that ten weights choose the one that is expected to add most
hypervolume. Every 4th proposal is a mutant of the front and every 12th a stranger, so that a model that is
wrong does not blind the search. Source: Knowles 2006, ParEGO; Emmerich, Giannakoglou, Naujoks 2006, expected
hypervolume improvement.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.special_functions import ndtr

from .expected import Expected, expected_of
from .members import diagonal, draw, encode, members_at, mutants, numbers_of
from .space import Codes, Floats, Space
from .trials import Search, Trials, in_logs, optimiser_costs

Kind = Literal["diagonal", "start", "best", "mutant", "control"]
#: Says of a member (p,) which graph it has; members of one graph are measured once.
#: None for one that cannot be made, which is passed over.
GraphOf = Callable[[Codes], Hashable]
Candidates = Iterator[tuple[Codes, Kind]]
#: Suggests members for a device, the best first, given a search, its trials and a generator.
Method = Callable[[Search, Trials, str, np.random.Generator], Candidates]
#: Rows of a pool of members (m, p) in the order in which they are worth a trial, given what is expected of
#: them, the box of the front, and a generator.
Rank = Callable[["Expected", Codes, "Box", np.random.Generator], Codes]

#: Of what the method does not choose at first, this part is on the diagonal of the space.
_DIAGONAL_EVERY = 4
_MUTANT_EVERY = 4
_POOL, _NEIGHBOURS, _MUTANTS = 1000, 500, 64
_WEIGHTS, _PER_WEIGHT, _BY_CHANCE = 10, 30, 30
_AUGMENT = 0.05
#: What lies beyond the top of the box pays so much for each span.
_BEYOND = 10.0
#: Where hypervolume is looked for, in spans of the front from its ideal.
_BOTTOM, _TOP, _TOP_MAX = -0.1, 1.1, 2.5
#: At how many points that nothing dominates yet, drawn in so many rounds at most: a good front leaves few.
_POINTS, _ROUNDS_MAX = 400, 40
#: A mutant, and what a weight chooses, that works less probably is not tried.
_WORKS_MIN = {"mutant": 0.9, "best": 0.7}
#: So much what may fail is shunned: the power to which the probability that it works is taken.
_CAUTION = 8
_TRIES = 1000


@dataclass(frozen=True)
class Proposal:
    """A member `codes` (p,) with its `graph` to try, the `device` whose front it is to better, and its
    `kind`: of the "diagonal", drawn at the "start", the "best" of the candidates, a "mutant", or the random
    "control".
    """

    codes: Codes
    graph: Hashable
    device: str
    kind: Kind


def propose(
    search: Search,
    trials: Trials,
    *,
    rotation: Sequence[str] = (),
    count: int = 1,
    graph_of: GraphOf | None = None,
    method: Method | None = None,
) -> list[Proposal]:
    """Up to `count` members to try next, given the `trials` of a `search`; fewer where no new one is left.

    Devices take turns: those in the `rotation`, or all. `graph_of` tells which members have the same graph;
    without it each is its own. `method`: the Gaussian process by default. The same trials and seed give the
    same proposals. Raises SearchError for a device that the search does not have, and for a search of none.
    """
    turns = list(rotation) or list(search.devices)
    if not turns:
        raise SearchError("the search has no devices: name one at least")
    strange = [device for device in turns if device not in search.devices]
    if strange:
        raise SearchError(f"{strange[0]} is no device of this search: it has {', '.join(search.devices)}")
    proposals: list[Proposal] = []
    graph_of = graph_of or (lambda codes: int(numbers_of(search.space, codes)[0]))
    for _ in range(count):
        number = len(trials.codes)
        device = turns[number % len(turns)]
        random = np.random.default_rng([search.seed, number])
        candidates = _candidates(search, trials, device, random, method or by_process)
        taken = {None, *trials.graphs}
        new = next(((c, kind, g) for c, kind in candidates if (g := graph_of(c)) not in taken), None)
        if new is None:
            break
        proposals.append(Proposal(new[0], new[2], device, new[1]))
        trials = trials.followed_by(new[0], new[2])
    return proposals


def _candidates(
    search: Search,
    trials: Trials,
    device: str,
    random: np.random.Generator,
    method: Method,
) -> Candidates:
    """Members in the order in which they would be tried; at last any."""
    number = len(trials.codes)
    good = (
        trials.is_done & ~trials.has_failed & np.isfinite(trials.costs[:, search.devices[device]]).all(axis=1)
    )
    every = round(1 / search.control) if search.control > 0.0 else 0
    if number < search.start or good.sum() < 2:
        for codes in _diagonal_from(search, number):
            yield codes, "diagonal"
        yield from strangers(search.space, random, "start")
    elif every and number % every == every - 1:
        yield from strangers(search.space, random, "control")
    else:
        yield from method(search, trials, device, random)
    yield from strangers(search.space, random, "control")


def _diagonal_from(search: Search, number: int) -> Codes:
    """Members of the diagonal that a `search` has still to try at the trial of this `number`."""
    count = (search.start - search.hand_made) // _DIAGONAL_EVERY if search.has_diagonal else 0
    return diagonal(search.space, count)[max(0, number - search.hand_made) :]


def strangers(space: Space, random: np.random.Generator, kind: Kind = "control") -> Candidates:
    """Members of the `space` as `random` draws them, of this `kind`; of a small one each in the end."""
    for codes in draw(space, _TRIES, random):
        yield codes, kind
    if space.size <= _TRIES * 100:
        for codes in members_at(space, random.permutation(space.size)):
            yield codes, kind


def by_process(
    search: Search,
    trials: Trials,
    device: str,
    random: np.random.Generator,
    *,
    ranks: Sequence[Rank] | None = None,
) -> Candidates:
    """Members that a Gaussian process of the `trials` of a `search` suggests for a `device`, best first;
    every 4th time mutants of its front. `random` draws candidates; `ranks` take turns, by default the volume
    that is expected and a weight.
    """
    ranks = ranks or (by_added_volume, by_weight)
    search, trials = in_logs(search, trials)
    space, columns = search.space, search.devices[device]
    costs = np.stack([optimiser_costs(trials, column) for column in columns], axis=1)
    good = np.isfinite(costs).all(axis=1) & ~trials.has_failed
    if (good & search.is_within(trials.costs)).any():
        good &= search.is_within(trials.costs)
    front = np.flatnonzero(good)[nondominated(costs[good], maximize=[False] * len(columns))]
    expected = expected_of(space, trials, columns)
    if _is_mutants_turn(search, len(trials.codes)):
        yield from _mutants(expected, trials.codes[front], random)
    pool = _pool(space, trials.codes[front], random)
    pool = pool[~np.isin(numbers_of(space, pool), numbers_of(space, trials.codes))]
    if len(pool):
        limits = np.array([search.limits.get(column, np.inf) for column in columns])
        rank = ranks[_ranked_before(search, len(trials.codes)) % len(ranks)]
        for row in rank(expected, pool, Box.around(costs[front], limits), random):
            yield pool[row], "best"


def _is_mutants_turn(search: Search, number: int) -> bool:
    """Whether the proposal of this `number` is a mutant; with an even number of devices it moves on by one in
    every round, or one of them would get all.
    """
    devices = len(search.devices)
    moved = number if devices % 2 else number + number // devices
    return moved % _MUTANT_EVERY == _MUTANT_EVERY - 1


def _ranked_before(search: Search, number: int) -> int:
    """How many of the first `number` proposals were neither mutants nor controls, about."""
    return number - number // _MUTANT_EVERY - int(number * search.control)


def _working(works: Floats, kind: Kind) -> Codes:
    """Those rows that work as probably (m,) as their `kind` has to, or where hardly any does the safest."""
    return np.flatnonzero(works >= min(_WORKS_MIN[kind], float(np.quantile(works, 0.75))))


def _mutants(expected: Expected, front: Codes, random: np.random.Generator) -> Candidates:
    """Mutants of members of the `front`, some of two steps, that are expected to work."""
    parents = front[_spread(expected, front, _MUTANTS, random)]
    children = mutants(expected.space, parents, random)
    twice = random.random(len(children)) < 0.3
    children[twice] = mutants(expected.space, children[twice], random)
    works = expected.works(encode(expected.space, children))
    for codes in children[_working(works, "mutant")]:
        yield codes, "mutant"


def _spread(expected: Expected, front: Codes, count: int, random: np.random.Generator) -> Codes:
    """(count,) rows of the `front` (f, p), each the best by a weight of its own, so that what is alone at an
    end is taken as often as the many in the middle.
    """
    means, _ = expected.means(encode(expected.space, front))
    box = Box.around(means, np.full(means.shape[1], np.inf))
    scaled = (means - box.ideal) / box.span
    weights = random.dirichlet(np.ones(means.shape[1]), count)
    return np.array([np.argmin(_tchebycheff(scaled, weight)) for weight in weights])


def _pool(space: Space, front: Codes, random: np.random.Generator) -> Codes:
    """(m, p) distinct candidates: some or all members, and neighbours of the `front` at one and two steps."""
    if space.size <= _POOL:
        return members_at(space, range(space.size))
    parents = front[np.arange(_NEIGHBOURS) % len(front)]
    near = mutants(space, parents, random)
    rows = np.concatenate([draw(space, _POOL, random), near, mutants(space, near, random)])
    return members_at(space, np.unique(numbers_of(space, rows)))


@dataclass(frozen=True)
class Box:
    """Where hypervolume is looked for: `ideal` and `span` (d,) of a front, and `top` (d,), in spans from the
    ideal: where a limit is, or a tenth beyond the worst of the front.
    """

    ideal: Floats
    span: Floats
    top: Floats

    @classmethod
    def around(cls, front: Floats, limits: Floats) -> Box:
        """The box of the costs of a `front` (f, d) with `limits` (d,), infinite where there is none."""
        ideal, spread = front.min(axis=0), np.ptp(front, axis=0)
        span = np.where(spread > 0.0, spread, 1.0)
        top = np.where(np.isfinite(limits), np.clip((limits - ideal) / span, 0.1, _TOP_MAX), _TOP)
        return cls(ideal, span, top)

    def points(self, reached: Floats, random: np.random.Generator) -> Floats:
        """(u, d) points at random in the box that none of the scaled costs `reached` (n, d) dominates: 400,
        or fewer where next to nothing of the box is left.
        """
        front = reached[nondominated(reached, maximize=[False] * len(self.top))]
        kept, count = [], 0
        for _ in range(_ROUNDS_MAX):
            points = random.uniform(_BOTTOM, self.top, (_POINTS, len(self.top)))
            kept.append(points[~(front <= points[:, None]).all(axis=2).any(axis=1)])
            count += len(kept[-1])
            if count >= _POINTS:
                break
        return np.asarray(np.concatenate(kept)[:_POINTS])


def _tchebycheff(scaled: Floats, weight: Floats) -> Floats:
    """(m,) the augmented Tchebycheff value of `scaled` costs (m, d) by a `weight` (d,); less is better."""
    return np.asarray((weight * scaled).max(axis=1) + _AUGMENT * (weight * scaled).sum(axis=1))


def _beyond(scaled: Floats, box: Box) -> Floats:
    """(m,) what `scaled` costs (m, d) pay for being beyond the top of the `box`."""
    return np.asarray(_BEYOND * np.maximum(scaled - box.top, 0.0).sum(axis=1))


def by_weight(expected: Expected, pool: Codes, box: Box, random: np.random.Generator) -> Codes:
    """Rows of the `pool`, first the one that is `expected` to be the best by a weight that `random` draws, in
    spans of the `box`.
    """
    encoded = encode(expected.space, pool)
    rows = _working(expected.works(encoded), "best")
    means, _ = expected.means(encoded[rows])
    scaled = (means - box.ideal) / box.span
    weight = random.dirichlet(np.ones(len(box.top)))
    return rows[np.argsort(_tchebycheff(scaled, weight) + _beyond(scaled, box), kind="stable")]


def by_added_volume(expected: Expected, pool: Codes, box: Box, random: np.random.Generator) -> Codes:
    """Those rows of the `pool` that are worth a look, first the one that is `expected` to add most volume in
    the `box`; `random` draws weights and points.
    """
    encoded = encode(expected.space, pool)
    means, covariances = expected.means(encoded)
    scaled = (means - box.ideal) / box.span
    outside = _beyond(scaled, box)
    best = min(_PER_WEIGHT, len(pool) - 1)
    rows = {int(row) for row in random.integers(0, len(pool), _BY_CHANCE)}
    for weight in random.dirichlet(np.ones(len(box.top)), _WEIGHTS):
        value = _tchebycheff(scaled, weight) + outside
        rows.update(np.argpartition(value, best)[: best + 1].tolist())
    looked_at = np.array(sorted(rows))
    deviations = expected.deviations(covariances, looked_at) / box.span
    reached, _ = expected.means(expected.costs[0].observations.encoded)
    empty = box.points((reached - box.ideal) / box.span, random)
    adds = np.ones((len(looked_at), len(empty)))
    for k in range(len(box.top)):
        adds *= ndtr((empty[:, k] - scaled[looked_at, None, k]) / deviations[:, None, k])
    value = adds.sum(axis=1) * expected.works(encoded[looked_at]) ** _CAUTION
    return np.asarray(looked_at[np.argsort(-value, kind="stable")])
