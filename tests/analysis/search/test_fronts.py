"""Fronts of trials: the score of a search, and who is on the front as measured."""

import numpy as np
import pytest
from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.search.fronts import (
    confirmed_front,
    front_of_trials,
    front_scale,
    hypervolume,
    is_near,
    share_of_front,
)

#: Error in percent, log10 ms: three on the front, one dominated, one beyond the reference.
COSTS = np.array([[10.0, 1.0], [20.0, 0.5], [30.0, 0.0], [30.0, 1.0], [90.0, -9.0]])
REFERENCE = (60.0, None)


def test_hypervolumes_by_hand():
    assert hypervolume(np.array([[0.25, 0.5]]), np.ones(2)) == pytest.approx(0.375)
    assert hypervolume(np.array([[0.0, 0.0, 0.5], [0.5, 0.5, 0.0]]), np.ones(3)) == pytest.approx(0.625)
    assert hypervolume(np.array([[1.0, 0.0]]), np.ones(2)) == 0.0
    assert hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0


def test_the_scale_is_that_of_the_front_within_the_reference():
    scale = front_scale(COSTS, REFERENCE)
    assert scale.ideal.tolist() == [10.0, 0.0]
    assert scale.span.tolist() == [20.0, 1.0]
    assert scale.reference == pytest.approx([2.5, 1.1])


def test_the_whole_front_scores_one_and_a_part_of_it_its_share():
    scale = front_scale(COSTS, REFERENCE)
    assert share_of_front(COSTS, scale) == pytest.approx(1.0)
    # (0.5, 0.5) alone fills 2.0 x 0.6 of the 2.5 x 0.1 + 2.0 x 0.5 + 1.5 x 0.5 that all three fill
    assert share_of_front(COSTS[1:2], scale) == pytest.approx(1.2 / 2.0)
    assert share_of_front(COSTS[4:], scale) == 0.0


def test_without_a_member_in_the_reference_there_is_no_scale():
    with pytest.raises(SearchError, match="give a worse one"):
        front_scale(COSTS, (5.0, None))


def test_the_probability_says_how_sure_a_place_on_the_front_is():
    costs = np.array([[10.0, 1.0], [20.0, 0.5], [20.1, 0.5], [40.0, 2.0]])
    is_front, p_front = front_of_trials(costs, np.full_like(costs, 0.05), (0.0, 0.0), seed=1)
    assert is_front.tolist() == [True, True, False, False]
    assert p_front[0] > 0.99
    assert 0.05 < p_front[2] < p_front[1]
    assert p_front[3] < 0.01
    assert front_of_trials(costs, np.full_like(costs, 0.05), (0.5, 0.2), seed=1)[1][2] > 0.95


def test_of_members_measured_anew_those_are_confirmed_that_are_truly_near_the_front():
    """At three times the noise more than a tenth of what is on the front as measured is not; of what is
    confirmed less.
    """
    random = np.random.default_rng(4)
    margins, errors = np.array([0.2, 0.009]), np.array([1.2, 0.013]) / 3**0.5
    near, selected = [], []
    for seed in range(10):
        size = random.random(200)
        true = np.stack([40.0 - 20.0 * size + 4.0 * random.random(200), 0.5 * size], axis=1)
        front = true[front_of_trials(true, np.zeros_like(true), margins, seed=seed)[0]]
        seen = true + errors * random.standard_normal(true.shape)
        kept, _ = confirmed_front(seen, np.broadcast_to(errors, seen.shape), margins, seed=seed)
        as_seen, _ = front_of_trials(seen, np.broadcast_to(errors, seen.shape), margins, seed=seed)
        near += is_near(true[kept], front, margins).tolist()
        selected += is_near(true[as_seen], front, margins).tolist()
    assert np.mean(near) >= 0.9 > np.mean(selected)
