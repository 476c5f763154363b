"""Reports whose types are right and whose content is not: one sentence that names row and column."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.schema import COLUMNS, MEASURES, schema

Row = dict[str, Any]
LISTS = [
    column.name
    for column in COLUMNS
    if pa.types.is_list(column.type) and (column.name.startswith("run_") or column.name.endswith("_runs"))
]
NAMES = ["sweep", "configuration_id", "model", "device", "device_class", "target", "runtime", "precision"]
NAMES += ["batch_size", "mode", "timing_scope", "protocol", "status", "simulated", "runs"]


def cell(column: str, value: Any) -> Callable[[Row], None]:
    """Puts a value in place of a row's own."""
    return lambda row: row.__setitem__(column, value)


def entry(column: str, value: Any) -> Callable[[Row], None]:
    """Puts a value in place of that of the second run."""
    return lambda row: row[column].__setitem__(1, value)


def shorter(column: str) -> Callable[[Row], None]:
    return lambda row: row[column].pop()


SPOILT = {
    **{f"{name} null": (name, cell(name, None)) for name in NAMES},
    **{f"{name} shorter": (name, shorter(name)) for name in LISTS if name != "run_ids"},
    **{
        f"{name} null": (name, cell(name, None))
        for name in LISTS
        if name not in ("run_mean_error_s", "run_overhead_s")
    },
    **{f"an entry of {name} null": (name, entry(name, None)) for name in ("run_ids", "run_blocks")},
    "an entry of run_counted null": ("run_counted", entry("run_counted", None)),
    "a flag null": ("flags", cell("flags", [None])),
    "a run's flag null": ("run_flags", entry("run_flags", [None])),
    **{
        f"{measure.name} {value:g}": (f"{measure.name}_runs", entry(f"{measure.name}_runs", value))
        for measure in MEASURES[:8]
        for value in (1e308, 5e-324)
    },
    **{
        f"started {value:g}": ("run_started_s", entry("run_started_s", value)) for value in (1e30, -1.0, 1e11)
    },
    **{f"top1 {value:g}": ("top1", cell("top1", value)) for value in (140.0, 0.76, -3.0, float("nan"))},
    "top1_n 0": ("top1_n", cell("top1_n", 0)),
    "batch size 0": ("batch_size", cell("batch_size", 0)),
    "runs below 0": ("runs", cell("runs", -1)),
    "a status of its own": ("status", cell("status", "splendid")),
    "a gain below 0": ("energy_gain_uncertainty", cell("energy_gain_uncertainty", -0.1)),
    "an endless gain": ("energy_gain_uncertainty", cell("energy_gain_uncertainty", float("inf"))),
}


@pytest.fixture
def rows(configuration) -> list[Row]:
    """Three good rows."""
    report = build_report([configuration(name, top1=70.0 + k) for k, name in enumerate("abc")])
    return report.to_pylist()


def test_good_rows_pass(rows: list[Row]) -> None:
    assert rank(pa.Table.from_pylist(rows, schema=schema())).rows


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_row_is_named_with_its_column(rows: list[Row], name: str) -> None:
    column, spoil = SPOILT[name]
    spoil(rows[1])
    with pytest.raises(ReportError) as caught:
        rank(pa.Table.from_pylist(rows, schema=schema()))
    sentence = str(caught.value)
    assert "row 2" in sentence, sentence
    assert f"{column} " in sentence, sentence
    assert "\n" not in sentence
    assert len(sentence) < 250


def test_a_column_that_is_there_twice_is_named(rows: list[Row]) -> None:
    table = pa.Table.from_pylist(rows, schema=schema())
    with pytest.raises(ReportError, match=r"has the column top1 2 times"):
        conform(table.append_column("top1", table["top1"]), name="r.parquet")


def test_a_measured_accuracy_may_be_below_one_percent(rows: list[Row]) -> None:
    """An untrained network is right by chance: 0.1 % of a thousand classes."""
    rows[1] |= {"top1": 0.1, "top1_source": "measured"}
    assert conform(pa.Table.from_pylist(rows, schema=schema()), name="r.parquet").num_rows == 3


def test_a_ranking_of_good_rows_is_still_plain_json(rows: list[Row]) -> None:
    ranking = rank(pa.Table.from_pylist(rows, schema=schema()))
    assert json.loads(json.dumps(ranking.evidence, allow_nan=False)).keys() == ranking.evidence.keys()
