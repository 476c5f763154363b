"""`report import`: units, misspelt columns, and a ranking of what was imported; tables are tested with the
analysis.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from command_harness import Command

TABLE = "name,lat,acc\nsmall,10,0.705\nlarge,31.5,0.76\nslow,40,0.69\n"
SET = ("--set", "device=desk", "--set", "batch_size=1", "-o", "theirs.parquet")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_an_imported_table_is_ranked_by_its_frontier_of_means(paretofleet: Command, table: Path) -> None:
    mapped = [word for name in ("model=name", "batch_latency_mean_s=lat:ms") for word in ("--map", name)]
    done = paretofleet("report", "import", "csv", table, *mapped, "--map", "top1=acc:share", *SET)
    assert "batch_latency_mean_s <- lat" in done.err
    assert "3 rows, each one published value of an unknown number of runs" in done.err
    objectives = ("--objective", "top1", "--objective", "batch_latency_mean_s")
    ranking = paretofleet("rank", "theirs.parquet", *objectives, "-o", "json").json
    rows = {row["identity"]["model"]: row for row in ranking["rows"]}
    assert rows["small"]["estimates"]["batch_latency_mean_s"]["mean"] == pytest.approx(0.010)
    assert {name for name, row in rows.items() if row["is_on_frontier_of_means"]} == {"small", "large"}
    assert all("published value of an unknown number of runs" in row["sentence"] for row in rows.values())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--map", "batch_latency_mean=lat"), "did you mean batch_latency_mean_s"),
        (
            ("--map", "batch_latency_mean_s=lat:W"),
            "'W' is no unit of batch_latency_mean_s; it takes ns, us, ms",
        ),
        (("--set", "device=shelf"), "--set device is given more than once"),
        (("--map", "model"), "write COLUMN=VALUE, as in model=name"),
    ],
)
def test_a_mapping_that_no_report_takes_is_an_error_of_usage(
    paretofleet: Command, table: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in paretofleet("report", "import", "csv", table, *words, *SET, code=2).err


def test_a_column_without_units_may_have_a_colon_in_its_name(paretofleet: Command, table: Path) -> None:
    table.write_text(TABLE.replace("name", "net:name"))
    done = paretofleet("report", "import", "csv", table, "--map", "model=net:name", *SET)
    assert "model <- net:name" in done.err


def test_missing_columns_and_another_format_are_refused(paretofleet: Command, table: Path) -> None:
    words = ("report", "import", "csv", table, "--map", "model=net", "--map", "top1=accuracy")
    done = paretofleet(*words, *SET, code=1)
    assert "lacks the columns net, accuracy: it has name, lat, acc" in done.err
    assert "let it end in .parquet" in paretofleet(*words, *SET[:-1], "theirs.csv", code=1).err
