"""The figures of a search: what was tried, hypervolume beside random members, from device to device."""

import json
from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.search.space import space_of
from paretofleet_analysis.search.trials import Search, Trials
from paretofleet_analysis.studies.searched import Searched, answers

SPACE = space_of({"width": list(range(40)), "depth": [1, 2]})
SEARCH = Search(SPACE, {"pi": (0, 1), "tx2": (0, 2)}, seed=1)


def searched(count=40):
    """The first 20 at random and bad, the others on a front that is another on the other device."""
    random = np.random.default_rng(2)
    share = random.random(count)
    late = np.arange(count) >= 20
    error = 40.0 - 20.0 * share + np.where(late, 0.0, 8.0 * random.random(count))
    costs = np.stack([error, share, np.where(share > 0.5, 1.5 - share, share)], axis=1)
    codes = np.stack([np.arange(count) % 40, np.zeros(count, dtype=np.int64)], axis=1)
    failed = np.zeros(count, dtype=np.bool_)
    trials = Trials(codes, tuple(range(count)), costs, np.full(costs.shape, 0.01), failed)
    kinds = tuple(np.where(late, "best", "start").tolist())
    names = tuple(f"member {i}" for i in range(count))
    titles = {0: "error (%)", 1: "log10 ms", 2: "log10 ms"}
    return Searched(SEARCH, trials, kinds, np.full(count, 0.1), names, titles, {0: 0.2, 1: 0.009, 2: 0.009})


def test_each_device_has_projections_and_hypervolume_and_the_fleet_has_one():
    found = answers(searched())
    assert [each.title.split(":")[0] for each in found] == [
        "What was tried",
        "Hypervolume beside random members",
        "What was tried",
        "Hypervolume beside random members",
        "From device to device",
    ]
    assert all(each.chart and each.chart.points for each in found)


def test_each_projection_has_a_title_of_its_own():
    given = replace(searched(), search=Search(SPACE, {"pi": (0, 1, 2)}, seed=1))
    titles = [each.title for each in answers(replace(given, titles={0: "error", 1: "time", 2: "energy"}))]
    assert titles[:3] == [f"What was tried: pi, {axes}" for axes in ("time", "energy", "energy by time")]


def test_the_front_has_the_first_colour_on_every_device():
    charts = [each.chart for each in answers(searched()) if each.title.startswith("What was tried")]
    assert [chart.points[0]["place"] for chart in charts] == ["front", "front"]
    assert [chart.points[-1]["place"] for chart in charts] == ["tried", "tried"]


def test_the_front_is_told_from_what_was_tried_with_its_probability():
    chart = answers(searched())[0].chart
    assert {point["place"] for point in chart.points} == {"front", "tried"}
    sure = {
        place: [p["p_front"] for p in chart.points if p["place"] == place] for place in ("front", "tried")
    }
    assert np.mean(sure["front"]) > 0.8 > np.mean(sure["tried"])


def test_hypervolume_never_falls_and_ends_at_what_all_reach():
    answer = answers(searched())[1]
    for members, end in (("search", 1.0), ("random", None)):
        line = [point["share"] for point in answer.chart.points if point["members"] == members]
        assert (np.diff(line) >= 0.0).all()
        assert end is None or line[-1] == pytest.approx(end)
    assert "as many at random reach" in answer.sentence
    assert answer.rows[39][2] == pytest.approx(4.0)


def test_unlike_fronts_are_named_and_a_device_without_values_is_left_out():
    fleet = answers(searched())[-1]
    assert fleet.rows[0][:3] == ("pi", "tx2", "holds")
    given = searched()
    costs = given.trials.costs.copy()
    costs[:, 2] = np.nan
    found = answers(replace(given, trials=replace(given.trials, costs=costs)))
    assert [each.verdict for each in found] == ["told", "told", "left out"]


def test_the_figures_can_be_drawn():
    figures = pytest.importorskip("paretofleet_analysis.figures.study")
    for each in answers(searched()):
        made = figures.study_specification(each.chart, simulated="", description=each.sentence)
        assert json.loads(json.dumps(made))["description"] == each.sentence


def test_a_simulated_device_is_not_compared_with_a_real_one():
    found = answers(replace(searched(), simulated=frozenset({"tx2"})))
    assert (found[-1].title, found[-1].verdict) == ("From device to device", "left out")
    assert found[-1].sentence == "Left out: tx2 is simulated and pi is not: they are not compared."
    both = answers(replace(searched(), simulated=frozenset({"pi", "tx2"})))
    assert both[-1].verdict == "told"
    assert [each.title for each in found][1:4:2] == [
        "Hypervolume beside random members: pi",
        "Hypervolume beside random members: tx2 (simulated)",
    ]


def test_fronts_with_power_of_unlike_scopes_are_not_compared():
    scopes = {"pi": {"usb-input"}, "tx2": {"module"}}
    found = answers(replace(searched(), scopes=scopes))[-1]
    assert (found.title, found.verdict, found.rows, found.chart) == (
        "From device to device",
        "left out",
        (),
        None,
    )
    assert "the power of pi is of usb-input, that of tx2 of module" in found.sentence
    assert answers(replace(searched(), scopes={"pi": {"module"}, "tx2": {"module"}}))[-1].verdict == "told"


def test_pairs_that_are_not_compared_are_named_beside_those_that_are():
    devices = {"pi": (0, 1), **{f"tx2-{n}": (0, 2) for n in range(6)}}
    scopes = {name: {"module" if name.startswith("tx2") else "usb-input"} for name in devices}
    given = replace(searched(), search=Search(SPACE, devices, seed=1), scopes=scopes)
    found = answers(given)[-1]
    assert len(found.rows) == len(found.chart.points) == 15
    assert found.sentence.startswith("In 0 of 15 pairs of devices")
    assert found.sentence.count("their fronts are not compared") == 4
    assert found.sentence.endswith("; 2 more pairs are not compared for such reasons.")
