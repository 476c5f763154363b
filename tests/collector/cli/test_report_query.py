"""`paretofleet report query`: SQL over reports, which reads nothing else and changes nothing."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_harness import Command
from paretofleet_analysis.report import files

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"


def test_one_select_answers_as_table_json_csv_and_parquet(paretofleet: Command, tmp_path: Path) -> None:
    rows = files.read(REPORT).to_pylist()
    sql = "SELECT model, count(*) AS n, sum(runs) AS runs FROM report GROUP BY model ORDER BY model"
    due = [
        {
            "model": model,
            "n": sum(row["model"] == model for row in rows),
            "runs": sum(row["runs"] for row in rows if row["model"] == model),
        }
        for model in sorted({row["model"] for row in rows})
    ]
    assert paretofleet("report", "query", sql, REPORT, "-o", "json").json == due
    table = paretofleet("report", "query", sql, REPORT).out
    assert all(row["model"] in table for row in due)
    read = csv.DictReader(io.StringIO(paretofleet("report", "query", sql, REPORT, "-o", "csv").out))
    assert [row["model"] for row in read] == [row["model"] for row in due]
    answer = tmp_path / "answer.parquet"
    assert f"wrote {len(due)} rows" in paretofleet("report", "query", sql, REPORT, "-o", answer).err
    assert [int(n) for n in pq.read_table(answer)["n"].to_pylist()] == [row["n"] for row in due]


def test_several_reports_and_folders_are_one_table(paretofleet: Command, tmp_path: Path) -> None:
    table = files.read(REPORT)
    for device in table["device"].unique().to_pylist():
        part = tmp_path / "reports" / f"device={device}"
        part.mkdir(parents=True)
        of_device = table.filter(pa.compute.equal(table["device"], device))
        pq.write_table(of_device.drop_columns(["device"]), part / "part.parquet")
    sql = "SELECT device, count(*) AS n FROM report GROUP BY device ORDER BY device"
    whole = paretofleet("report", "query", sql, REPORT, "-o", "json").json
    assert paretofleet("report", "query", sql, tmp_path / "reports", "-o", "json").json == whole
    twice = paretofleet("report", "query", sql, REPORT, tmp_path / "reports", "-o", "json").json
    assert [row["n"] for row in twice] == [2 * row["n"] for row in whole]


def test_a_long_table_shows_its_first_rows_and_says_so(paretofleet: Command) -> None:
    said = paretofleet("report", "query", "SELECT i FROM range(250) t(i)", REPORT)
    assert len(said.out.splitlines()) == 101
    assert "150 more rows" in said.err


def test_values_that_json_cannot_hold_are_absent_or_text(paretofleet: Command) -> None:
    sql = "SELECT 'nan'::DOUBLE AS a, 1 AS a, DATE '2026-01-02' AS day, 1.5::DECIMAL(9,2) AS d"
    assert paretofleet("report", "query", sql, REPORT, "-o", "json").json == [
        {"a": None, "a_2": 1, "day": "2026-01-02", "d": 1.5}
    ]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM read_parquet('https://example.org/x.parquet')", ""),
        ("COPY report TO 'stolen.csv'", "one SELECT"),
        ("CREATE TABLE x AS SELECT 1", "one SELECT"),
        ("INSTALL httpfs", "one SELECT"),
        ("SET enable_external_access = true", "one SELECT"),
        ("DROP VIEW report", "one SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("", "one SELECT"),
        ("SELEC 1", "syntax error"),
        ("SELECT nope FROM report", "nope"),
        ("SELECT 'x'::INTEGER FROM report", "Could not convert"),
    ],
)
def test_what_is_no_question_of_the_report_is_one_sentence(
    paretofleet: Command, sql: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = paretofleet("report", "query", sql, REPORT, code=None)
    assert said.code in (1, 2)
    assert why in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_what_is_no_report_and_no_form_is_refused(paretofleet: Command, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.parquet"
    pq.write_table(pa.table({"a": [1]}), stranger)
    assert "lacks the columns" in paretofleet("report", "query", "SELECT 1", stranger, code=1).err
    (tmp_path / "noise.parquet").write_bytes(b"noise")
    assert (
        "not a readable" in paretofleet("report", "query", "SELECT 1", tmp_path / "noise.parquet", code=1).err
    )
    (tmp_path / "empty").mkdir()
    assert "no Parquet file" in paretofleet("report", "query", "SELECT 1", tmp_path / "empty", code=1).err
    assert "says no form" in paretofleet("report", "query", "SELECT 1", REPORT, "-o", "x.txt", code=2).err


def test_a_report_that_is_damaged_within_is_named_and_leaves_no_answer(
    paretofleet: Command, tmp_path: Path
) -> None:
    whole, damaged = tmp_path / "device=a" / "r.parquet", tmp_path / "device=b" / "r.parquet"
    for path in (whole, damaged):
        path.parent.mkdir()
        path.write_bytes(REPORT.read_bytes())
    data = bytearray(REPORT.read_bytes())
    data[4:64] = bytes(60)  # the first column, behind the mark of a Parquet file
    damaged.write_bytes(data)
    answer = tmp_path / "answer.parquet"
    said = paretofleet("report", "query", "SELECT * FROM report", tmp_path, "-o", answer, code=1)
    assert f"{damaged} is damaged" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
