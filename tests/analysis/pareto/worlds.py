"""The slow obvious twins: every possible fleet written out, with fractions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

Point = tuple[float, ...]


def worlds(samples: Sequence[Sequence[Point]]) -> Iterator[tuple[Fraction, tuple[Point, ...]]]:
    """Each way in which every configuration can show one of its runs, with its probability."""
    count = 1
    for runs in samples:
        count *= len(runs)
    for world in itertools.product(*samples):
        yield Fraction(1, count), world


def dominates(a: Point, b: Point) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def beats_by(margins: Sequence[float]) -> Callable[[Point, Point], bool]:
    """Nothing worse by more than an absolute margin, something better by more than it, and more gained than
    lost, each counted in margins. Where the margin is 0 any loss forbids and any gain outweighs.
    """

    def beats(a: Point, b: Point) -> bool:
        gains = [Fraction(y) - Fraction(x) for x, y in zip(a, b, strict=True)]
        limits = [Fraction(m) for m in margins]
        if any(gain < -limit for gain, limit in zip(gains, limits, strict=True)):
            return False
        if not any(gain > limit for gain, limit in zip(gains, limits, strict=True)):
            return False
        if any(gain > 0 for gain, limit in zip(gains, limits, strict=True) if not limit):
            return True
        return sum(gain / limit for gain, limit in zip(gains, limits, strict=True) if limit) > 0

    return beats


def front_probability(samples: Sequence[Sequence[Point]], beats: Callable[[Point, Point], bool] = dominates):
    out = [Fraction(0)] * len(samples)
    for p, world in worlds(samples):
        for i, mine in enumerate(world):
            if not any(beats(other, mine) for j, other in enumerate(world) if j != i):
                out[i] += p
    return out


def shared_front_probability(
    samples: Sequence[Sequence[Point]],
    groups: Sequence[int],
    values: Sequence[Sequence[Point]],
    beats: Callable[[Point, Point], bool] = dominates,
):
    """The shared vector of a group is drawn once for all of its configurations."""
    out = [Fraction(0)] * len(samples)
    for p_shared, vectors in worlds(values):
        for p, world in worlds(samples):
            whole = [vectors[g] + x for g, x in zip(groups, world, strict=True)]
            for i, mine in enumerate(whole):
                if not any(beats(other, mine) for j, other in enumerate(whole) if j != i):
                    out[i] += p * p_shared
    return out


def dominance_probability(samples: Sequence[Sequence[Point]]):
    out = [[Fraction(0)] * len(samples) for _ in samples]
    for p, world in worlds(samples):
        for i, j in itertools.permutations(range(len(world)), 2):
            if dominates(world[i], world[j]):
                out[i][j] += p
    return out


def dominators(samples: Sequence[Sequence[Point]], up_to: int):
    out = [[Fraction(0)] * (up_to + 1) for _ in samples]
    for p, world in worlds(samples):
        for i, mine in enumerate(world):
            count = sum(dominates(other, mine) for j, other in enumerate(world) if j != i)
            if count <= up_to:
                out[i][count] += p
    return out


def efficiency_above(samples: Sequence[Sequence[Point]], thresholds: Sequence[float]):
    """P(theta > c); nobody but i itself reaches it at c x_i."""
    out = [[Fraction(0)] * len(thresholds) for _ in samples]
    for p, world in worlds(samples):
        for i, mine in enumerate(world):
            others = [w for j, w in enumerate(world) if j != i]
            for t, c in enumerate(thresholds):
                reached = c >= 1 or any(all(x <= c * y for x, y in zip(o, mine, strict=True)) for o in others)
                out[i][t] += 0 if reached else p
    return out


def attained(samples: Sequence[Sequence[Point]], target: Point) -> Fraction:
    return sum(
        (
            p
            for p, world in worlds(samples)
            if any(all(x <= t for x, t in zip(w, target, strict=True)) for w in world)
        ),
        Fraction(0),
    )
