"""`paretofleet rank --by device`: the winners of each device, in every form that a ranking has."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from test_rank import configuration


@pytest.fixture
def report(tmp_path: Path) -> Path:
    rows = [
        replace(configuration(model, latency_s, top1), device=device)
        for device, model, latency_s, top1 in (
            ("desk", "small", 0.01, 60.0),
            ("desk", "large", 0.02, 76.0),
            ("board", "small", 0.08, 60.0),
            ("board", "large", 0.05, 76.0),
        )
    ]
    files.write(build_report(rows), tmp_path / "report.parquet")
    return tmp_path / "report.parquet"


def test_one_table_names_the_winners_of_each_device(
    report: Path, paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = paretofleet("rank", report, "--by", "device").out.splitlines()
    (small,) = (line for line in lines if line.startswith("desk") and " fastest  " in line)
    assert "small" in small
    assert "gives up 16 points" in " ".join(lines)
    assert any("the whole ranking of one device" in line.lower() for line in lines)


def test_csv_has_a_row_for_each_winner(report: Path, paretofleet: Command) -> None:
    rows = list(csv.DictReader(io.StringIO(paretofleet("rank", report, "--by", "device", "-o", "csv").out)))
    fastest = {row["device"]: row for row in rows if row["use"] == "fastest"}
    assert {device: row["model"] for device, row in fastest.items()} == {"desk": "small", "board": "large"}
    assert float(fastest["desk"]["value"]) == pytest.approx(0.01, rel=1e-2)
    assert float(fastest["desk"]["probability_lo"]) > 0.9
    (given,) = json.loads(fastest["desk"]["gives_up"])
    assert (given["objective"], given["model"], given["difference"]) == ("top1", "large", 16.0)


def test_markdown_and_json(report: Path, paretofleet: Command) -> None:
    assert "| desk | fastest | small |" in paretofleet("rank", report, "--by", "device", "-o", "markdown").out
    found = paretofleet("rank", report, "--by", "device", "--device", "desk", "-o", "json").json
    assert [each["device"] for each in found["devices"]] == ["desk"]


def test_what_is_about_one_ranking_is_refused_beside_it(report: Path, paretofleet: Command) -> None:
    said = paretofleet("rank", report, "--by", "device", "--why", "1", code=2).err
    assert "--why is about one ranking; give --device NAME" in said
    assert "device" in paretofleet("rank", report, "--by", "model", code=2).err
