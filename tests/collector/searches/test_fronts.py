"""What a search has come to on a device: its front, beside its random trials, and why others are useless."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from paretofleet_collector.model.searches import SearchTraining
from paretofleet_collector.searches.confirmed import confirmations
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.fronts import front_rows, sentences, trial_rows
from paretofleet_collector.searches.measured import TrialMeasurement
from search_examples import SPECIFICATION, TRIALS, failed, read, row


def table(*measured: TrialMeasurement, accuracies: tuple[float, ...] = ()) -> CostTable:
    trainings = [
        SearchTraining(number, 1, "validation", top1=top1, top1_n=1000)
        for number, top1 in enumerate(accuracies)
    ]
    return cost_table(SPECIFICATION, ("box", "tx2"), TRIALS, measured, trainings)


def test_a_front_has_who_is_not_beaten_with_values_as_the_report_has_them() -> None:
    measured = read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04))
    (best, quick) = front_rows(table(*measured, accuracies=(70.0, 80.0)), "box", seed=1)
    assert (best["trial"], best["top1"], best["batch_latency_p90_s"]) == (1, 80.0, 0.04)
    assert (quick["trial"], quick["member.width"], quick["member.depth"]) == (0, 8, 1)
    assert best["verdict"] == quick["verdict"] == "selected"
    assert best["p_front"] == quick["p_front"] == 1.0
    (only,) = front_rows(table(*measured, accuracies=(80.0, 70.0)), "box", seed=1)
    assert only["trial"] == 0


def test_what_is_measured_anew_is_confirmed_or_not_by_that_alone() -> None:
    selected = table(
        *read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04)), accuracies=(70.0, 80.0)
    )
    # on the test split the slow one is no better, and the quick one is as quick
    trainings = [SearchTraining(number, 1, "test", top1=70.0, top1_n=1000) for number in range(2)]
    again = read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04))
    anew = replace(cost_table(SPECIFICATION, ("box",), TRIALS, again, trainings), split="test")
    found = confirmations(anew, "box", seed=1)
    assert {number: each.verdict for number, each in found.items()} == {0: "confirmed", 1: "not confirmed"}
    shown = {each["trial"]: each for each in front_rows(selected, "box", 1, found)}
    assert (shown[1]["verdict"], shown[1]["top1"], shown[1]["confirmed.top1"]) == (
        "not confirmed",
        80.0,
        70.0,
    )
    assert shown[0]["verdict"] == "confirmed"
    assert shown[0]["confirmed.p_front"] >= 0.8


def test_who_could_not_be_trained_anew_has_failed_and_is_selected_no_more() -> None:
    selected = table(
        *read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04)), accuracies=(70.0, 80.0)
    )
    trainings = [
        SearchTraining(0, 1, "test", top1=70.0, top1_n=1000),
        SearchTraining(1, 1, "test", "crashed: Training failed with code 1: out of ideas."),
    ]
    again = read(row("anchor", 0.01), row("edge-0", 0.02))
    for measured, first in ((again, "confirmed"), ([], "selected")):
        anew = replace(cost_table(SPECIFICATION, ("box",), TRIALS, measured, trainings), split="test")
        shown = {
            each["trial"]: each for each in front_rows(selected, "box", 1, confirmations(anew, "box", 1))
        }
        assert (shown[0]["verdict"], shown[1]["verdict"]) == (first, "failed")
        assert shown[1]["confirmed.reason"].endswith("out of ideas.")
        assert shown[1]["confirmed.p_front"] is None


def test_a_limit_keeps_a_network_out_of_the_front_of_that_device_alone() -> None:
    measured = read(
        row("anchor", 0.01), row("edge-0", 0.2), row("anchor", 0.01, "tx2"), row("edge-0", 0.02, "tx2")
    )
    known = table(*measured, accuracies=(70.0,))
    assert front_rows(known, "box", 1) == []
    assert [each["trial"] for each in front_rows(known, "tx2", 1)] == [0]
    said = " ".join(sentences(known, "box"))
    assert "every trial is beyond a limit; the nearest has 4 times that of batch_latency_p90_s" in said
    assert "has not measured 3 of 4 trials" in said


def test_what_failed_is_counted_by_its_reason_and_listed() -> None:
    known = table(*read(row("anchor", 0.01), failed("edge-0", "oom"), row("edge-1", 0.02)), accuracies=())
    assert "box: 1 of 4 trials are of no use: oom 1" in list(sentences(known, "box"))
    states = {(each["trial"], each["device"]): each["state"] for each in trial_rows(known)}
    assert states[0, "box"] == "failed"
    assert states[1, "box"] == "measured"
    assert states[1, "tx2"] == "missing"


def test_random_trials_stand_beside_as_many_others() -> None:
    measured = read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04))
    said = list(sentences(table(*measured, accuracies=(70.0, 80.0)), "box"))
    assert "box: of the hypervolume of its 2 trials, alone reach the 2 at random 1.000" in said


def test_every_value_has_its_interval_of_95_percent() -> None:
    measured = read(row("anchor", 0.01), row("edge-0", 0.02), row("edge-1", 0.04))
    (_, quick) = front_rows(table(*measured, accuracies=(70.0, 80.0)), "box", seed=1)
    assert quick["top1_lo"] == pytest.approx(70 - 1.96 * (70 * 30 / 1000) ** 0.5)
    assert quick["top1_hi"] == pytest.approx(70 + 1.96 * (70 * 30 / 1000) ** 0.5)
    # runs vary by 1 %: three of the member's, and three of the anchor's
    factor = quick["batch_latency_p90_s_hi"] / quick["batch_latency_p90_s"]
    assert factor == pytest.approx(math.exp(1.96 * 0.01 * (2 / 3) ** 0.5), abs=1e-5)
    assert quick["batch_latency_p90_s_lo"] == pytest.approx(quick["batch_latency_p90_s"] / factor)
    untrained = trial_rows(table(*measured))[0]
    assert untrained["top1"] is untrained["top1_lo"] is untrained["top1_hi"] is None
