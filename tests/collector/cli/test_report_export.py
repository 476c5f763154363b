"""`paretofleet report export mlflow`: what MLflow reads back, and what is said where it is not there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_analysis.report import files

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"


def test_mlflow_reads_back_what_the_report_says(paretofleet: Command, tmp_path: Path) -> None:
    tracking = pytest.importorskip(
        "mlflow.tracking", reason="pip install mlflow-skinny (130 MB) to test the export"
    )
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    words = ("report", "export", "mlflow", REPORT, "--experiment", "edge", "--tracking-uri", uri)
    rows = files.read(REPORT).to_pylist()
    said = paretofleet(*words)
    assert f"exported {len(rows)} rows to the experiment edge" in said.err
    client = tracking.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("edge").experiment_id
    runs = client.search_runs([experiment])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert parent.info.run_name == rows[0]["sweep"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    by_id = {run.data.tags["paretofleet.configuration_id"]: run for run in children}
    assert set(by_id) == {row["configuration_id"] for row in rows}
    for row in rows:
        metrics = by_id[row["configuration_id"]].data.metrics
        for name in ("batch_latency_mean_s", "batch_latency_mean_s_lo", "batch_latency_mean_s_hi"):
            assert metrics.get(name) == row[name]
    assert "in that experiment already" in paretofleet(*words, code=1).err


def test_without_mlflow_it_says_what_to_install(
    paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mlflow", "mlflow.exceptions", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, name, None)
    said = paretofleet("report", "export", "mlflow", REPORT, "--experiment", "edge", code=1).err
    assert "pip install 'paretofleet-collector[mlflow]'" in said
