"""Stochastic frontiers against numerical integration and fleets whose inefficiencies are known."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.studies import frontier_likelihood, sfa
from paretofleet_analysis.studies.frontier_likelihood import LAWS, UnitRuns
from scipy.integrate import quad
from scipy.stats import norm


def density(u: float, sigma_u: float, law: str) -> float:
    return 2 * norm.pdf(u, 0, sigma_u) if law == "half-normal" else np.exp(-u / sigma_u) / sigma_u


def runs_of(logs: list[list[float]]) -> UnitRuns:
    return UnitRuns(
        np.array([float(len(unit)) for unit in logs]),
        np.array([np.mean(unit) for unit in logs]),
        np.array([np.sum((np.array(unit) - np.mean(unit)) ** 2) for unit in logs]),
        np.ones((len(logs), 1)),
    )


def fleet(seed: int, law: str, units: int = 40, noise: float = 0.1, spread: float = 0.3, count: int = 5):
    """Runs (N, count), a regressor (N, 1) and the inefficiencies (N,) of a made-up fleet."""
    rng = np.random.default_rng(seed)
    x = rng.lognormal(size=(units, 1))
    u = np.abs(rng.normal(size=units)) * spread if law == "half-normal" else rng.exponential(spread, units)
    logs = 0.5 + 0.7 * np.log(x) + u[:, None] + noise * rng.normal(size=(units, count))
    return np.exp(logs), x, u


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("unit", [[0.3], [-0.2], [0.31, 0.28, 0.4], [-0.1, 0.0]])
def test_likelihood_and_efficiencies_are_the_integrals_that_they_stand_for(law, unit):
    b0, sigma_u, sigma_v = 0.1, 0.25, 0.15
    runs = runs_of([unit])
    parameters = np.array([b0, np.log(sigma_u), np.log(sigma_v)])

    def joint(u: float) -> float:
        return density(u, sigma_u, law) * np.prod(norm.pdf(np.array(unit) - b0 - u, 0, sigma_v))

    whole = quad(joint, 0, 4, epsabs=1e-14)[0]
    assert frontier_likelihood.log_likelihood(runs, parameters, law) == pytest.approx(np.log(whole), abs=1e-9)
    left = frontier_likelihood.inefficiencies(runs, parameters, law)
    mean = quad(lambda u: u * joint(u), 0, 4, epsabs=1e-14)[0] / whole
    efficiency = quad(lambda u: np.exp(-u) * joint(u), 0, 4, epsabs=1e-14)[0] / whole
    assert frontier_likelihood.expected(left)[0] == pytest.approx(mean, abs=1e-8)
    assert frontier_likelihood.expected_efficiency(left)[0] == pytest.approx(efficiency, abs=1e-8)
    middle = float(frontier_likelihood.quantile(left, 0.5)[0])
    assert quad(joint, 0, middle, epsabs=1e-14)[0] / whole == pytest.approx(0.5, abs=1e-7)


@pytest.mark.parametrize("law", LAWS)
def test_the_frontier_of_a_made_up_fleet_is_found_again(law):
    runs, x, _ = fleet(1, law, units=200)
    found = sfa.fit(runs, x, law=law)
    assert found.has_inefficiency
    assert found.p_value < 1e-6
    assert np.abs(found.coefficients - [0.5, 0.7]) == pytest.approx([0, 0], abs=0.1)
    assert found.sigma_u == pytest.approx(0.3, rel=0.25)
    assert found.sigma_v == pytest.approx(0.1, rel=0.1)
    assert (found.coefficient_errors > 0).all()


@pytest.mark.parametrize("law", LAWS)
def test_intervals_of_95_percent_hold_the_efficiencies(law):
    inside = []
    for seed in range(6):
        runs, x, u = fleet(seed, law, units=24)
        fitted = sfa.fit(runs, x, law=law, seed=seed)
        inside += list((fitted.low <= np.exp(-u)) & (np.exp(-u) <= fitted.high))
    assert 0.90 <= np.mean(inside) <= 0.995


def test_a_gain_is_a_cost_the_other_way_round():
    runs, x, _ = fleet(2, "half-normal")
    cost, gain = sfa.fit(runs, x), sfa.fit(1 / runs, x, direction="gain")
    assert gain.coefficients == pytest.approx(-cost.coefficients)
    assert gain.efficiency == pytest.approx(cost.efficiency)


def test_where_runs_lean_the_other_way_no_inefficiency_is_made_up():
    rng = np.random.default_rng(3)
    x = rng.lognormal(size=(60, 1))
    runs = np.exp(0.7 * np.log(x) - rng.exponential(0.3, size=(60, 1)))
    fitted = sfa.fit(runs, x)
    assert not fitted.has_inefficiency
    assert (fitted.efficiency == 1).all()
    assert fitted.sigma_u == 0
    assert (fitted.low < 1).all()


def test_without_any_inefficiency_the_test_rarely_sees_some():
    seen = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = rng.lognormal(size=(30, 1))
        seen += sfa.fit(np.exp(0.7 * np.log(x) + 0.1 * rng.normal(size=(30, 3))), x).p_value < 0.01
    assert seen <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"direction": "up"}, "give 'cost' or 'gain'"),
        ({"law": "gamma"}, "give 'half-normal' or 'exponential'"),
        ({"confidence": 95}, "a share between 0 and 1"),
        ({"regressors": [[1.0]]}, "a row for each of 6 units"),
        ({"runs": [[1.0]] * 5 + [[0.0]]}, "unit 5 is empty or holds"),
        ({"runs": [[1.0]] * 3, "regressors": [[1.0]] * 3}, "3 units are too few"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, said):
    given = {"runs": [[1.0 + n] for n in range(6)], "regressors": [[1.0 + n] for n in range(6)]} | change
    with pytest.raises(ValueError, match=said):
        sfa.fit(given.pop("runs"), given.pop("regressors"), **given)
