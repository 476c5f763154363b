"""What cannot be ranked is refused in one sentence that names it, by every function alike."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from paretofleet_analysis.pareto import (
    Shared,
    attainment,
    dominance_probability,
    dominator_distribution,
    efficiency_survival,
    expected_hypervolume,
    front_probability,
    mean_front_probability,
    next_runs,
    remove_block_effects,
    replicates,
)
from paretofleet_analysis.pareto import (
    dominance_probabilities as pairwise,
)

GOOD = np.array([[1.0, 2.0], [1.5, 2.5], [1.2, 2.2]])
COSTS = [False, False]
SHARED = [[0.7, 0.8]]


def zeros(samples) -> list[int]:
    return [0] * len(samples)


Ask = Callable[..., object]
#: Every function that takes samples and directions, and those that take samples only.
DIRECTED: dict[str, Ask] = {
    "front_probability": lambda s, m=COSTS: front_probability(s, maximize=m),
    "with a margin": lambda s, m=COSTS: front_probability(s, maximize=m, margin=[0.02, 0.02]),
    "with shared": lambda s, m=COSTS: front_probability(s, maximize=m, shared=Shared(zeros(s), SHARED, True)),
    "dominance_probability": lambda s, m=COSTS: dominance_probability(s, maximize=m),
    "efficiency_survival": lambda s, m=COSTS: efficiency_survival(s, maximize=m, thresholds=[0.5]),
    "dominator_distribution": lambda s, m=COSTS: dominator_distribution(s, maximize=m, up_to=2),
    "attainment": lambda s, m=COSTS: attainment(s, maximize=m, targets=[[1.0, 1.0]]),
    "expected_hypervolume": lambda s, m=COSTS: expected_hypervolume(s, maximize=m, reference=[9.0, 9.0]),
    "mean_front_probability": lambda s, m=COSTS: mean_front_probability(s, maximize=m),
    "next_runs": lambda s, m=COSTS: next_runs(s, maximize=m, budget=3),
    "fleets apart": lambda s, m=COSTS: front_probability(s, maximize=m, fleets=zeros(s)),
}
EVERY = DIRECTED | {
    "replicates": lambda s: replicates(s, count=5, seed=1),
    "remove_block_effects": lambda s: remove_block_effects(s, blocks=[np.arange(len(x)) for x in s]),
}
OF_MEANS = ("replicates", "mean_front_probability", "next_runs")


def rank(samples, **changes):
    return front_probability(samples, **{"maximize": COSTS, **changes})


def with_value(value: float) -> np.ndarray:
    bad = GOOD.copy()
    bad[1, 0] = value
    return bad


BAD = {
    "nan": ([GOOD, with_value(np.nan)], "configuration 1, run 1, objective 0 is nan, not a finite number"),
    "infinity": ([GOOD, with_value(np.inf)], "configuration 1, run 1, objective 0 is inf, not a finite"),
    "minus infinity": ([GOOD, with_value(-np.inf)], "configuration 1, run 1, objective 0 is -inf"),
    "nobody": ([], "there are no configurations to rank"),
    "empty": ([GOOD, np.empty((0, 2))], "configuration 1 has no runs; leave it out"),
    "ragged": ([GOOD, np.ones((3, 3))], "configuration 1 has 3 objectives, configuration 0 has 2"),
    "flat": ([GOOD, np.ones(3)], "configuration 1 has an array of shape"),
    "text": ([GOOD, np.array([["a", "b"]])], "must be numbers"),
    "words": ([GOOD, [["a", "b"]]], "configuration 1 is no table of numbers"),
    "complex": ([GOOD, GOOD * 1j], "must be numbers, not complex"),
    "no columns": ([np.empty((3, 0))] * 2, "configuration 0 has no objectives"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", EVERY)
def test_bad_samples_are_named(name, case):
    samples, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence) as caught:
        EVERY[name](samples)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("maximize", [[0, 1], ["min", "max"], None, [[False, False]]])
@pytest.mark.parametrize("name", DIRECTED)
def test_unknown_directions_are_named(name, maximize):
    with pytest.raises(ValueError, match=r"maximize (must hold one boolean|has 2 directions for 2)"):
        DIRECTED[name]([GOOD, GOOD + 1], maximize)


@pytest.mark.parametrize("name", DIRECTED)
def test_every_objective_has_a_direction(name):
    with pytest.raises(ValueError, match="1 directions for 2 objectives"):
        DIRECTED[name]([GOOD, GOOD + 1], [False])


@pytest.mark.parametrize("name", EVERY)
def test_one_run_says_nothing_of_a_mean_and_is_one_elsewhere(name):
    samples = [GOOD, GOOD[:1] + 1]
    if name in OF_MEANS:
        with pytest.raises(ValueError, match="configuration 1 has 1 runs; 3 are needed"):
            EVERY[name](samples)
    else:
        EVERY[name](samples)


@pytest.mark.parametrize("name", EVERY)
def test_constants_ties_and_duplicates_are_no_errors(name):
    flat = [np.column_stack([x[:, 0], np.full(3, 2.0)]) for x in (GOOD, GOOD + 5)]
    for samples in (flat, [GOOD, GOOD], [np.ones((3, 2))] * 3, [GOOD]):
        found = EVERY[name](samples)
        said = repr(getattr(found, "samples", found))
        assert "nan" not in said
        assert "inf" not in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": [0.1]}, "margin has 1 values for 2"),
        ({"margin": [0.1, -0.1]}, "the margin of objective 1 is -0.1"),
        ({"margin": [1.5, 0.1]}, "the margin of objective 0 is 1.5"),
        ({"margin": [0.1, float("nan")]}, "the margin of objective 1 is nan"),
        ({"shared": Shared([0], [[1.0]], maximize=True)}, "one whole number for each of the 2"),
        ({"shared": Shared([0, 1], [[1.0]], maximize=True)}, "configuration 1 is in group 1"),
        ({"shared": Shared([0, 0], [[]], maximize=True)}, "shared values of group 0"),
        ({"shared": Shared([0, 0], [[np.nan]], maximize=True)}, "shared values of group 0 hold nan"),
        ({"shared": Shared([0, 0], [[1.0]], maximize=[True, True])}, "2 directions for 1 shared"),
    ],
)
def test_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        rank([GOOD, GOOD + 1], **changes)


def test_the_other_functions_check_their_own_too():
    with pytest.raises(ValueError, match="configuration 0, objective 1 is 0"):
        efficiency_survival([GOOD * [1, 0]], maximize=COSTS, thresholds=[0.5])
    with pytest.raises(ValueError, match="up_to is -1"):
        dominator_distribution([GOOD], maximize=COSTS, up_to=-1)
    with pytest.raises(ValueError, match="targets has shape"):
        attainment([GOOD], maximize=COSTS, targets=[[1.0]])


#: What compares pairs, or simulates; the others take a million configurations.
LIMITED = (
    *("dominance_probability", "dominator_distribution", "efficiency_survival"),
    *("mean_front_probability", "next_runs"),
)


@pytest.mark.parametrize("name", LIMITED)
def test_a_million_configurations_are_refused_before_they_cost_anything(name):
    samples = [GOOD] * 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"1,000,000 configurations and .* at most 100,000; leave out"):
            DIRECTED[name](samples)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_more_replicates_than_memory_are_refused_before_they_are_drawn():
    with pytest.raises(ValueError, match="at most 250,000,000 are drawn"):
        replicates([GOOD, GOOD + 1], count=100_000_000, seed=1)


def test_more_pairs_than_memory_are_refused(monkeypatch):
    monkeypatch.setattr(pairwise, "_PAIRS_MAX", 40)
    chain = [GOOD + 10 * k for k in range(10)]
    with pytest.raises(ValueError, match="of the 10 configurations more than 40 pairs may dominate"):
        dominance_probability(chain, maximize=COSTS)
    assert dominance_probability(chain[:9], maximize=COSTS).nnz == 36


def test_duplicates_share_the_front_and_constants_decide_nothing():
    np.testing.assert_array_equal(rank([GOOD[:1], GOOD[:1]]), [1.0, 1.0])
    flat = [np.column_stack([x[:, 0], np.ones(len(x))]) for x in (GOOD, GOOD + 5)]
    np.testing.assert_array_equal(rank(flat), [1.0, 0.0])
    np.testing.assert_array_equal(rank(flat, margin=[0.02, 0.02]), [1.0, 0.0])


def test_the_caller_keeps_its_arrays():
    samples = [GOOD.copy(), GOOD + 1]
    front_probability(samples, maximize=[True, False], margin=[0.1, 0.1])
    np.testing.assert_array_equal(samples[0], GOOD)
