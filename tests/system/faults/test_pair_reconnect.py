"""Two collectors serve one fleet: what the end of one costs its agents."""

from __future__ import annotations

import pytest
from farm import wait_until
from fault_pair import PairStage, begin, outcome_of
from fault_runs import Expected

pytestmark = pytest.mark.system


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
