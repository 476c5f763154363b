"""What was entered more than once, or is equal by chance, is asked once, and answered as before."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto import Shared, front_probability, pruning, unbeaten
from paretofleet_analysis.pareto import front_probabilities as front
from paretofleet_analysis.pareto.fleet import Fleet

COSTS = {"maximize": [False, False]}
MARGIN = [0.02, 0.02]


def coarse(seed: int, size: int = 120) -> list[np.ndarray]:
    """Configurations of 1 to 4 runs with few values: constants, repeats and ties everywhere."""
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 4, (rng.integers(1, 5), 2)).astype(float) for _ in range(size)]


def shared_by(samples) -> Shared:
    return Shared(np.arange(len(samples)) % 3, [[0.7, 0.8], [0.7], [0.75, 0.8]], maximize=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["plain", "margin", "shared"])
def test_no_probability_is_another_because_of_repeats(seed, kind, monkeypatch):
    samples = coarse(seed, 120 if kind == "plain" else 12)
    more = {"margin": MARGIN} if kind == "margin" else {}
    more = {"shared": shared_by(samples)} if kind == "shared" else more
    found = front_probability(samples, **COSTS, **more)
    if kind == "margin":  # there a repeat is another question: of the constants only it is not
        real = front.distinct_entries
        monkeypatch.setattr(
            front,
            "distinct_entries",
            lambda fleet, common, **_: _without_constants(real, fleet, common),
        )
    else:
        monkeypatch.setattr(front, "distinct_entries", lambda fleet, *_, **__: (np.arange(fleet.size),) * 2)
    monkeypatch.setattr(front, "undominated", lambda ranks: np.zeros(len(ranks.codes), dtype=bool))
    np.testing.assert_allclose(front_probability(samples, **COSTS, **more), found, rtol=0, atol=1e-9)


def _without_constants(real, fleet, common):
    """Repeats of what varies only."""
    distinct, entry = real(fleet, common, constants_only=False)
    varies = np.array(
        [len(np.unique(rows, axis=0)) > 1 for rows in np.split(fleet.costs, fleet.starts[1:-1])]
    )
    same = np.where(varies, distinct[entry], np.arange(fleet.size))
    distinct = np.unique(same)
    return distinct, np.searchsorted(distinct, same)


def searched(monkeypatch, samples, **options) -> tuple[int, int]:
    """How many configurations are searched, and for how many points."""
    seen = {}
    module = unbeaten if "margin" in options else front
    build, batch = module.build, module.batch_near

    def building(codes, owner, *more, **named):
        seen["configurations"] = len(np.unique(owner))
        return build(codes, owner, *more, **named)

    def asking(codes, *more, **named):
        seen["points"] = len(codes)
        return batch(codes, *more, **named)

    monkeypatch.setattr(module, "build", building)
    monkeypatch.setattr(module, "batch_near", asking)
    front_probability(samples, **COSTS, **options)
    return seen["configurations"], seen["points"]


@pytest.mark.parametrize("options", [{}, {"margin": MARGIN}, {"shared": Shared([0] * 1000, [[1.0]], True)}])
def test_what_never_varies_is_searched_once(monkeypatch, options):
    assert searched(monkeypatch, [np.ones((3, 2))] * 1000, **options)[0] == 1


def test_groups_are_searched_apart(monkeypatch):
    shared = Shared(np.arange(1000) % 2, [[0.5, 1.0], [0.75]], maximize=True)
    assert searched(monkeypatch, [np.ones((3, 2))] * 1000, shared=shared)[0] == 2
    np.testing.assert_allclose(
        front_probability([np.ones((3, 2))] * 1000, **COSTS, shared=shared), np.tile([0.5, 0.5], 500)
    )


def test_nothing_is_searched_for_what_nobody_dominates(monkeypatch):
    """A constant objective and one of three levels: the least level stays, and no search would end early."""
    rng = np.random.default_rng(0)
    samples = [np.column_stack([rng.integers(1, 4, 3), np.full(3, 2)]).astype(float) for _ in range(1000)]
    assert searched(monkeypatch, samples)[1] == 0


def test_of_equal_corners_one_prunes(monkeypatch):
    monkeypatch.setattr(pruning.kernel, "engine", lambda: Counting)
    fleet = Fleet.from_samples([np.array([[1.0, 2.0], [2.0, 1.0]])] * 1000, [False, False])
    assert pruning.surviving(pruning.Admitted(fleet), None, 1) == 1


class Counting:
    """Instead of an engine: how many corners it is given."""

    @staticmethod
    def surviving(levels, *_):
        return int((levels[0] != np.iinfo(np.int32).max).all(axis=1).sum())


@pytest.mark.parametrize("kind", ["margin", "shared margin"])
def test_a_twin_with_its_runs_in_another_order_is_a_twin(kind):
    rng = np.random.default_rng(0)
    fleet = [1 + 0.1 * rng.random((6, 2)) for _ in range(8)]
    groups = [0] * 9

    def near(samples):
        if kind == "margin":
            return front_probability(samples, **COSTS, margin=MARGIN)
        shared = Shared(groups[: len(samples)], [[0.7, 0.8]], maximize=True, margin=[0.01])
        return front_probability(samples, **COSTS, margin=MARGIN, shared=shared)

    before = near(fleet)
    best = int(np.argmax(before))
    np.testing.assert_array_equal(near([*fleet, fleet[best][::-1]]), [*before, before[best]])
