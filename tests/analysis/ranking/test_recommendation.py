"""What a ranking recommends for each use: by the same probabilities, and with what it costs elsewhere."""

from __future__ import annotations

import json

import pytest
from paretofleet_analysis.present.ranking_text import render, to_json
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import by_model

SPEED = "batch_latency_p90_s"


def by_use(ranking):
    return {each.use: each for each in ranking.recommendations}


def model(ranking, each):
    return ranking.rows[each.number - 1].identity["model"]


@pytest.fixture
def table(configuration):
    """A fast one, an accurate one, and one within a point of it that is faster; energies trade with speed."""
    noise = (0.998, 1.0, 1.001, 1.002, 0.999)
    rows = [
        configuration(name, [latency * x for x in noise], [energy * x for x in noise[::-1]], top1=top1)
        for name, latency, energy, top1 in (
            ("fast", 0.010, 0.9, 60.0),
            ("accurate", 0.040, 0.8, 76.0),
            ("near", 0.030, 0.7, 75.4),
        )
    ]
    return build_report(rows)


def test_each_use_has_its_row_and_its_price(table):
    ranking = rank(table)
    found = by_use(ranking)
    assert {use: model(ranking, each) for use, each in found.items()} == {
        "fastest": "fast",
        "cheapest in energy": "near",
        "fastest within one point of the best accuracy": "near",
    }
    price = {each.objective: each for each in found["fastest"].gives_up}
    assert price["top1"].difference == pytest.approx(16.0)
    assert price["energy_j_per_item"].relative == pytest.approx(0.9 / 0.7 - 1, rel=1e-3)
    assert price["energy_j_per_item"].number == found["cheapest in energy"].number
    assert found["fastest within one point of the best accuracy"].candidates == 2


def test_the_probability_is_that_of_a_ranking_by_this_objective_alone(table):
    alone = by_model(rank(table, objectives=[SPEED]))["fast"]
    assert by_use(rank(table))["fastest"].probability == pytest.approx(alone.p_front, abs=1e-9)


def test_within_a_limit_the_most_accurate_that_keeps_it(table):
    ranking = rank(table, maxima={"batch_latency_mean_s": 0.035})
    each = by_use(ranking)["most accurate within the limits"]
    assert model(ranking, each) == "near"
    assert each.probability > 0.9


def test_what_runs_do_not_decide_names_the_others(configuration):
    rows = [
        configuration("a", [0.010, 0.012, 0.011, 0.013, 0.009], top1=70.0),
        configuration("b", [0.011, 0.010, 0.012, 0.009, 0.013], top1=70.0),
        configuration("far", [0.1] * 5, top1=71.0),
    ]
    ranking = rank(build_report(rows))
    each = by_use(ranking)["fastest"]
    assert each.probability < 0.95
    assert len(each.others) == 1
    assert f"undecided (or row {each.others[0][0]}" in " ".join(render(ranking).split())


def test_what_the_data_lack_is_absent(configuration):
    rows = [configuration(name, [x, x * 1.01, x]) for name, x in (("a", 0.01), ("b", 0.02))]
    table = build_report(rows)
    assert "cheapest in energy" not in by_use(rank(table))
    assert set(by_use(rank(table, objectives=[SPEED]))) == {"fastest"}
    assert rank(table, question="run").recommendations == ()
    assert rank(build_report(rows[:1])).recommendations == ()


def test_the_price_names_its_quantity(configuration):
    noise = (0.998, 1.0, 1.001, 1.002, 0.999)
    rows = [
        configuration(name, [latency * x for x in noise], top1=top1)
        for name, latency, top1 in (("slow", 0.110, 75.9), ("middle", 0.013, 75.0), ("quick", 0.010, 60.0))
    ]
    text = " ".join(render(rank(build_report(rows), maxima={"memory_peak_bytes": 1e9})).split())
    assert "Gives up 16 points of top1 (row " in text
    assert "takes 30 % more p90 latency than row " in text
    assert "Takes 11 times the p90 latency of row " in text


def test_the_text_ends_with_it_and_json_has_it(table):
    ranking = rank(table)
    last = render(ranking).rstrip().split("\n\n")[-1]
    assert last.startswith("Recommended")
    assert "Gives up 16 points of top1" in " ".join(last.split())
    stored = json.loads(to_json(ranking))["recommendations"]
    assert stored[0]["use"] == "fastest"
    assert stored[0]["gives_up"][0]["objective"] == "top1"
