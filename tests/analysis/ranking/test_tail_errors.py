"""The tails of sure verdicts: the bound over all pairs, of which few have to be looked at."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto.margins import in_margins
from paretofleet_analysis.ranking import tail_errors as module
from paretofleet_analysis.ranking.tail_errors import tail_errors
from paretofleet_analysis.special_functions import stdtr

MARGINS = [Margin(0.02), Margin(0.05)]


def _fleet(size: int, noise: float) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng([size, int(1000 * noise)])
    means = rng.standard_normal((size, 2))
    means[: size // 4, 1] = np.round(means[: size // 4, 1])
    points = [np.exp(mean + noise * rng.standard_normal((30, 2))) for mean in means]
    return points, rng.choice([0.0, 1e-4, 0.003, 0.3, 0.9, 0.995, 1.0], size)


def _of_all_pairs(points: list[np.ndarray], p_front: np.ndarray) -> np.ndarray:
    """The same bounds, written out: every row held against every other."""
    rows = [np.column_stack([in_margins(x[:, k], MARGINS[k].value) for k in range(2)]) for x in points]
    rows = [np.column_stack([x, x.sum(axis=1)]) for x in rows]
    middle, spread = np.array([x.mean(axis=0) for x in rows]), np.array([x.var(axis=0) for x in rows])
    edges, errors = np.array([1.0, 1.0, 0.0]), np.minimum(p_front, 1 - p_front)
    for i in np.flatnonzero(errors < 0.01):
        gaps = middle[i] - np.delete(middle, i, axis=0)
        reach = np.sqrt(spread[i] + np.delete(spread, i, axis=0)) + 1e-300
        below, above = stdtr(6, (-edges - gaps) / reach), stdtr(6, (gaps - edges) / reach)
        if p_front[i] < 0.5:
            fails = below[:, :2].sum(axis=1) + (1 - above[:, :2]).min(axis=1) + below[:, 2]
            bound = np.minimum(fails, 1).min()
        else:
            bound = np.minimum((1 - below).min(axis=1), above[:, :2].sum(axis=1)).sum()
        errors[i] = np.clip(bound, 1e-6, errors[i])
    return errors


@pytest.mark.parametrize("noise", [0.003, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("cells", [200, 1_000_000])
def test_they_are_those_of_all_pairs(monkeypatch, noise, cells):
    monkeypatch.setattr(module, "_CELLS", cells)
    points, p_front = _fleet(300, noise)
    found, expected = tail_errors(points, p_front, [False, False], MARGINS), _of_all_pairs(points, p_front)
    is_beaten = p_front < 0.5
    assert (found[is_beaten] == expected[is_beaten]).all(), "to the last digit"
    np.testing.assert_allclose(found[~is_beaten], expected[~is_beaten], rtol=1e-12)


def test_few_pairs_of_a_noisy_fleet_are_looked_at(monkeypatch):
    points, _ = _fleet(400, 0.5)
    asked = []

    def counting(freedom: float, x: np.ndarray) -> np.ndarray:
        asked.append(x.size)
        return stdtr(freedom, x)

    monkeypatch.setattr(module, "stdtr", counting)
    tail_errors(points, np.zeros(400) + 0.001, [False, False], MARGINS)
    assert sum(asked) < 0.1 * 2 * 3 * 400**2
