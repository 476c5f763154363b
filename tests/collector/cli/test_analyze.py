"""`paretofleet analyze` on a stored sweep: a page, its figures, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import rank_million
from command_harness import Command
from paretofleet_analysis.page import studies
from paretofleet_analysis.ranking import rank as ranks

pytest.importorskip("vl_convert")

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
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    done = paretofleet("analyze", REPORT, "-o", tmp_path / "report.html", code=1)
    assert "pip install 'paretofleet-analysis[figures]'" in done.err


@pytest.mark.parametrize(
    "options",
    [("--studies", "devices"), ("--studies", "", "--redact", "models,hosts", "--device", "desk")],
    ids=["plain", "redacted"],
)
def test_a_bundle_makes_the_page_again_byte_for_byte(
    paretofleet: Command, tmp_path: Path, options: tuple[str, ...]
) -> None:
    page, again, bundle = tmp_path / "report.html", tmp_path / "again.html", tmp_path / "b.zip"
    words = ("--for", "offline", *options, "--bundle", bundle)
    done = paretofleet("analyze", REPORT, "-o", page, *words)
    assert f"computes it again with `paretofleet analyze {bundle} -o report.html`" in done.err
    said = paretofleet("analyze", bundle, "-o", again).err
    assert "the same as in the bundle, byte for byte" in said
    assert again.read_bytes() == page.read_bytes()
    assert (b"desk" in page.read_bytes()) == ("--redact" not in options)
    other = paretofleet("analyze", bundle, "-o", again, "--studies", "", "--seed", "3").err
    assert "byte for byte" not in other, "another question has no answer in the bundle"


def test_of_a_very_large_report_it_says_what_the_page_leaves_out(
    paretofleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rank_million.write_fleet(600, tmp_path)
    monkeypatch.setattr(ranks, "TABLE_FROM", 0)
    monkeypatch.setattr(studies, "ROWS_MAX", 500)
    page = tmp_path / "report.html"
    done = paretofleet("analyze", tmp_path, "-o", page)
    assert "more rows are surely dominated and not listed" in done.err
    assert "No studies: a page makes studies of at most 500 rows, and these are 600" in done.err
    assert "more rows are surely dominated and not drawn" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", [("--rate", "5"), ("--power-scope", "package")])
def test_other_questions_of_too_many_rows_are_refused_like_those_of_rank(
    paretofleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    rank_million.write_fleet(30, tmp_path)
    monkeypatch.setattr(ranks, "ROWS_MAX", 20)
    monkeypatch.setattr(ranks, "select", None)
    page = tmp_path / "report.html"
    done = paretofleet("analyze", tmp_path, "-o", page, *option, code=1)
    assert "the report has 30 rows and at most 20 are ranked at once by another question" in done.err
    assert not page.exists()
