"""From reports and trainings to costs: drift goes with the anchor, failures have their reasons."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.search.propose import propose
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchTraining
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.fronts import sentences
from paretofleet_collector.searches.measured import TrialMeasurement, measurements
from search_examples import BATCH, COLUMNS, SPECIFICATION, SPREAD, TRIALS, failed, read, row


def table(*measured: TrialMeasurement, trainings: tuple[SearchTraining, ...] = ()) -> CostTable:
    return cost_table(SPECIFICATION, ("box", "tx2"), TRIALS, measured, trainings)


def test_a_value_comes_with_the_anchors_and_the_spread_of_all_rows() -> None:
    (first, second) = read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04))
    assert (first.trial, second.trial) == (0, 1)
    assert first.values["batch_latency_p90_s"] == 0.02
    assert first.anchors["batch_latency_p90_s"] == 0.01
    spread = np.std(np.log10(SPREAD), ddof=1)
    assert first.errors["batch_latency_p90_s"] == pytest.approx(spread * math.sqrt(2 / 3))
    assert first.errors["memory_peak_bytes"] == pytest.approx(spread * math.sqrt(1 / 3))


def test_drift_that_the_anchor_shares_is_no_difference() -> None:
    again = replace(BATCH, number=1, trials=(2, 3))
    before = read(row("anchor", 0.01), row("edge-0", 0.02))
    after = read(row("anchor", 0.013), row("edge-2", 0.026), batch=again)
    costs = table(*before, *after).costs(SPECIFICATION.space(), "box").costs
    assert costs[0, 1] == pytest.approx(math.log10(0.02))
    assert costs[2, 1] == pytest.approx(costs[0, 1])


def test_what_fails_and_what_is_beyond_a_limit_has_failed_there_with_its_reason() -> None:
    known = table(
        *read(
            row("anchor", 0.01), failed("edge-0", "oom"), row("edge-1", 0.1),
            row("anchor", 0.01, "tx2"), row("edge-0", 0.02, "tx2"), row("edge-1", 0.04, "tx2"),
        )
    )  # fmt: skip
    assert known.failure(0, "box") == "oom"
    assert known.failure(1, "box") == "batch_latency_p90_s 100 ms, 2 times the limit"
    assert known.failure(0, "tx2") == ""
    assert known.costs(SPECIFICATION.space(), "box").has_failed.tolist() == [True, True, False, False]
    assert known.costs(SPECIFICATION.space(), "tx2").has_failed.tolist() == [False] * 4
    assert not known.is_good(known.by_device["box"][1])
    assert known.is_good(known.by_device["tx2"][1])


def test_a_device_that_was_away_has_measured_nothing() -> None:
    gone = [failed(name, "offline", "skipped", "tx2") for name in ("anchor", "edge-0")]
    assert [each.device for each in read(row("anchor", 0.01), row("edge-0", 0.02), *gone)] == ["box"]


def test_a_value_that_the_anchor_has_and_a_trial_lacks_is_a_failure() -> None:
    (lacking,) = read(row("anchor", 0.01), row("edge-0", 0.02, batch_latency_p90_s=None))
    assert lacking.reason == "no batch_latency_p90_s"


def test_an_anchor_that_fails_is_a_sentence() -> None:
    with pytest.raises(Refused, match="anchor failed on box \\(oom\\)"):
        read(failed("anchor", "oom"), row("edge-0", 0.02))


def test_an_objective_that_a_device_does_not_have_is_a_sentence() -> None:
    blind = row("anchor", 0.01, energy_j_per_item=None, energy_j_per_item_runs=[None] * 3)
    assert len(read(blind, row("edge-0", 0.02))) == 1, "a limit alone may lack its column"
    with pytest.raises(Refused, match="box gives no energy_j_per_item of the anchor anchor; leave out"):
        measurements([blind], BATCH, TRIALS, "anchor", COLUMNS, needed=COLUMNS)
    short = row("anchor", 0.07, batch_latency_p90_s=None, iterations=69)
    with pytest.raises(Refused, match=r"whose runs of 23 calls are too short for it; name a quicker"):
        measurements([short], BATCH, TRIALS, "anchor", COLUMNS, needed=COLUMNS)


def test_a_device_that_gives_no_value_of_any_of_its_first_members_is_a_sentence() -> None:
    nothing = {"energy_j_per_item": None, "energy_j_per_item_runs": [None] * 3}
    rows = [row("anchor", 0.02), *(row(f"edge-{number}", 0.001, **nothing) for number in range(3))]
    first, later = (replace(BATCH, number=number, trials=(0, 1, 2)) for number in range(2))
    why = "box gives no energy_j_per_item of any of its first 3 members, which are over too soon"
    with pytest.raises(Refused, match=why):
        measurements(rows, first, TRIALS, "anchor", COLUMNS, needed=COLUMNS)
    seen = measurements(rows, later, TRIALS, "anchor", COLUMNS, needed=COLUMNS)
    assert [each.reason for each in seen] == ["no energy_j_per_item"] * 3, "they alone are of no use"
    assert len(measurements(rows, first, TRIALS, "anchor", COLUMNS, needed=COLUMNS, is_lenient=True)) == 3
    said = list(sentences(table(*seen), "box"))
    assert "box: 3 of 4 trials are of no use: no energy_j_per_item 3" in said


def test_who_looks_at_a_search_whose_anchor_failed_sees_what_there_is() -> None:
    short = row("anchor", 0.07, batch_latency_p90_s=None, iterations=69)
    rows = [short, row("edge-0", 0.02), failed("anchor", "oom", device="tx2"), row("edge-0", 0.02, "tx2")]
    (seen,) = measurements(rows, BATCH, TRIALS, "anchor", COLUMNS, needed=COLUMNS, is_lenient=True)
    assert (seen.device, seen.trial, seen.values["batch_latency_p90_s"]) == ("box", 0, 0.02)


def test_a_new_environment_is_a_new_device() -> None:
    later = replace(BATCH, number=1, trials=(2, 3))
    old = read(row("anchor", 0.01), row("edge-0", 0.02))
    new = read(
        row("anchor", 0.02, environment_id="new"), row("edge-2", 0.04, environment_id="new"), batch=later
    )
    assert list(table(*old, *new).by_device["box"]) == [2]


def test_power_of_another_scope_is_another_device() -> None:
    board = {"power_scope": "module"}
    first = read(row("anchor", 0.01, **board), row("edge-0", 0.02, **board))
    assert [each.scope for each in first] == ["module"]
    again = replace(BATCH, number=1, trials=(0, 1))
    wall = {"power_scope": "wall"}
    mixed = read(
        row("anchor", 0.01, **wall), row("edge-0", 0.02, **board), row("edge-1", 0.02, **wall), batch=again
    )
    assert [each.trial for each in mixed] == [1], "what is not of the anchor's scope is measured again"
    assert list(table(*first, *mixed).by_device["box"]) == [1]


def test_what_is_measured_again_changes_nothing() -> None:
    again = replace(BATCH, number=1)
    first = read(row("anchor", 0.01), row("edge-0", 0.02))
    second = read(row("anchor", 0.01), row("edge-0", 0.03), batch=again)
    assert table(*second, *first).by_device["box"][0].values["batch_latency_p90_s"] == 0.02


def test_the_error_of_an_accuracy_is_binomial_and_between_seeds() -> None:
    trained = SearchTraining(0, 1, "validation", top1=80.0, top1_n=400)
    assert table(trainings=(trained,)).accuracy(0) == (80.0, pytest.approx(2.0))
    both = table(trainings=(trained, replace(trained, seed=2, top1=84.0)))
    mean, error = both.accuracy(0) or (0.0, 0.0)
    assert mean == 82.0
    assert error == pytest.approx(math.sqrt(1e4 * 0.82 * 0.18 / 400 + 4.0))
    assert table(trainings=(replace(trained, split="test"),)).accuracy(0) is None
    hangs = SearchTraining(0, 1, "validation", reason="timeout: it hangs")
    assert table(trainings=(hangs,)).failure(0, "box") == "timeout: it hangs"


def test_the_analysis_proposes_from_such_a_table() -> None:
    rows = [row("anchor", 0.01), *(row(f"edge-{k}", 0.01 * (k + 1)) for k in range(4))]
    batch = replace(BATCH, trials=(0, 1, 2, 3))
    trainings = tuple(SearchTraining(k, 1, "validation", top1=70.0 + 5 * k, top1_n=1000) for k in range(4))
    known = table(*read(*rows, batch=batch), trainings=trainings)
    search = known.search(1, "box")
    assert search.devices == {"box": (0, 1, 2), "tx2": (0, 3, 4)}
    assert search.limits == {0: 40.0, 1: pytest.approx(math.log10(0.05))}
    assert list(known.search(1, "tx2").limits) == [0, 3]
    (proposal,) = propose(search, known.costs(search.space, "box"), rotation=("box",))
    assert proposal.device == "box"
    assert proposal.kind in ("best", "mutant", "control")
