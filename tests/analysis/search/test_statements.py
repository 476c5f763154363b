"""Statements about a fleet: each holds, does not, or is undecided, and noise alone makes none hold."""

import numpy as np
import pytest
from paretofleet_analysis.search.statements import Measured, best_is_slow, fronts_differ, reaches_more

MARGINS = np.array([0.2, np.log10(1.02)])
NOISE = np.array([0.4, np.log10(1.01)])


def truth(seed=0, turn=0.0):
    """300 members; the more `turn`, the less one device's times are another's."""
    random = np.random.default_rng(seed)
    size, other = random.random(300), random.random(300)
    error = 40.0 - 25.0 * size + 4.0 * random.random(300)
    return np.stack([error, 0.8 * size + 0.05 * random.random(300) + turn * other], axis=1)


def measured(name, costs, random, errors):
    time = costs[:, 1] + NOISE[1] * random.standard_normal(len(costs))
    return Measured(name, np.stack([errors, time], axis=1), np.broadcast_to(NOISE, costs.shape))


def pair(seed, turn):
    random = np.random.default_rng(seed)
    first, second = truth(), truth(turn=turn)
    errors = first[:, 0] + NOISE[0] * random.standard_normal(300)
    return measured("a", first, random, errors), measured("b", second, random, errors)


def test_fronts_of_unlike_devices_differ():
    statement = fronts_differ(*pair(1, turn=0.4), MARGINS)
    assert statement.sentence == "the front on a is not that on b"
    assert statement.verdict == "holds"
    assert statement.lo <= statement.value <= statement.hi


def test_a_device_measured_twice_hardly_ever_differs_from_itself():
    verdicts = [fronts_differ(*pair(seed, turn=0.0), MARGINS).verdict for seed in range(10)]
    assert verdicts.count("holds") <= 1


def test_the_best_of_a_device_may_be_slow_on_another():
    first, second = pair(2, turn=0.0)
    best = np.argmin(first.costs[:, 1])
    first.costs[best, 1] -= 0.1
    swapped = second.costs.copy()
    swapped[best, 1] += np.log10(2.0)
    assert best_is_slow(first, Measured("c", swapped, second.errors), 1).verdict == "holds"
    wide = Measured("b", second.costs * [1.0, 0.01], second.errors)
    assert best_is_slow(first, wide, 1).verdict in ("does not", "undecided")
    same = Measured("a", first.costs, np.zeros_like(first.costs))
    assert best_is_slow(same, same, 1).verdict == "does not"


@pytest.mark.parametrize(("gain", "verdict"), [(-3.0, "holds"), (0.0, "undecided"), (3.0, "does not")])
def test_who_reaches_more_is_told_from_noise(gain, verdict):
    first, second = pair(3, turn=0.0)
    moved = Measured("search", first.costs + np.array([gain, gain / 30]), first.errors)
    assert reaches_more(moved, second).verdict == verdict
