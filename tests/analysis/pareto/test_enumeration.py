"""Every probability equals the enumeration of all possible fleets, ties included."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.pareto import (
    Absolute,
    Shared,
    attainment,
    dominance_probability,
    dominator_distribution,
    efficiency_survival,
    expected_hypervolume,
    front_probability,
)

from .worlds import (
    attained,
    beats_by,
    dominators,
    efficiency_above,
    shared_front_probability,
    worlds,
)
from .worlds import dominance_probability as enumerated_dominance
from .worlds import front_probability as enumerated_front

CLOSE = {"rtol": 0, "atol": 1e-8}


def points(d: int):
    return st.tuples(*[st.integers(1, 4)] * d)


@st.composite
def fleets(draw, d_max: int = 3):
    """2 to 5 configurations of 1 to 4 runs with small whole numbers, so that ties are common."""
    d = draw(st.integers(1, d_max))
    return draw(st.lists(st.lists(points(d), min_size=1, max_size=4), min_size=1, max_size=5))


@st.composite
def shared_fleets(draw):
    d, s = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    values = draw(st.lists(st.lists(points(s), min_size=1, max_size=3), min_size=1, max_size=3))
    samples = draw(st.lists(st.lists(points(d), min_size=1, max_size=3), min_size=2, max_size=4))
    groups = [draw(st.integers(0, len(values) - 1)) for _ in samples]
    return samples, groups, values


def arrays(samples):
    return [np.array(runs, dtype=float) for runs in samples]


def floats(fractions):
    return np.array(fractions, dtype=float)


def costs(samples):
    return [False] * len(samples[0][0])


@given(fleets())
def test_front_probability(samples):
    found = front_probability(arrays(samples), maximize=costs(samples))
    np.testing.assert_allclose(found, floats(enumerated_front(samples)), **CLOSE)


@given(fleets(), st.lists(st.sampled_from([0, 0.5, 1, 2]), min_size=3, max_size=3))
def test_front_probability_with_a_margin(samples, margins):
    margins = margins[: len(samples[0][0])]
    ordered = [sorted(runs) for runs in samples]
    distinct = [runs for i, runs in enumerate(ordered) if runs not in ordered[:i]]
    found = front_probability(
        arrays(distinct), maximize=costs(samples), margin=[Absolute(m) for m in margins]
    )
    np.testing.assert_allclose(found, floats(enumerated_front(distinct, beats_by(margins))), **CLOSE)


@given(shared_fleets())
def test_front_probability_with_a_shared_vector(case):
    samples, groups, values = case
    shared = Shared(groups=groups, values=arrays(values), maximize=[False] * len(values[0][0]))
    found = front_probability(arrays(samples), maximize=costs(samples), shared=shared)
    np.testing.assert_allclose(found, floats(shared_front_probability(samples, groups, values)), **CLOSE)


@given(shared_fleets(), st.sampled_from([0, 1, 2]), st.sampled_from([0, 0.5, 1]))
def test_front_probability_with_a_shared_vector_and_margins(case, own_margin, shared_margin):
    samples, groups, values = case
    entries = list(zip(groups, map(sorted, samples), strict=True))
    kept = [i for i, entry in enumerate(entries) if entry not in entries[:i]]
    samples, groups = [samples[i] for i in kept], [groups[i] for i in kept]
    d, s = len(samples[0][0]), len(values[0][0])
    shared = Shared(groups, arrays(values), [False] * s, margin=[Absolute(shared_margin)] * s)
    found = front_probability(
        arrays(samples), maximize=costs(samples), margin=[Absolute(own_margin)] * d, shared=shared
    )
    beats = beats_by([shared_margin] * s + [own_margin] * d)
    np.testing.assert_allclose(
        found, floats(shared_front_probability(samples, groups, values, beats)), **CLOSE
    )


@given(fleets())
def test_dominance_probability(samples):
    found = dominance_probability(arrays(samples), maximize=costs(samples)).toarray()
    np.testing.assert_allclose(found, floats(enumerated_dominance(samples)), **CLOSE)


@given(fleets(), st.integers(0, 4))
def test_dominator_distribution(samples, up_to):
    found = dominator_distribution(arrays(samples), maximize=costs(samples), up_to=up_to)
    np.testing.assert_allclose(found, floats(dominators(samples, up_to)), **CLOSE)


@given(fleets())
def test_efficiency_survival(samples):
    thresholds = [-1.0, 0.25, 0.5, 0.75, 0.9, 1.0]
    found = efficiency_survival(arrays(samples), maximize=costs(samples), thresholds=thresholds)
    np.testing.assert_allclose(found, floats(efficiency_above(samples, thresholds)), **CLOSE)


@given(fleets(), points(3))
def test_attainment(samples, target):
    target = target[: len(samples[0][0])]
    found = attainment(arrays(samples), maximize=costs(samples), targets=[target])
    np.testing.assert_allclose(found, [float(attained(samples, target))], **CLOSE)


@settings(max_examples=25)
@given(fleets())
def test_expected_hypervolume_is_within_its_own_error(samples):
    reference = [5.0] * len(samples[0][0])
    found = expected_hypervolume(arrays(samples), maximize=costs(samples), reference=reference)
    truth = sum(
        float(p) * moocore.hypervolume(np.array(world, dtype=float), ref=reference)
        for p, world in worlds(samples)
    )
    assert abs(found.value - truth) <= 6 * found.error + 1e-3 * truth + 1e-12


def test_the_mean_of_an_efficiency_is_the_integral_of_its_survival_function():
    rng = np.random.default_rng(4)
    samples = [[tuple(x) for x in rng.integers(1, 9, (3, 2)).tolist()] for _ in range(5)]
    grid = np.append(np.arange(256) / 256, 1.0 - 1e-12)
    above = efficiency_survival(arrays(samples), maximize=[False, False], thresholds=grid)
    for i in range(5):
        theta = []
        for p, world in worlds(samples):
            ratios = [max(x / y for x, y in zip(w, world[i], strict=True)) for w in world]
            theta.append((float(p), min(ratios)))
        mean = sum(p * t for p, t in theta)
        assert above[i, 1:].sum() / 256 - 1e-9 <= mean <= above[i, :-1].sum() / 256 + 1e-9
        assert above[i, -1] == pytest.approx(sum(p for p, t in theta if t == 1.0))
        ordered = sorted(t for _, t in theta)
        median = grid[(above[i] > 0.5).sum() - 1]
        assert median == pytest.approx(ordered[(len(ordered) - 1) // 2], abs=2 / 256)
