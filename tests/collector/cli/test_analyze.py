"""`paretofleet analyze` on a stored sweep: a page, its figures, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_harness import Command

pytest.importorskip("altair")

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"


def test_a_report_becomes_a_page_and_figures(paretofleet: Command, tmp_path: Path) -> None:
    page, figures = tmp_path / "report.html", tmp_path / "figures"
    done = paretofleet("analyze", REPORT, "-o", page, "--figures", figures, "--studies", "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert {path.suffix for path in figures.iterdir()} == {".svg", ".pdf", ".png"}
    assert f"wrote {page}" in done.err
    assert done.out == ""


def test_what_rank_takes_chooses_here_too(paretofleet: Command, tmp_path: Path) -> None:
    page = tmp_path / "desk.html"
    paretofleet("analyze", REPORT, "-o", page, "--device", "desk", "--title", "My desk", "--studies", "")
    text = page.read_text(encoding="utf-8")
    assert "<h1>My desk</h1>" in text
    assert "device is not desk" in text


def test_an_unknown_study_is_a_usage_error_that_names_those_there_are(
    paretofleet: Command, tmp_path: Path
) -> None:
    done = paretofleet("analyze", REPORT, "-o", tmp_path / "p.html", "--studies", "effort", code=2)
    assert "efficiency" in done.err


def test_a_page_in_no_folder_is_refused(paretofleet: Command, tmp_path: Path) -> None:
    done = paretofleet("analyze", REPORT, "-o", tmp_path / "no" / "report.html", code=1)
    assert "is no folder" in done.err


def test_without_the_extra_it_says_what_to_install(
    paretofleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    done = paretofleet("analyze", REPORT, "-o", tmp_path / "report.html", code=1)
    assert "pip install 'paretofleet-analysis[figures]'" in done.err
