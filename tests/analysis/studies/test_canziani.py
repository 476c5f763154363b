"""The ten figures and four findings, on devices for which each finding is true, false or open."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.studies import upper_bound
from paretofleet_analysis.studies.canziani import answers
from paretofleet_analysis.studies.resampling import over_models
from paretofleet_analysis.studies.upper_bound import QUANTILE, upper_line

MACS = [0.3e9 * 1.35**k for k in range(14)]


def constant(_):
    return 12.0


def by_work(macs):
    return macs / 2e11


def by_title(found):
    return {answer.title: answer for answer in found}


@pytest.fixture
def report(configuration):
    """Networks of growing work on one device: `power_w` and `time_s` of operations."""

    def make(power_w, time_s, *, batches=(1, 4), models=14, top1=None, **more):
        rng = np.random.default_rng(3)
        rows = []
        for k, macs in enumerate(MACS[:models]):
            for batch in batches:
                seconds = time_s(macs)
                runs = seconds * batch * np.exp(0.004 * rng.standard_normal(5))
                joules = [power_w(macs) * seconds * np.exp(0.004 * rng.standard_normal()) for _ in runs]
                accuracy = 80 - 2 / (50 * seconds) if top1 is None else top1(macs)
                facts = {"top1": accuracy, "macs": int(macs), "parameters": int(macs / 100), **more}
                rows.append(
                    configuration(
                        f"net{k:02d}", list(runs), [j * batch for j in joules], batch_size=batch, **facts
                    )
                )
        return build_report(rows)

    return make


def test_on_a_device_of_one_power_whose_time_follows_the_work_all_four_hold(report):
    found = by_title(answers(report(constant, by_work)))
    verdicts = {title: answer.verdict for title, answer in found.items() if title[0].isalpha()}
    assert verdicts == {
        "Power does not depend on network and batch size: desk": "holds",
        "Accuracy and time are in a hyperbolic relation: desk": "holds",
        "Energy bounds the accuracy that can be reached: desk": "holds",
        "Operations foretell the time: desk": "holds",
    }


def test_a_device_whose_power_grows_with_the_work_fails_the_first(report):
    table = report(lambda macs: 5 + macs / 1e9, by_work)
    power = by_title(answers(table))["Power does not depend on network and batch size: desk"]
    assert power.verdict == "fails"
    spread = power.rows[0]
    assert spread[4] > 0.1
    assert spread[4] < spread[3] < spread[5]


def test_a_device_whose_time_is_not_that_of_the_work_fails_the_last(report):
    def time_s(macs):
        return 0.01 * (1 + (MACS.index(macs) * 5) % 7)

    found = by_title(answers(report(constant, time_s)))
    assert found["Operations foretell the time: desk"].verdict == "fails"


def test_a_bound_that_is_a_line_fails_the_second(report):
    table = report(constant, by_work, top1=lambda macs: 40 + 2 * macs / 1e9)
    found = by_title(answers(table))
    assert found["Accuracy and time are in a hyperbolic relation: desk"].verdict == "fails"


def test_few_models_leave_every_finding_open(report):
    found = by_title(answers(report(constant, by_work, models=4)))
    findings = [answer for title, answer in found.items() if title[0].isalpha()]
    assert {answer.verdict for answer in findings} == {"cannot tell"}
    assert all("Fewer than 5 models give no interval" in answer.sentence for answer in findings)


def test_each_place_has_its_figures_with_batch_sizes_as_colour(report):
    found = by_title(answers(report(constant, by_work)))
    numbered = sorted(int(title.partition(".")[0]) for title in found if title[0].isdigit())
    assert numbered == list(range(1, 11))
    chart = found["7. Time over operations: desk"].chart
    assert chart.colour == "batch_size"
    assert {point["batch_size"] for point in chart.points} == {1, 4}
    first = chart.points[0]
    assert first["lo"] < first["time_ms"] < first["hi"]
    assert first["time_ms"] == pytest.approx(1e3 * MACS[0] / 2e11, rel=0.01)


def test_time_has_a_line_in_the_work_and_accuracy_a_bound_in_the_speed(report):
    found = by_title(answers(report(constant, by_work)))
    time, speed = (found[f"{title}: desk"] for title in (
        "7. Time over operations", "9. Accuracy over items a second, size by operations"))  # fmt: skip
    for size in (1, 4):
        first, last = (line for line in time.chart.lines if line["batch_size"] == size)
        slope = (last["time_ms"] - first["time_ms"]) / (last["giga_macs"] - first["giga_macs"])
        assert slope == pytest.approx(1e12 / 2e11, rel=0.01)
        x = np.array([line["items_s"] for line in speed.chart.lines if line["batch_size"] == size])
        bound = [line["top1_percent"] for line in speed.chart.lines if line["batch_size"] == size]
        points = [point for point in speed.chart.points if point["batch_size"] == size]
        above = [p["top1_percent"] > np.interp(p["items_s"], x, bound) + 1e-9 for p in points]
        assert sum(above) <= (1 - QUANTILE) * len(points) + 1
    assert "least squares" in time.sentence
    assert "below which 95 % of its rows lie" in speed.sentence


def test_two_models_are_no_line(report):
    found = by_title(answers(report(constant, by_work, models=2)))
    assert found["7. Time over operations: desk"].chart.lines == ()
    assert "Dashes" not in found["7. Time over operations: desk"].sentence


def test_bars_are_the_best_variant_of_each_model_the_longest_first(configuration):
    measured = [("a", "old", 60.0), ("a", "new", 70.0), ("b", "old", 65.0)]
    rows = [
        configuration(model, [0.01] * 3, top1=top1, variant=variant, configuration_id=f"{model}-{variant}")
        for model, variant, top1 in measured
    ]
    answer = by_title(answers(build_report(rows)))["1. Accuracy of each network"]
    assert [(p["model"], p["top1_percent"]) for p in answer.chart.points] == [("a", 70.0), ("b", 65.0)]
    assert "Drawn is the best variant of each model." in answer.sentence


def test_what_is_missing_is_left_out_with_its_reason(configuration):
    rows = [configuration(f"n{k}", [0.01 * (k + 1)] * 3, top1=None, macs=None) for k in range(6)]
    found = by_title(answers(build_report(rows)))
    left = {title: answer.sentence for title, answer in found.items() if answer.verdict == "left out"}
    assert left["1. Accuracy of each network"] == "Left out: no row has top1."
    assert (
        left["3. Time of an item over the batch size: desk"] == "Left out: there is one batch size only (1)."
    )
    assert left["8. Power over operations: desk"] == "Left out: no row has macs and power_w."
    assert (
        "fewer than two models have a power" in left["Power does not depend on network and batch size: desk"]
    )
    assert "macs" in left["Operations foretell the time: desk"]
    assert found["6. Memory over the size of the file: desk"].verdict == "told"


def test_power_is_above_idle_where_idle_is_known(configuration, summary):
    from paretofleet_analysis.report.inputs import RunInput

    def run(name, block, watts):
        values = summary(0.01, watts * 0.01, idle_power_w=4.0)
        return RunInput(
            run_id=f"{name}{block}", block=block, state="sealed", environment_id="e" * 16, boot_id="b",
            started_s=1.7e9, summary=values, facts={},
        )  # fmt: skip

    rows = [
        configuration(name, runs=[run(name, block, 10.0 + block / 100) for block in (1, 2, 3)])
        for name in "ab"
    ]
    found = by_title(answers(build_report(rows)))
    chart = found["8. Power over operations: desk"].chart
    assert chart.y_title == "power above idle, W"
    assert chart.points[0]["power_w"] == pytest.approx(6.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(41, 90), st.integers(0, 1000))
def test_the_program_finds_the_line_that_trying_all_pairs_finds(count, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(1, 9, count), rng.normal(70, 5, count)
    alpha, beta, loss = upper_line(x, y)
    by_pairs = upper_bound._by_pairs(x, y)
    rest = y - by_pairs[0] - by_pairs[1] * x
    assert loss == pytest.approx(np.maximum(QUANTILE * rest, (QUANTILE - 1) * rest).mean(), rel=1e-9)
    assert (y <= alpha + beta * x + 1e-9).mean() >= QUANTILE


def test_the_interval_over_models_holds_what_it_says():
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(100):
        values = rng.normal(10.0, 1.0, (20, 1))
        found = over_models(values, 0 * values, lambda x: float(x.mean()), models=np.arange(20), seed=seed)
        held += found.lo < 10.0 < found.hi
    assert 86 <= held <= 99
