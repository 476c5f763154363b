"""What `bench` says while it measures: an answer after three runs of each, whatever they tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.cli.bench_watch import until_clear
from test_rank import configuration

#: A file's times in its runs; another has them the other way round.
NEAR_S = [0.010, 0.0103, 0.0099, 0.0104, 0.0098, 0.0101]
TIMES = ("batch_latency_mean_s", "batch_latency_p90_s", "time_per_item_s")


def with_times(row: Any, values_s: list[float]) -> Any:
    runs = [
        replace(run, summary={**run.summary, **dict.fromkeys(TIMES, value_s)})
        for run, value_s in zip(row.runs, values_s, strict=True)
    ]
    return replace(row, runs=runs)


def message(sealed: int) -> Any:
    return SimpleNamespace(sweep=SimpleNamespace(runs_by_state={"sealed": sealed}, ended_unix_s=None))


def said(rows: list[Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The lines that are said while two files have 2 to 6 runs each, and what was stopped."""
    path, stopped = folder / "report.parquet", []
    files.write(build_report(rows), path)
    messages = [message(2 * blocks) for blocks in range(2, 7)]
    list(until_clear(messages, 2, lambda: path, lambda: stopped.append("stopped")))
    return capsys.readouterr().err.splitlines(), stopped


def test_what_is_open_after_three_runs_is_said_once_and_measured_on(tmp_path, capsys):
    times = {"a": NEAR_S, "b": NEAR_S[::-1]}
    rows = [with_times(configuration(name, 0.01, 70.0), values_s) for name, values_s in times.items()]
    lines, stopped = said(rows, tmp_path, capsys)
    assert [line[:63] for line in lines] == [
        "so far, after 3 runs of each: undecided is the latency of b aga"
    ]
    assert stopped == []


def test_what_is_clear_ends_it(tmp_path, capsys):
    lines, stopped = said([configuration("a", 0.01, 70.0), configuration("b", 0.02, 70.0)], tmp_path, capsys)
    assert lines == ["after 3 runs of each all is clear; `--repeats 5-20` measures on"]
    assert stopped == ["stopped"]
