"""Processes are killed, frozen and cut off; every sample is still there exactly once."""

from __future__ import annotations

import signal
import sqlite3
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from farm import Farm, alive, descendants, is_runner, wait_until
from networks import convolution

pytestmark = pytest.mark.system


def ended_runs(farm: Farm, name: str) -> int:
    return int(farm.sweep(name)["runs_by_state"].get("sealed", 0))


def submit(farm: Farm, *options: str, model: str = "net") -> None:
    farm.command("sweep", "submit", "--name", "s", "--model", model, "--protocol", "quick", *options)


def check_every_sample_is_there_once(farm: Farm, runs: int) -> None:
    """The report's counts, the Parquet files and the seqs agree, and no run is there twice."""
    farm.command("report", "pull", "s", "-o", farm.root / "report.parquet")
    farm.command("report", "samples", "s", "-o", farm.root / "samples")
    frame = pd.read_parquet(farm.root / "report.parquet")
    run_ids = [run for runs_of_row in frame["run_ids"] for run in runs_of_row]
    assert len(run_ids) == len(set(run_ids)) == runs
    counted = 0
    files = sorted((farm.root / "samples").rglob("*.parquet"))
    assert len(files) == runs
    for path in files:
        table = pq.read_table(path).to_pandas()
        measured = table[(table["stream"] == "iterations") & (table["phase"] == "measure")]
        assert len(measured) >= 10
        assert not measured["t_ns"].duplicated().any()
        assert (measured["t_ns"].diff().dropna() > 0).all()
        counted += len(measured)
    assert counted == int(frame["iterations"].sum())


def check_spool_is_empty(farm: Farm, agent: str) -> None:
    (spool,) = [path for path in (farm.root / agent).glob("spool*") if path.suffix in {".db", ".sqlite"}]
    database = sqlite3.connect(f"file:{spool}?mode=ro", uri=True)
    (chunks,) = database.execute("select count(*) from chunks").fetchone()
    database.close()
    assert chunks == 0


def test_the_agent_is_killed_in_the_middle_of_a_run(farm: Farm) -> None:
    agent = farm.start_agent("here")
    farm.command("models", "add", convolution(farm.root / "net.onnx", channels=64, side=128))
    submit(farm, "--batch-size", "1,8")
    wait_until(lambda: ended_runs(farm, "s") >= 2, "two sealed runs")

    def running() -> list[object]:
        return [p for p in descendants(agent.pid) if is_runner(p)]

    wait_until(running, "a runner")
    children = descendants(agent.pid)
    agent.kill()
    agent.wait()
    wait_until(lambda: not list(alive(children)), "the death of runner and sampler")
    farm.start_agent("here")
    wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
    assert farm.sweep("s")["state"] == "finished"
    check_every_sample_is_there_once(farm, 10)
    check_spool_is_empty(farm, "here")


def test_an_agent_frozen_past_its_lease_mixes_and_loses_nothing(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.start_collector(lease_s=2, heartbeat_s=0.5)
    try:
        agent = farm.start_agent("here")
        farm.command("models", "add", convolution(farm.root / "net.onnx", channels=64, side=128))
        submit(farm, "--batch-size", "1,8")
        wait_until(lambda: [p for p in descendants(agent.pid) if is_runner(p)], "a runner")
        agent.send_signal(signal.SIGSTOP)
        time.sleep(4)
        agent.send_signal(signal.SIGCONT)
        wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
        assert farm.sweep("s")["state"] == "finished"
        check_every_sample_is_there_once(farm, 10)
        check_spool_is_empty(farm, "here")
    finally:
        farm.close()
