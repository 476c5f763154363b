"""A study's chart as a picture: its points with their intervals, and names that are no grammar."""

from __future__ import annotations

import pytest
from paretofleet_analysis.figures.study import LEGEND_MAX, TEXTS_MAX, study_specification
from paretofleet_analysis.studies.answer import Chart


def chart(points, **more):
    return Chart(**{"kind": "point", "x": "size (MB)", "y": "time [ms]", "colour": None, "points": points,
                    "x_title": "size (MB)", "y_title": "time (ms)", **more})  # fmt: skip


def marks(spec):
    return [layer["mark"]["type"] for layer in spec["layer"]]


def test_points_with_intervals_have_rules_and_what_else_is_known_in_words():
    points = ({"size (MB)": 1.0, "time [ms]": 2.0, "lo": 1.5, "hi": 2.5, "model": "</script>"},)
    spec = study_specification(chart(points), simulated="SIMULATED DEVICES", description="in words")
    assert spec["datasets"]["points"] == [
        {"x": 1.0, "y": 2.0, "lo": 1.5, "hi": 2.5, "more": "model </script>"}
    ]
    assert marks(spec) == ["rule", "point"]
    assert spec["title"]["text"] == "SIMULATED DEVICES"
    assert spec["description"] == "in words"


def test_what_has_no_place_is_not_drawn():
    points = ({"size (MB)": None, "time [ms]": 2.0}, {"size (MB)": 1.0, "time [ms]": 2.0})
    spec = study_specification(chart(points), simulated="", description="")
    assert len(spec["datasets"]["points"]) == 1


def test_texts_go_up_and_of_many_the_first_are_drawn():
    points = tuple({"size (MB)": f"row {k}", "time [ms]": 1.0 + k} for k in range(TEXTS_MAX + 5))
    spec = study_specification(chart(points), simulated="", description="")
    assert spec["layer"][-1]["encoding"]["y"]["type"] == "nominal"
    assert len(spec["datasets"]["points"]) == TEXTS_MAX
    assert spec["title"]["subtitle"] == ["5 more are not drawn."]


@pytest.mark.parametrize(("kind", "drawn"), [("bar", ["bar"]), ("line", ["line", "point"])])
def test_kinds_are_marks_and_fits_are_dashed(kind, drawn):
    points = (
        {"size (MB)": 1.0, "time [ms]": 2.0, "runtime": "a"},
        {"size (MB)": 2.0, "time [ms]": 3.0, "runtime": "b"},
    )
    made = chart(points, kind=kind, colour="runtime", lines=points, is_x_log=True)
    spec = study_specification(made, simulated="", description="")
    assert marks(spec) == ["line", *drawn]
    assert spec["layer"][0]["mark"]["strokeDash"]
    assert spec["layer"][-1]["encoding"]["color"]["scale"]["domain"] == ["a", "b"]


def test_one_colour_and_too_many_have_no_legend():
    def legend(count):
        points = tuple({"size (MB)": k, "time [ms]": 2.0 + k, "runtime": f"r{k}"} for k in range(count))
        spec = study_specification(chart(points, colour="runtime"), simulated="", description="")
        return spec["layer"][-1]["encoding"]["color"]["legend"]

    assert legend(1) is None
    assert legend(2)["title"] == "runtime"
    assert legend(LEGEND_MAX + 1) is None


def test_batch_sizes_are_the_ticks_of_their_axis():
    points = tuple({"size (MB)": size, "time [ms]": 2.0 * size} for size in (1, 2, 16))
    made = chart(points, kind="line", is_x_log=True)
    axis = study_specification(made, simulated="", description="")["layer"][-1]["encoding"]["x"]["axis"]
    assert axis["values"] == [1, 2, 16]


def test_a_point_without_a_size_is_drawn_as_well():
    points = (
        {"size (MB)": 1.0, "time [ms]": 2.0, "work": 5.0},
        {"size (MB)": 2.0, "time [ms]": 3.0, "work": None},
    )
    spec = study_specification(chart(points, size="work"), simulated="", description="")
    assert spec["layer"][-1]["encoding"]["size"]["condition"]["test"] == "isValid(datum.size)"
    assert spec["layer"][-1]["encoding"]["size"]["value"] > 0


def test_a_single_value_is_shown_against_nothing():
    points = ({"size (MB)": "a", "time [ms]": 1.0}, {"size (MB)": "b", "time [ms]": 1.0})
    across = study_specification(chart(points), simulated="", description="")["layer"][-1]["encoding"]["x"]
    assert across["scale"]["zero"] is True
