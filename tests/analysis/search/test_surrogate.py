"""The Gaussian process: against scikit-learn's, its slopes, and what it says of members never measured."""

import numpy as np
import pytest
from paretofleet_analysis.search.members import draw, encode
from paretofleet_analysis.search.space import space_of
from paretofleet_analysis.search.surrogate import (
    Observations,
    _negative_likelihood,
    _standard,
    condition,
    fit,
)
from scipy.optimize import check_grad

SPACE = space_of({"a": [0, 1, 2], "b": [0, 1, 2, 3], "c": [0, 1], "d": {"values": [0, 1], "if": {"c": 1}}})
WIDTH = 3 + 4 + 2 + 2


def observations(count=30, noise=0.1):
    random = np.random.default_rng(1)
    codes = draw(SPACE, count, random)
    values = codes[:, 0] + 0.3 * codes[:, 1] ** 2 + noise * random.standard_normal(count)
    return Observations(encode(SPACE, codes), values, np.full(count, noise**2))


def test_slopes_are_those_of_differences():
    seen = observations()
    centre, unit = _standard(seen.values)
    arguments = (seen, (seen.values - centre) / unit, seen.variances / unit**2)
    logs = np.append(np.linspace(0.3, 1.1, WIDTH), [0.2, -4.0])
    value = lambda at: _negative_likelihood(at, *arguments)[0]  # noqa: E731
    slope = lambda at: _negative_likelihood(at, *arguments)[1]  # noqa: E731
    assert check_grad(value, slope, logs) < 1e-4


def test_expectations_are_those_of_scikit_learn():
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    regression = pytest.importorskip("sklearn.gaussian_process").GaussianProcessRegressor
    seen = observations()
    lengths = np.linspace(1.0, 3.0, WIDTH)
    process = condition(seen, np.log([*lengths, 1.7, 1e-3]))
    kernel = 1.7 * kernels.Matern(lengths, nu=2.5)
    centre, unit = _standard(seen.values)
    theirs = regression(kernel, alpha=seen.variances / unit**2 + 1e-3 + 1e-8, optimizer=None)
    theirs.fit(seen.encoded, (seen.values - centre) / unit)
    elsewhere = encode(SPACE, draw(SPACE, 50, np.random.default_rng(2)))
    mean, deviation = theirs.predict(elsewhere, return_std=True)
    covariance = process.covariance(elsewhere)
    assert process.mean(covariance) == pytest.approx(centre + unit * mean, rel=1e-6)
    assert process.deviation(covariance) == pytest.approx(unit * deviation, rel=1e-4, abs=1e-5)


def test_a_value_has_the_longer_scale_the_less_it_changes():
    """Of b (columns 3 to 6) the last value costs most; c and d (7 to 10) cost nothing."""
    logs = fit(observations(80))
    assert logs[7:11].min() > logs[[0, 2, 6]].max()
    assert logs[6] == logs[3:7].min()


def test_noisy_observations_weigh_less():
    seen = observations()
    random = np.random.default_rng(3)
    wrong = seen.values + np.where(np.arange(30) < 5, 4.0, 0.0) * random.choice([-1, 1], 30)
    deaf = np.where(np.arange(30) < 5, 16.0, 0.01)
    logs = np.log([*[2.0] * WIDTH, 1.0, 1e-3])
    off = {}
    for name, variances in (("said", deaf), ("silent", np.full(30, 0.01))):
        process = condition(Observations(seen.encoded, wrong, variances), logs)
        off[name] = np.abs(process.mean(process.covariance(seen.encoded)) - seen.values).mean()
    assert off["said"] < 0.5 * off["silent"]


def test_values_that_are_all_the_same_are_expected_everywhere():
    seen = observations()
    same = Observations(seen.encoded, np.full(30, 7.0), np.zeros(30))
    process = condition(same, fit(same))
    assert process.mean(process.covariance(seen.encoded)) == pytest.approx(np.full(30, 7.0))
