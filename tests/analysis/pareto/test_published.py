"""Numbers that others have published, reproduced by the exact kernel from data that moocore carries.

Fronts that are measured once are fleets without noise; a random set is a configuration whose runs are its
values. SFA tables are not here: the product has no frontier regression.
"""

from __future__ import annotations

import math

import moocore
import numpy as np
import pytest
import scipy.stats.qmc
from paretofleet_analysis.pareto import attainment, expected_hypervolume, front_probability

COSTS = [False, False]


def certain(points: np.ndarray) -> list[np.ndarray]:
    """Configurations that show these points in every run."""
    return list(np.asarray(points, dtype=float)[:, None])


def sets_of(name: str) -> list[np.ndarray]:
    data = moocore.get_dataset(name)
    return [data[data[:, -1] == k, :-1] for k in np.unique(data[:, -1])]


def vorobev(reached: np.ndarray, volume: float) -> tuple[float, float, float]:
    """Of sets by the points of a box that each reaches, (sets, points): mean volume, and the threshold and
    deviation of the Vorob'ev expectation, the points reached so often that they have about
    the mean volume together.
    """
    coverage = reached.mean(axis=0)
    mean = volume * coverage.mean()
    threshold = float(np.quantile(coverage, 1.0 - coverage.mean()))
    inside = coverage > threshold
    return mean, threshold, volume * float((reached != inside).mean())


def test_the_conditional_fronts_of_the_moocore_manual():
    """CPFs, reference (2, 200): threshold 44.140625 %, mean hypervolume 8943.33, deviation 3017.13."""
    fronts, reference = sets_of("CPFs.txt.xz"), np.array([2.0, 200.0])
    best = np.concatenate(fronts).min(axis=0)
    sides = reference - best
    points = best + sides * scipy.stats.qmc.Sobol(2, rng=np.random.default_rng(1)).random_base2(12)
    reached = np.array([attainment(certain(x), maximize=COSTS, targets=points) for x in fronts])
    mean, threshold, deviation = vorobev(reached, float(sides.prod()))
    assert mean == pytest.approx(8943.333191728081, rel=2e-3)
    assert 100 * threshold == pytest.approx(44.140625, abs=0.2)
    assert deviation == pytest.approx(3017.1298940232646, rel=5e-3)


def test_a_uniform_point_of_the_unit_square():
    """moocore's R suite gives 0.25 and 0.218 within 10 %; for continuous points 1/4 and 0.2137."""
    line = np.linspace(0.0, 1.0, 51)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    found = expected_hypervolume([grid], maximize=COSTS, reference=[1.0, 1.0])
    assert found.value == pytest.approx(0.25, abs=4 * found.error + 1e-3)
    points = scipy.stats.qmc.Sobol(2, rng=np.random.default_rng(2)).random_base2(11)
    np.testing.assert_allclose(
        attainment([grid], maximize=COSTS, targets=points), points.prod(axis=1), atol=0.04
    )
    reached = (grid[:, None] <= points).all(axis=2)
    assert vorobev(reached, 1.0)[2] == pytest.approx(0.218, abs=0.005)


@pytest.mark.parametrize(("number", "published"), [(1, 90.46272765), (2, 53.969708954)])
def test_the_hypervolumes_of_moocores_suite(number, published):
    front = sets_of("input1.dat")[number - 1]
    found = expected_hypervolume(certain(front), maximize=COSTS, reference=[10, 10], points=2**15)
    assert found.value == pytest.approx(published, abs=5 * found.error)
    assert found.error < 1e-3 * published


@pytest.mark.parametrize("maximize", [[False] * 3, [False, True, False], [True] * 3])
def test_two_boxes_in_three_dimensions(maximize):
    signs = np.where(maximize, -1.0, 1.0)
    points, reference = np.array([[1, 0, 1], [0, 1, 0]]) * signs, np.array([2, 2, 2]) * signs
    found = expected_hypervolume(certain(points), maximize=maximize, reference=reference, points=2**14)
    assert found.value == pytest.approx(5.0, abs=5 * found.error)


@pytest.mark.parametrize("further", [0, 1, 2])
@pytest.mark.parametrize(
    ("points", "on_front"),
    [
        ([[2, 0], [1, 1], [3, 0], [2, 0], [1, 2], [3, 0], [0, 2], [1, 1], [1, 1]], [0, 1, 3, 6, 7, 8]),
        ([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1]], [0, 2, 3, 4]),
    ],
)
def test_duplicates_stay_on_the_frontier(points, on_front, further):
    """moocore's test_is_nondominated_keep_weakly, with constant objectives added."""
    rows = np.append(points, np.zeros((len(points), further)), axis=1)
    found = front_probability(certain(rows), maximize=[False] * rows.shape[1])
    assert np.flatnonzero(found).tolist() == on_front


def test_the_third_set_of_input1():
    found = front_probability(certain(sets_of("input1.dat")[2]), maximize=COSTS)
    assert np.flatnonzero(found).tolist() == [4, 6, 7, 9]


@pytest.mark.parametrize(
    ("points", "maximize", "front"),
    [
        (
            [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 2], [1, 0, 0, 0], [10, 20, 0, 0], [20, 10, 0, 0]],
            [True] * 4,
            [2, 4, 5],
        ),
        ([[1, 2], [2, 1], [5, 6], [7, 5]], [True, False], [1, 3]),
        ([[1, 2], [2, 1], [5, 6], [7, 5]], [False, True], [0, 2]),
    ],
)
def test_directions(points, maximize, front):
    assert np.flatnonzero(front_probability(certain(points), maximize=maximize)).tolist() == front


@pytest.mark.parametrize("name", ["input1.dat", "spherical-250-10-3d.txt.xz"])
def test_the_attainment_of_a_random_set_is_moocores(name):
    """Each point of moocore's empirical attainment function is reached by as many sets as it says."""
    sets = sets_of(name)
    stacked = np.concatenate(sets)
    levels = moocore.eaf(stacked, sets=np.repeat(np.arange(len(sets)), [len(x) for x in sets]))
    some = levels[:: math.ceil(len(levels) / 400)]
    reached = sum(
        attainment(certain(x), maximize=[False] * stacked.shape[1], targets=some[:, :-1]) for x in sets
    )
    assert (reached >= np.round(some[:, -1] * len(sets) / 100) - 1e-9).all()
    assert (reached <= len(sets)).all()
