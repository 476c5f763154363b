"""Without noise the ranking is a frontier, and all who compute frontiers agree on it, ties included.

The peers come from requirements-peers.txt; without them the tests are skipped and say so. pymoo's own sort is
asked, because its default one is moocore's.
"""

from __future__ import annotations

from collections.abc import Callable

import moocore
import numpy as np
import pytest
from paretofleet_analysis.pareto import front_probability

MISSING = "{} is not installed; pip install --no-deps -r requirements-peers.txt to compare with it"


def pymoo_fronts(points: np.ndarray) -> np.ndarray:
    sorting = pytest.importorskip(
        "pymoo.util.nds.fast_non_dominated_sort", reason=MISSING.format("pymoo")
    ).fast_non_dominated_sort
    numbers = np.empty(len(points), dtype=int)
    for number, front in enumerate(sorting(points)):
        numbers[front] = number
    return numbers


def paretoset_fronts(points: np.ndarray) -> np.ndarray:
    peer = pytest.importorskip("paretoset", reason=MISSING.format("paretoset"))
    numbers = np.full(len(points), -1)
    for number in range(len(points)):
        left = np.flatnonzero(numbers < 0)
        if not len(left):
            break
        numbers[left[peer.paretoset(points[left], distinct=False, use_numba=False)]] = number
    return numbers


PEERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "moocore": moocore.pareto_rank,
    "pymoo": pymoo_fronts,
    "paretoset": paretoset_fronts,
}
#: Whole numbers full of ties and copies; continuous values; everybody on the front; nobody but one.
SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "ties": lambda rng, d: rng.integers(0, 5, (150, d)).astype(float),
    "continuous": lambda rng, d: rng.random((150, d)),
    "all on the front": lambda rng, d: np.roll(np.eye(d), 1)[rng.integers(d, size=40)] * -1.0,
    "a chain": lambda rng, d: rng.permutation(60)[:, None] * np.ones(d),
}


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("peer", PEERS)
def test_a_fleet_without_noise_has_the_fronts_of(peer, shape, d):
    points = SHAPES[shape](np.random.default_rng(d), d)
    expected = PEERS[peer](points)
    samples = [np.tile(point, (2, 1)) for point in points]
    costs = [False] * d
    np.testing.assert_array_equal(front_probability(samples, maximize=costs), expected == 0)


@pytest.mark.parametrize("peer", PEERS)
def test_a_noisy_fleet_is_on_the_front_as_often_as_drawn_fleets_are_for(peer):
    rng = np.random.default_rng(5)
    samples = [mean * np.exp(0.2 * rng.standard_normal((4, 2))) for mean in rng.random((12, 2)) + 0.2]
    draws, hits = 400, np.zeros(12)
    for _ in range(draws):
        hits += PEERS[peer](np.array([x[rng.integers(4)] for x in samples])) == 0
    p = front_probability(samples, maximize=[False, False])
    assert (np.abs(hits / draws - p) <= 4.5 * np.sqrt(p * (1 - p) / draws) + 1e-9).all()
