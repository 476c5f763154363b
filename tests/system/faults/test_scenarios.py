"""Faults of every kind, once: after each of them each sample is there, once, as it was measured.

Four scenarios are played at a time, each on a collector and devices of its own. `make soak` plays all, often.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_runs import Expected, Outcome, Scenario, play
from fault_scenarios import SCENARIOS, SHORT

pytestmark = pytest.mark.system
SEED = 1
PLAYED = [
    pytest.param(
        scenario,
        id=scenario.name.replace(" ", "-"),
        marks=pytest.mark.skipif(bool(scenario.why_not), reason=scenario.why_not),
    )
    for scenario in SCENARIOS
    if scenario.name in SHORT
]


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest,
    template: Path,
    expected: Expected,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Future[Outcome]]:
    """What becomes of each scenario that this session asks for; four are played at a time."""
    names = {
        item.callspec.params["scenario"].name
        for item in request.session.items
        if "scenario" in getattr(getattr(item, "callspec", None), "params", {})
    }
    pool = ThreadPoolExecutor(max_workers=4)
    return {
        scenario.name: pool.submit(play, scenario, template, expected, SEED, tmp_path_factory.mktemp("fault"))
        for scenario in SCENARIOS
        if scenario.name in names and not scenario.why_not
    }


@pytest.mark.parametrize("scenario", PLAYED)
def test_nothing_is_lost_doubled_or_changed_by(
    scenario: Scenario, outcomes: dict[str, Future[Outcome]]
) -> None:
    outcome = outcomes[scenario.name].result()
    assert outcome.is_clean(), outcome


def test_what_is_played_is_a_scenario() -> None:
    assert set(SHORT) - {scenario.name for scenario in SCENARIOS} == set()


def test_the_oracle_sees_what_is_lost_doubled_and_changed(expected: Expected) -> None:
    from collections import Counter

    from fault_oracle import Difference, difference

    place, (rows,) = next(iter(expected.items()))
    first, second = list(rows)[:2]
    without = rows - Counter([first])
    assert difference(expected, expected) == Difference()
    assert difference(expected, {**expected, place: [without]}) == Difference(lost=1)
    assert difference(expected, {**expected, place: [rows + Counter([first])]}) == Difference(doubled=1)
    assert difference(expected, {**expected, place: [without + Counter(["other"])]}) == Difference(changed=1)
    assert difference(expected, {**expected, place: [rows, rows]}) == Difference(doubled=rows.total())
    gone = {each: runs for each, runs in expected.items() if each != place}
    assert difference(expected, gone) == Difference(lost=rows.total())
    assert second in rows
