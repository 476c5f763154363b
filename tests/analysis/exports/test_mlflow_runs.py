"""A report as MLflow's runs: a parent, a child for each row, three metrics for a measure."""

from __future__ import annotations

import re
from pathlib import Path

from paretofleet_analysis.exports.mlflow_runs import mlflow_runs
from paretofleet_analysis.report import files

REPORT = files.read(Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet")
ROWS = REPORT.to_pylist()


def test_every_row_is_a_child_of_its_sweep() -> None:
    (parent,) = mlflow_runs(REPORT)
    assert parent.run.name == ROWS[0]["sweep"]
    assert len(parent.children) == len(ROWS)
    assert parent.run.metrics["runs"] == sum(row["runs"] for row in ROWS)
    assert parent.run.started_s == min(min(row["run_started_s"]) for row in ROWS)


def test_a_measure_is_its_mean_and_the_ends_of_its_interval_and_nothing_stands_for_what_is_absent() -> None:
    (parent,) = mlflow_runs(REPORT)
    for row, child in zip(ROWS, parent.children, strict=True):
        for name in ("batch_latency_mean_s", "energy_j_per_item", "memory_peak_bytes", "top1"):
            for column in (name, f"{name}_lo", f"{name}_hi"):
                assert child.metrics.get(column) == row.get(column)
        assert child.params["batch_size"] == str(row["batch_size"])
        assert child.tags["paretofleet.configuration_id"] == row["configuration_id"]
    assert any(row[name] is None for row in ROWS for name in row), "the fixture has absent values"


def test_names_are_those_that_mlflow_takes() -> None:
    (parent,) = mlflow_runs(REPORT)
    for run in (parent.run, *parent.children):
        for name in (*run.params, *run.tags, *run.metrics):
            assert re.fullmatch(r"[A-Za-z0-9_./ -]{1,250}", name)
        assert all(len(value) <= 5_000 for value in (*run.params.values(), *run.tags.values()))
