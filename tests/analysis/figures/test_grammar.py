"""Every picture is made without Altair, and is what Altair's schema of the grammar allows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paretofleet_analysis.figures.front import specification
from paretofleet_analysis.figures.grammar import grammar_version
from paretofleet_analysis.figures.study import study_specification
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.report import files
from paretofleet_analysis.studies.answer import Chart

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"
POINTS = (
    {"x": 1.0, "y": 2.0, "lo": 1.5, "hi": 2.5, "x_lo": 0.9, "x_hi": 1.1, "of": "a", "mib": 3.0},
    {"x": 20.0, "y": 30.0, "lo": 25.0, "hi": 35.0, "of": "b"},
)
TEXTS = ({"x": "alexnet on desk", "y": 2.0, "lo": 1.5, "hi": 2.5}, {"x": "vgg on desk", "y": 3.0})
CHARTS = {
    "points": {"colour": "of", "size": "mib", "lines": POINTS, "is_x_log": True, "is_y_log": True},
    "lines": {"kind": "line", "colour": "of"},
    "bars": {"kind": "bar", "points": TEXTS},
    "texts": {"points": TEXTS},
    "one point": {"points": POINTS[:1]},
}


@pytest.fixture
def schema():
    altair = pytest.importorskip("altair")
    return lambda made: altair.Chart.from_dict(json.loads(json.dumps(made, allow_nan=False)), validate=True)


def study(**more):
    words = {"kind": "point", "x": "x", "y": "y", "colour": None, "points": POINTS}
    made = Chart(**{**words, "x_title": "x", "y_title": "y", **more})
    return study_specification(made, simulated="SIMULATED DEVICES", description="in words")


@pytest.mark.parametrize("name", CHARTS)
def test_the_picture_of_a_study_keeps_to_the_grammar(schema, name):
    made = study(**CHARTS[name])
    schema(made)
    assert made["description"] == "in words"


@pytest.mark.parametrize("objectives", [None, ["batch_latency_p90_s", "top1", "size_bytes"]])
def test_the_picture_of_a_ranking_keeps_to_the_grammar(schema, objectives):
    ranked = rank_runs(files.read(REPORT), objectives=objectives)
    made = specification(ranked.ranking, runs=ranked.runs)
    schema(made)
    panels = made.get("concat", [made])
    assert made["params"][0]["views"] == [panel["layer"][0]["name"] for panel in panels]


def test_a_word_that_is_not_in_the_grammar_is_noticed(schema):
    made = study()
    made["layer"][0]["mark"]["strokeWidht"] = 2
    with pytest.raises(pytest.importorskip("jsonschema").ValidationError):
        schema(made)


def test_vl_convert_and_altair_speak_the_grammar_that_is_written():
    altair = pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    major = study()["$schema"].rpartition("/v")[2].partition(".")[0]
    assert altair.SCHEMA_VERSION.lstrip("v").split(".")[0] == major == grammar_version().split(".")[0]


def test_nothing_of_the_pictures_loads_altair():
    code = "import sys, paretofleet_analysis.page.content; print('altair' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
