"""Two collectors serve one fleet: whichever is killed, each sample is there, once, as it was measured."""

from __future__ import annotations

import random

import pytest
from fault_pair import PairStage, begin, either_is_killed, outcome_of
from fault_runs import Expected
from fault_shim import Shim

pytestmark = pytest.mark.system
SEEDS = (1, 2)
DAY_S = 86_400


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
