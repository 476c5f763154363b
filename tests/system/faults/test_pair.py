"""Two collectors serve one fleet: whichever is killed, each sample is there, once, as it was measured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm import wait_until
from fault_pair import PairStage, begin, either_is_killed, outcome_of, pair_of
from fault_runs import Expected, expected_samples
from fault_shim import Shim

pytestmark = pytest.mark.system
SEEDS = (1, 2)
DAY_S = 86_400


@pytest.fixture(scope="session")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """The samples of a sweep that nothing disturbs, over a file and a folder."""
    return expected_samples(template, tmp_path_factory.mktemp("faults") / "undisturbed", devices=2)


@pytest.fixture
def stage(template: Path, tmp_path: Path, postgres, objects) -> Iterator[PairStage]:
    made = pair_of(template, tmp_path / "stage", postgres.new_database(), objects.lake)
    yield made
    made.close()


def test_a_killed_collector_costs_its_agents_one_reconnect(stage: PairStage, expected: Expected) -> None:
    begin(stage, devices=2)
    stage.wait_sealed(2)
    stage.kill("c1")
    outcome = outcome_of(stage, expected)
    assert outcome.is_clean(), outcome
    for name in ("d1", "d2"):
        lost = stage.log(name).count("Trying again")
        assert lost <= 1, stage.log(name)
    # A fast machine is done with the sweep before that.
    wait_until(lambda: "that have fallen silent" in stage.log("c2"), "the word on the collector that is gone")


def test_clocks_that_are_a_day_apart_are_named_and_cost_nothing(stage: PairStage, expected: Expected) -> None:
    for name, clock_s in (("c2", DAY_S), ("d1", -DAY_S)):
        shim = Shim(stage.root / "nothing", stage.root / f"{name}.control")
        shim.set(clock_s=clock_s)
        stage.environments[name] = shim.variables
    begin(stage, devices=2)
    stage.wait_sealed(2)
    stage.kill("c1")
    outcome = outcome_of(stage, expected)
    assert outcome.is_clean(), outcome
    assert "s ahead of that of the PostgreSQL server" in stage.log("c2")
    assert "Traceback" not in stage.log("c2")
    assert "the clock of this machine" not in stage.log("c1")


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_doubled_or_changed_whichever_is_killed(
    stage: PairStage, expected: Expected, seed: int
) -> None:
    begin(stage, devices=2)
    either_is_killed(stage, random.Random(seed))
    outcome = outcome_of(stage, expected)
    assert outcome.is_clean(), outcome
    for name in ("c1", "c2"):
        assert "Traceback" not in stage.log(name)
