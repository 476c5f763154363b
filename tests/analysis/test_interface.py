"""The names at the top: two lines to a ranking, to pandas and back, and an import that costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import paretofleet_analysis as pf
import pytest
import yaml

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "tests" / "fixtures" / "stored_sweep" / "report.parquet"


def test_two_lines_give_a_ranking_as_pandas():
    ranked = pf.read(REPORT).rank(objectives=["top1", "batch_latency_mean_s"])
    frame = ranked.to_pandas()
    assert list(frame["number"]) == list(range(1, len(frame) + 1))
    assert (frame["batch_latency_mean_s_lo"] < frame["batch_latency_mean_s"]).all()
    assert set(frame["verdict"]) <= {"front", "undecided", "beaten"}
    assert ranked.text().startswith("For named objectives")
    assert ranked.table("latex").startswith("%")
    assert "configurations were measured" in ranked.methods()


def test_a_report_goes_to_pandas_and_back():
    report = pf.read(REPORT)
    back = pf.from_pandas(report.to_pandas())
    assert back.table.equals(report.table)
    fast = report.to_pandas().query("batch_latency_mean_s < 0.015")
    assert pf.from_pandas(fast).table.num_rows == len(fast) < report.table.num_rows


def test_an_interpreter_shows_the_ranking_and_a_notebook_its_table():
    """And of a report how large it is: a line for each, not every value that it holds."""
    report = pf.read(REPORT)
    assert repr(report).startswith(f"Report(rows: {report.table.num_rows}, models: ")
    assert "to_pandas()" in repr(report)
    ranked = report.rank(objectives=["top1", "batch_latency_mean_s"])
    assert repr(ranked) == ranked.text()
    assert ranked._repr_html_() == ranked.table("html")


def test_what_is_no_report_is_refused_by_a_value_error(tmp_path):
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(ValueError, match=r"no\.parquet"):
        pf.read(tmp_path / "no.parquet")
    with pytest.raises(ValueError, match="latency"):
        pf.from_pandas(pf.read(REPORT).to_pandas().assign(batch_latency_mean_s="slow"))


def test_the_names_are_these_and_importing_them_loads_nothing_heavy():
    assert sorted(pf.__all__) == ["RankedReport", "Report", "__version__", "from_pandas", "read"]
    with pytest.raises(AttributeError, match="no attribute 'ranks'"):
        pf.ranks  # noqa: B018
    code = "import sys, paretofleet_analysis; sys.exit('numpy' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == pf.__version__
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()


def test_a_notebook_completes_the_names_that_stay():
    assert {"read", "from_pandas", "Report", "RankedReport"} <= set(dir(pf))
