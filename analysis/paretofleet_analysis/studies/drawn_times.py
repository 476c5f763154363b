"""Times of models drawn as their runs leave them open, once for all comparisons of a place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Floats = np.ndarray
#: How often times are drawn.
DRAWS = 200
#: Numbers kept at once: 256 MB of them.
_KEPT_MAX = 32_000_000


class DrawnTimes:
    """What is said of drawn times, kept by the times themselves: many pairs of places ask for the same.

    Every answer is of `DRAWS` draws with the same `seed`, so it does not depend on what was asked before.
    """

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._kept: dict[tuple[object, ...], Floats] = {}
        self._numbers = 0

    def fronts(self, top1: Floats, seconds: Floats, errors: Floats) -> Floats:
        """(DRAWS, n) who is on the front of `top1` (n,), in percent, and drawn times, as an origin.

        `seconds` (n,) of an item, with the `errors` (n,) of their logarithms.
        """

        def make() -> Floats:
            return fronts_of(top1, seconds * np.exp(errors * self._normal((2, len(seconds)))[:, 0]))

        return self._keep(("front", top1.tobytes(), seconds.tobytes(), errors.tobytes()), make)

    def near(self, top1: Floats, seconds: Floats, errors: Floats, margin: float) -> Floats:
        """(DRAWS, n) whose drawn time, as the other place, is within a `margin` of the fastest as accurate.

        `top1`, `seconds` and `errors` as for `fronts`.
        """

        def make() -> Floats:
            times = seconds * np.exp(errors * self._normal((2, len(seconds)))[:, 1])
            return np.asarray(slower_by(top1, times) < 1 + margin)

        return self._keep(("near", margin, top1.tobytes(), seconds.tobytes(), errors.tobytes()), make)

    def over_fastest(self, seconds: Floats, errors: Floats) -> Floats:
        """(n, DRAWS) by which factor each drawn time is above the fastest of its draw."""

        def make() -> Floats:
            times = seconds * np.exp(errors * self._normal((len(seconds),)))
            return np.ascontiguousarray((times / times.min(axis=1)[:, None]).T)

        return self._keep(("fastest", seconds.tobytes(), errors.tobytes()), make)

    def _normal(self, shape: tuple[int, ...]) -> Floats:
        """(DRAWS, *shape) the same draws for each shape."""
        return self._keep(
            ("normal", shape),
            lambda: np.random.default_rng(self._seed).standard_normal((DRAWS, *shape)),
        )

    def _keep(self, key: tuple[object, ...], make: Callable[[], Floats]) -> Floats:
        kept = self._kept.get(key)
        if kept is None:
            kept = make()
            self._numbers += kept.nbytes // 8
            if self._numbers > _KEPT_MAX:
                self._kept, self._numbers = {}, kept.nbytes // 8
            self._kept[key] = kept
        return kept


def fronts_of(top1: Floats, times: Floats) -> Floats:
    """(k, n) who is on the front of `top1` (n,), in percent, and each of the `times` (k, n).

    >>> fronts_of(np.array([70.0, 80.0]), np.array([[1.0, 2.0], [3.0, 2.0]])).tolist()
    [[True, True], [False, True]]
    """
    order, starts, group = _by_accuracy(top1)
    least = np.minimum.reduceat(times[:, order], starts, axis=1)
    better = np.minimum.accumulate(least, axis=1)[:, :-1]
    ahead = np.concatenate([np.full((len(times), 1), np.inf), better], axis=1)
    # of equal accuracies the fastest stay, if nothing more accurate is as fast
    return np.asarray((times == least[:, group]) & (times < ahead[:, group]))


def slower_by(top1: Floats, times: Floats) -> Floats:
    """(k, n) by which factor each of the `times` (k, n) is slower than the fastest at least as accurate.

    `top1` (n,): percent.

    >>> slower_by(np.array([70.0, 80.0]), np.array([[1.0, 2.0], [3.0, 2.0]])).tolist()
    [[1.0, 1.0], [1.5, 1.0]]
    """
    order, starts, group = _by_accuracy(top1)
    best = np.minimum.accumulate(np.minimum.reduceat(times[:, order], starts, axis=1), axis=1)
    return np.asarray(times / best[:, group])


def _by_accuracy(top1: Floats) -> tuple[Floats, Floats, Floats]:
    """The order (n,) from the most accurate on, where each accuracy starts in it, and each one's group."""
    order = np.argsort(-top1, kind="stable")
    starts = np.flatnonzero(np.diff(top1[order], prepend=np.inf))
    group = np.empty(len(top1), dtype=int)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(top1))))
    return order, starts, group
