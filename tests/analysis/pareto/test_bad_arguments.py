"""An argument that cannot be used is refused in one sentence, and no digit of a sample is lost in silence."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto import (
    Absolute,
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

GOOD = np.array([[1.0, 2.0], [1.5, 2.5], [1.2, 2.2]])
PAIR = [GOOD, GOOD + 0.5]
COSTS = {"maximize": [False, False]}


def shared(groups, values):
    return Shared(groups, values, maximize=True)


CASES = {
    "a margin for all": (
        lambda: front_probability(PAIR, **COSTS, margin=0.02),
        "margin is 0.02; give a list with one number for each of 2 objectives",
    ),
    "an array of margins": (
        lambda: front_probability(PAIR, **COSTS, margin=np.array([Absolute(0.6), Absolute(0.6)])),
        r"margin is an array, which forgets what is Absolute\(\); give a list",
    ),
    "margins in words": (
        lambda: front_probability(PAIR, **COSTS, margin=["2%", "2%"]),
        r"the margin of objective 0 is 2%; give a share below 1 or Absolute\(\)",
    ),
    "no samples": (
        lambda: front_probability(None, **COSTS),
        "samples is of type NoneType; give a list",
    ),
    "a generator": (
        lambda: mean_front_probability((x for x in PAIR), **COSTS),
        "samples is of type generator; give a list",
    ),
    "ragged shared values": (
        lambda: front_probability(PAIR, **COSTS, shared=shared([0, 1], [[1.0], [[1, 2], [3]]])),
        "the shared values of group 1 are no table of numbers",
    ),
    "shared values in words": (
        lambda: front_probability(PAIR, **COSTS, shared=shared([0, 1], [["good"], [1.0]])),
        "the shared values of group 0 are no table of numbers",
    ),
    "masked shared values": (
        lambda: front_probability(
            PAIR, **COSTS, shared=shared([0, 0], [np.ma.masked_array([0.7, 0.8], mask=[True, False])])
        ),
        "the shared values of group 0 are masked in part",
    ),
    "half a thread": (lambda: front_probability(PAIR, **COSTS, threads=0.5), "threads is 0.5; give"),
    "threads in words": (lambda: dominance_probability(PAIR, **COSTS, threads="2"), "threads is '2'; give"),
    "half a dominator": (lambda: dominator_distribution(PAIR, **COSTS, up_to=1.5), "up_to is 1.5; give"),
    "too many dominators": (
        lambda: dominator_distribution(PAIR, **COSTS, up_to=10**10),
        r"up_to is 10,000,000,000, which takes .* give a lower one \(1 others can dominate\)",
    ),
    "a fleet out of reach": (
        lambda: front_probability(PAIR, **COSTS, fleets=[0, 10**9]),
        "configuration 1 has number 1000000000 in fleets; number them from 0 to at most 1",
    ),
    "too few points": (
        lambda: expected_hypervolume(PAIR, **COSTS, reference=[9, 9], points=7),
        "points is 7; give how many points the integral takes, a whole number of 16 or more",
    ),
    "a device out of reach": (
        lambda: remove_block_effects(PAIR, blocks=[[0, 1, 2]] * 2, devices=[0, 10**9]),
        "configuration 1 has number 1000000000 in devices; number them from 0 to at most 1",
    ),
    "half a run": (lambda: next_runs(PAIR, **COSTS, budget=2.5), "budget is 2.5; give the number of further"),
    "half a replicate": (lambda: replicates(PAIR, count=2.5, seed=1), "count is 2.5; give the number of"),
    "a negative seed": (lambda: replicates(PAIR, count=2, seed=-1), "seed is -1; give the number that makes"),
    "another negative seed": (
        lambda: expected_hypervolume(PAIR, **COSTS, reference=[9, 9], seed=-1),
        "seed is -1",
    ),
    "thresholds in words": (
        lambda: efficiency_survival(PAIR, **COSTS, thresholds=["half"]),
        "thresholds must be a list of finite numbers",
    ),
    "targets in words": (
        lambda: attainment(PAIR, **COSTS, targets=[["a", "b"]]),
        "targets is no table of numbers",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_argument_that_cannot_be_used_is_refused(case):
    call, sentence = CASES[case]
    with pytest.raises(ValueError, match=sentence) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        (np.ma.masked_array(GOOD, mask=GOOD > 2.4), "configuration 1 has masked values"),
        (np.array([[2**53 + 1, 1]]), "configuration 1 holds 9007199254740993, which has more digits"),
        ([[2**53 + 1, 1]], "configuration 1 holds 9007199254740993, which has more digits"),
        (GOOD.astype(np.longdouble) + np.longdouble(2) ** -60, "which has more digits than a double"),
    ],
)
def test_nothing_of_a_sample_is_lost_in_silence(sample, sentence):
    if getattr(sample, "dtype", None) == np.longdouble and np.finfo(np.longdouble).nmant < 60:
        pytest.skip("a long double is a double here")
    with pytest.raises(ValueError, match=sentence):
        front_probability([GOOD, sample], **COSTS)


def test_numbers_that_a_double_holds_are_taken_as_they_are():
    for kind in (np.int64, np.uint8, np.float32, np.longdouble):
        samples = [np.array([[1, 2]], dtype=kind), np.array([[3, 4]], dtype=kind)]
        np.testing.assert_array_equal(front_probability(samples, **COSTS), [1.0, 0.0])
    unmasked = np.ma.masked_array(GOOD, mask=False)
    np.testing.assert_array_equal(front_probability([unmasked, GOOD + 5], **COSTS), [1.0, 0.0])


def test_more_dominators_than_others_have_no_probability():
    found = dominator_distribution([GOOD, GOOD + 5], **COSTS, up_to=5)
    np.testing.assert_array_equal(found, [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]])


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


ONE = {"maximize": [False]}
BEYOND = {
    "reciprocals": (
        lambda: efficiency_survival(
            [column(1e-310), column(2e-310)], maximize=[True], thresholds=[0.4, 0.6, 0.9]
        ),
        "configuration 0, objective 0 is 1e-310, too small to compute with",
    ),
    "a reciprocal of one": (
        lambda: efficiency_survival([column(1.0), column(2e-310)], maximize=[True], thresholds=[0.6]),
        "configuration 1, objective 0 is 2e-310, too small to compute with",
    ),
    "shares of the least": (
        lambda: efficiency_survival([column(5e-324)] * 2, **ONE, thresholds=[0.6]),
        "configuration 0, objective 0 is 4.94066e-324, too small to compute with",
    ),
    "a box without end": (
        lambda: expected_hypervolume([np.array([[-1e308, -1e308]])], **COSTS, reference=[1e308, 1e308]),
        "between configuration 0 and the reference 1e[+]308 in objective 0 is too large to compute with",
    ),
    "a volume of nothing": (
        lambda: expected_hypervolume([np.zeros((1, 2))], **COSTS, reference=[1e-200, 1e-200]),
        "objective 0 is too small to compute with",
    ),
    "means": (
        lambda: replicates([column(1.0, 2.0, 3.0), column(1e308, 1.7e308, 1e300)], count=5, seed=1),
        "configuration 1, objective 0 is 1e[+]308, too large to compute with",
    ),
    "calibrated means": (
        lambda: mean_front_probability([column(1e308, 1.7e308, 1.5e308)] * 2, **ONE),
        "configuration 0, objective 0 is 1e[+]308, too large to compute with",
    ),
    "variances": (
        lambda: replicates([column(1e-200, -1e-200, 0.0), column(1.0, 2.0, 3.0)], count=5, seed=1),
        "configuration 0, objective 0 is 1e-200, too small to compute with",
    ),
    "runs unlike each other": (
        lambda: replicates([column(1e-140, 1e140, 1.0), column(1.0, 2.0, 3.0)], count=999, seed=1),
        "objective 0: its runs are too unlike each other to compute with",
    ),
    "blocks": (
        lambda: remove_block_effects([column(1e308, 1.7e308)] * 3, blocks=[[0, 1]] * 3),
        "configuration 0, objective 0 is 1e[+]308, too large to compute with",
    ),
}


@pytest.mark.parametrize("case", BEYOND)
@pytest.mark.filterwarnings("error")
def test_what_is_too_large_or_too_small_to_compute_with_is_named(case):
    call, sentence = BEYOND[case]
    with pytest.raises(ValueError, match=sentence):
        call()
