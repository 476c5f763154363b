"""Proposals: a pure function of the trials and the seed, by turns for devices, for batches and with gaps."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.search.expected import expected_of
from paretofleet_analysis.search.members import diagonal, draw, numbers_of
from paretofleet_analysis.search.propose import Box, _spread, propose
from paretofleet_analysis.search.samplers import method_of
from paretofleet_analysis.search.space import space_of
from paretofleet_analysis.search.trials import Search, Trials, in_logs, no_trials, optimiser_costs

HAS_OPTUNA = importlib.util.find_spec("optuna") is not None
SPACE = space_of(
    {
        "width": [8, 12, 16, 24],
        "block": ["conv", "dw", "ib"],
        "expand": {"values": [2, 4], "if": {"block": "ib"}},
    }
    | {f"k{i}": [1, 3, 5] for i in range(4)}
)
SEARCH = Search(SPACE, {"tx2": (0, 1), "pi": (0, 2)}, seed=7)


def measured(count=30):
    """Trials at random whose error falls and whose times rise with the width."""
    codes = draw(SPACE, count, np.random.default_rng(3))
    width = codes[:, 0]
    costs = np.stack([40.0 - 5.0 * width, 0.2 * width + 0.1 * codes[:, 3], 0.3 * width], axis=1)
    graphs = tuple(numbers_of(SPACE, codes).tolist())
    return Trials(codes, graphs, costs, np.full(costs.shape, 0.01), np.zeros(count, dtype=bool))


def same(first, second):
    pairs = zip(first, second, strict=True)
    return all((a.codes == b.codes).all() and (a.device, a.kind) == (b.device, b.kind) for a, b in pairs)


@pytest.mark.parametrize("count", [5, 30, 31, 35])
def test_the_same_trials_and_seed_give_the_same_proposals(count):
    trials = measured(count)
    assert same(propose(SEARCH, trials, count=4), propose(SEARCH, trials, count=4))
    others = propose(replace(SEARCH, seed=8), trials, count=4)
    assert not same(propose(SEARCH, trials, count=4), others)


def test_a_batch_is_what_would_be_proposed_while_its_first_are_under_way():
    trials = measured(30)
    batch = propose(SEARCH, trials, count=4)
    waiting = trials.followed_by(batch[0].codes, batch[0].graph)
    assert same(batch[1:], propose(SEARCH, waiting, count=3))
    assert len({each.graph for each in batch}) == 4


def test_devices_take_turns_and_those_away_are_left_out():
    trials = measured(30)
    assert [each.device for each in propose(SEARCH, trials, count=4)] == ["tx2", "pi", "tx2", "pi"]
    assert [each.device for each in propose(SEARCH, trials, count=2, rotation=["pi"])] == ["pi", "pi"]
    with pytest.raises(SearchError, match="nano is no device of this search: it has tx2, pi"):
        propose(SEARCH, trials, rotation=["nano"])


def test_mutants_and_the_control_come_in_their_turn():
    alone = replace(SEARCH, devices={"pi": (0, 2)})
    kinds = [propose(alone, measured(count))[0].kind for count in range(24, 36)]
    assert kinds == ["best", "best", "best", "mutant"] * 2 + ["best", "best", "best", "control"]
    assert propose(SEARCH, no_trials(SEARCH), count=3)[2].kind == "start"


def test_mutants_descend_from_the_ends_of_the_front_as_often_as_from_its_crowded_middle():
    """Eight members close together in the middle, one alone at either end."""
    codes = draw(SPACE, 10, np.random.default_rng(4))
    middle = np.linspace(0.0, 0.01, 8)
    costs = np.stack([[10.0, *(20.0 - middle), 30.0], [1.0, *(0.5 + middle), 0.0]], axis=1)
    trials = Trials(codes, tuple(range(10)), costs, np.full(costs.shape, 1e-3), np.zeros(10, dtype=np.bool_))
    expected = expected_of(SPACE, trials, (0, 1))
    rows = _spread(expected, codes, 400, np.random.default_rng(5))
    assert np.mean(rows == 0) > 0.2
    assert np.mean(rows == 9) > 0.2


def test_every_device_gets_mutants_and_more():
    devices = ("a", "b", "c", "d")
    four = replace(SEARCH, devices=dict.fromkeys(devices, (0, 1)), control=0.0)
    proposals = [propose(four, measured(count))[0] for count in range(20, 36)]
    for kind in ("best", "mutant"):
        assert {each.device for each in proposals if each.kind == kind} == set(devices)


def test_gaps_of_a_device_that_was_away_are_no_obstacle():
    trials = measured(30)
    costs = trials.costs.copy()
    costs[20:, 2] = np.nan
    for device in ("tx2", "pi"):
        proposals = propose(SEARCH, replace(trials, costs=costs), count=2, rotation=[device])
        assert len(proposals) == 2


def test_failures_count_as_the_worst_and_what_is_broken_is_drawn_in():
    trials = measured(30)
    costs = trials.costs.copy()
    costs[0, 1], costs[1] = -9.0, np.nan
    failed = np.arange(30) == 1
    seen = optimiser_costs(replace(trials, costs=costs, has_failed=failed), 1)
    assert seen[1] == seen.max()
    assert -1.5 < seen[0] < trials.costs[:, 1].min()


def test_of_positive_columns_logarithms_are_expected():
    trials = measured(30)
    limited = replace(SEARCH, limits={0: 30.0, 1: 0.5}, positive=frozenset({0}))
    search, logs = in_logs(limited, trials)
    assert search.limits == {0: pytest.approx(np.log10(30.0)), 1: 0.5}
    assert logs.costs[:, 0] == pytest.approx(np.log10(trials.costs[:, 0]))
    assert logs.costs[:, 1] == pytest.approx(trials.costs[:, 1])
    # so small an error moves the logarithm by as much as the cost
    moved = np.log10(trials.costs[:, 0] + 0.01) - logs.costs[:, 0]
    assert logs.errors[:, 0] == pytest.approx(moved, rel=1e-2)


def test_a_member_that_cannot_be_made_is_passed_over():
    narrow = propose(SEARCH, measured(30), count=4, graph_of=lambda c: None if c[0] > 1 else tuple(c))
    assert all(each.codes[0] <= 1 for each in narrow)


def test_a_space_that_is_used_up_gives_no_more():
    small = Search(space_of({"a": [1, 2, 3], "b": [1, 2]}), {"pi": (0, 1)}, seed=1, start=3)
    trials = no_trials(small)
    for _ in range(8):
        for each in propose(small, trials, count=1):
            trials = trials.followed_by(each.codes, each.graph)
            costs = trials.costs.copy()
            costs[-1] = each.codes
            trials = replace(trials, costs=costs, errors=np.full(costs.shape, 0.1))
    assert sorted(trials.graphs) == list(range(6))


@pytest.mark.parametrize("name", ["gp", "tpe", "nsga2"])
@pytest.mark.parametrize("case", ["one accuracy", "all alike", "all over the limits", "two that work"])
def test_trials_that_say_little_still_lead_to_proposals(name, case):
    if name != "gp" and not HAS_OPTUNA:
        pytest.skip("Optuna is not installed")
    trials, search = measured(30), replace(SEARCH, positive=frozenset({0}))
    costs, failed = trials.costs.copy(), trials.has_failed.copy()
    if case == "one accuracy":
        costs[:, 0] = 50.0
    elif case == "all alike":
        costs[:] = 1.0
    elif case == "all over the limits":
        search = replace(search, limits={0: 1.0, 1: -9.0, 2: -9.0})
    else:
        costs[2:], failed[2:] = np.nan, True
    proposals = propose(
        search, replace(trials, costs=costs, has_failed=failed), count=4, method=method_of(name)
    )
    assert len({each.graph for each in proposals} - set(trials.graphs)) == 4


def test_a_search_without_devices_is_refused():
    alone = replace(SEARCH, devices={})
    with pytest.raises(SearchError, match="no devices: name one"):
        no_trials(alone)
    with pytest.raises(SearchError, match="no devices: name one"):
        propose(alone, measured(30))


def test_no_proposals_are_none():
    assert propose(SEARCH, measured(30), count=0) == []


def test_what_is_beyond_a_limit_does_not_make_the_front():
    """Only the narrowest is within the limit on the error's opposite: proposals stay near it."""
    trials = measured(40)
    limited = replace(SEARCH, limits={1: 0.25})
    near = [p.codes[0] for n in range(36, 40) for p in propose(limited, trials.subset(np.arange(n)), count=1)]
    assert np.mean(near) < 1.5


