"""The winners of each device: what `rank` recommends among its rows alone, in one table."""

from __future__ import annotations

import json

import pytest
from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.present import by_device_text
from paretofleet_analysis.ranking.by_device import rank_by_device
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report

NOISE = (0.998, 1.0, 1.001, 1.002, 0.999)


@pytest.fixture
def table(configuration):
    """On the desk the small one is fastest, on the board the large one is."""
    rows = [
        configuration(model, [latency * x for x in NOISE], top1=top1, device=device)
        for device, model, latency, top1 in (
            ("desk", "small", 0.010, 60.0),
            ("desk", "large", 0.020, 76.0),
            ("board", "small", 0.080, 60.0),
            ("board", "large", 0.050, 76.0),
        )
    ]
    return build_report([*rows, configuration("large", [0.3] * 5, device="alone", top1=76.0)])


def test_each_device_has_the_recommendation_of_its_rows_alone(table):
    ranked = {each.device: each for each in rank_by_device(table)}
    assert list(ranked) == ["alone", "board", "desk"]
    for device in ("board", "desk"):
        alone = rank(table, devices=(device,))
        assert ranked[device].ranking.recommendations == alone.recommendations
        assert ranked[device].why_none == ""
    fastest = {
        each.device: each.row.identity["model"]
        for each in by_device_text.winners(list(ranked.values()))
        if each.chosen.use == "fastest"
    }
    assert fastest == {"desk": "small", "board": "large"}


def test_the_text_says_what_each_gives_up_and_which_device_has_no_winner(table):
    text = " ".join(by_device_text.render(rank_by_device(table), columns=200).split())
    assert (
        "desk fastest small >0.99 gives up 16 points of top1 (large) p90 11.000 (10.975 to 11.026) ms" in text
    )
    assert "board fastest large >0.99 gives up nothing beyond the margins" in text
    assert "alone: nothing is recommended: only large fp32, onnxruntime on alone cpu, batch 1 can" in text


def test_chosen_devices_only_and_none_that_is_not_there(table):
    assert [each.device for each in rank_by_device(table, devices=["desk"])] == ["desk"]
    with pytest.raises(RankError, match="no row of the report is of device 'laptop': choose from alone"):
        rank_by_device(table, devices=["laptop"])


def test_a_wrong_request_is_refused_and_a_device_without_rows_to_rank_is_named(table, configuration):
    with pytest.raises(RequestError, match="unknown use"):
        rank_by_device(table, use="sometimes")
    many = configuration("many", [0.1] * 5, device="server", batch_size=8)
    ranked = rank_by_device(build_report([many, configuration("one"), configuration("two", [0.02] * 5)]))
    (server,) = (each for each in ranked if each.device == "server")
    assert server.ranking is None
    assert "batch size is not 1" in server.why_none
    with pytest.raises(RankError, match=r"no device can be ranked \(server: no row"):
        rank_by_device(build_report([many]))


def test_a_paper_s_table_has_it_and_json_every_ranking_whole(table):
    ranked = rank_by_device(table)
    page = by_device_text.render_paper_winners(ranked, "markdown")
    assert "| device | for | winner | value | probability | price |" in page
    assert "| desk | fastest | small |" in page
    stored = json.loads(by_device_text.to_json(ranked))
    assert [each["device"] for each in stored["devices"]] == ["alone", "board", "desk"]
    assert stored["devices"][1]["ranking"]["recommendations"][0]["use"] == "fastest"
