"""The picture of a frontier: every row is in it, the verdicts are told apart, and files are what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.figures import front
from paretofleet_analysis.figures.points import bounds, picture_of
from paretofleet_analysis.figures.terminal import render_plot
from paretofleet_analysis.ranking.rank import rank

MODELS = {"small": (60.0, 0.010), "large": (76.0, 0.080), "bad": (55.0, 0.040)}


@pytest.fixture
def ranking(fleet):
    return rank(fleet(MODELS))


def test_every_row_is_a_point_with_its_interval_in_shown_units(ranking):
    picture = picture_of(ranking)
    assert (picture.x.name, picture.y.name, picture.is_whole) == ("batch_latency_p90_s", "top1", True)
    assert [point.number for point in picture.points] == [row.number for row in ranking.rows]
    for point, row in zip(picture.points, ranking.rows, strict=True):
        estimate = row.compared("batch_latency_p90_s")
        assert point.x == pytest.approx((1e3 * estimate.mean, 1e3 * estimate.lo, 1e3 * estimate.hi))


def test_the_line_is_the_frontier_of_the_means_where_two_objectives_are_all(ranking, fleet):
    assert [point.name for point in picture_of(ranking).frontier()] == ["small", "large"]
    of_three = rank(fleet(MODELS), objectives=["top1", "batch_latency_p90_s", "memory_peak_bytes"])
    assert picture_of(of_three).frontier() == []


def test_margins_are_shares_or_amounts():
    assert bounds(100.0, (0.02, True)) == pytest.approx((100 / 1.02, 102.0))
    assert bounds(70.0, (0.2, False)) == pytest.approx((69.8, 70.2))


def test_one_objective_is_no_picture(fleet):
    with pytest.raises(RankError, match="two objectives"):
        picture_of(rank(fleet(MODELS), objectives=["batch_latency_p90_s"]))


@pytest.mark.parametrize(
    ("ending", "begins"), [(".svg", b"<svg"), (".pdf", b"%PDF"), (".png", b"\x89PNG\r\n")]
)
def test_a_file_is_what_its_ending_says(ranking, tmp_path: Path, ending: str, begins: bytes) -> None:
    pytest.importorskip("vl_convert")
    path = tmp_path / f"front{ending}"
    front.write_figure(ranking, path)
    assert path.read_bytes().startswith(begins)


def test_the_specification_holds_the_data_and_tells_verdicts_apart_by_colour_and_shape(ranking):
    spec = front.specification(ranking)
    assert len(set(front._COLOURS.values())) == len(set(front._SHAPES.values())) == 3
    assert {row["name"] for row in spec["datasets"]["rows"]} == set(MODELS)


def test_another_ending_or_a_missing_extra_is_a_sentence(ranking, tmp_path, monkeypatch):
    with pytest.raises(RankError, match=r"\.svg, \.pdf, \.png"):
        front.write_figure(ranking, tmp_path / "front.jpg")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(RankError, match=r"paretofleet-analysis\[figures\]"):
        front.write_figure(ranking, tmp_path / "front.svg")
    monkeypatch.setitem(sys.modules, "plotext", None)
    with pytest.raises(RankError, match=r"paretofleet-analysis\[plot\]"):
        render_plot(ranking, columns=80)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_plot_fits_its_terminal_and_names_the_front(ranking, columns):
    pytest.importorskip("plotext")
    text = render_plot(ranking, columns=columns, with_colour=False)
    assert max(map(len, text.splitlines())) <= columns
    numbers = [point.number for point in picture_of(ranking).points if point.verdict == "front"]
    assert all(f"o {number}" in text for number in numbers)
    assert "\x1b" not in text
    assert len(numbers) == 2


def labelled(spec):
    """The numbers of the rows whose names or numbers are drawn."""
    texts = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    return {number for layer in texts for number in layer["transform"][0]["filter"]["oneOf"]}


def test_only_rows_that_lead_are_named_and_only_verdicts_that_are_there_explained(ranking):
    spec = front.specification(ranking)
    assert labelled(spec) == {row.number for row in ranking.rows if row.verdict == "front"}
    points = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")
    assert points["encoding"]["color"]["legend"]["values"] == ["front", "beaten"]


def test_a_table_without_runs_labels_its_frontier_and_says_that_nothing_is_sure(published):
    spec = front.specification(rank(published, objectives=["top1", "batch_latency_mean_s"]))
    rows = spec["datasets"]["rows"]
    on = {row["number"] for row in rows if row["leads"]}
    assert 2 < len(on) < len(rows)
    assert labelled(spec) <= on
    assert {row["p_front_text"] for row in rows} == {"unknown"}
    assert [row["p_front"] for row in rows] == [float(row["leads"]) for row in rows]
    explained = " ".join(spec["title"]["subtitle"])
    assert "Bars" not in explained
    assert "Without a probability" in explained


def test_a_share_is_never_on_a_logarithmic_axis_and_a_time_has_round_ticks(fleet):
    wide = {"small": (9.0, 0.001), "large": (76.0, 0.090), "bad": (8.0, 0.095)}
    spec = front.specification(rank(fleet(wide)))
    points = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "point")
    x, y = points["encoding"]["x"], points["encoding"]["y"]
    assert (x["scale"]["type"], y["scale"]["type"]) == ("log", "linear")
    assert x["axis"]["values"] == [3, 10, 30, 100]


def test_the_band_of_the_margins_lies_below_the_points(ranking):
    marks = [layer["mark"]["type"] for layer in front.specification(ranking)["layer"]]
    assert marks[0] == "area"
    assert marks.index("area") < marks.index("point")