def test_volume_is_looked_for_at_as_many_points_whatever_the_front_leaves():
    """A front near its ideal dominates most of its box, and what is left decides."""
    random = np.random.default_rng(6)
    box = Box(np.zeros(3), np.ones(3), np.full(3, 1.1))
    for reached in (np.full((2, 3), 1.0), np.full((2, 3), 0.0), np.diag([0.3] * 3)):
        points = box.points(reached, random)
        assert points.shape == (400, 3)
        assert not (reached <= points[:, None]).all(axis=2).any()
        assert ((points >= -0.1) & (points <= 1.1)).all()
    assert box.points(np.full((2, 3), -1.0), random).shape == (0, 3)


def test_a_quarter_of_the_start_is_on_the_diagonal_after_what_was_made_by_hand():
    search = replace(SEARCH, start=18, hand_made=2, has_diagonal=True)
    by_hand = measured(2)
    batch = propose(search, by_hand, count=16)
    kinds = [each.kind for each in batch]
    assert kinds == ["diagonal"] * 4 + ["start"] * 12, "a quarter of 16"
    assert np.array([each.codes for each in batch[:4]]).tolist() == diagonal(SPACE, 4).tolist()
    random = propose(replace(search, has_diagonal=False), by_hand, count=4)
    assert [each.kind for each in random] == ["start"] * 4


def test_what_is_no_new_graph_of_the_diagonal_is_passed_over():
    """All first values stand for members that cannot be made, all last for a graph that was tried."""
    search = replace(SEARCH, devices={"pi": (0, 2)}, has_diagonal=True)
    ends = {tuple(diagonal(SPACE, 4)[0].tolist()): None, tuple(diagonal(SPACE, 4)[3].tolist()): "tried"}
    trials = no_trials(search).followed_by(draw(SPACE, 1, np.random.default_rng(1))[0], "tried")
    batch = propose(
        search, trials, count=6, graph_of=lambda codes: ends.get(tuple(codes.tolist()), str(codes))
    )
    assert [each.kind for each in batch] == ["diagonal"] * 2 + ["start"] * 4
