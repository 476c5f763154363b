"""`search show`: what stands beside the fronts of a search."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_analysis.report import files
from paretofleet_collector.rpc.convert.searches import search_detail_to_proto
from paretofleet_collector.searches.process import search_folder
from paretofleet_collector.searches.reading import report_path
from stored_search import ANCHOR, write_stored


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (1, "members have one seed; `paretofleet search confirm edge1 --seeds 3` also trains"),
        (2, "top1 by another seed: Kendall's tau 1 ["),
    ],
)
def test_a_second_seed_stands_beside_the_fronts(
    seeds: int,
    said: str,
    paretofleet: Command,
    control: FakeControl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    detail = write_stored(search_folder("s1"), ("wide1",))
    trainings = [replace(each, seed=seed) for seed in range(1, seeds + 1) for each in detail.trainings]
    control.searches["edge1"] = search_detail_to_proto(replace(detail, trainings=tuple(trainings)))
    assert said in paretofleet("search", "show", "edge1").err


def test_values_stand_with_how_sure_they_are(
    paretofleet: Command, control: FakeControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    control.searches["edge1"] = search_detail_to_proto(write_stored(search_folder("s1"), ("wide1",)))
    assert re.search(r"\b60\.00 ±0\.96 +\d[\d.]* ±[\d.]+ ", paretofleet("search", "show", "edge1").out)


def test_a_search_whose_anchor_failed_is_shown_with_its_trials(
    paretofleet: Command, control: FakeControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    detail = write_stored(search_folder("s1"), ("wide1",))
    path = report_path(search_folder("s1"), 3)
    report = files.read(path)
    rows = report.to_pylist()
    for row in rows:
        if row["model"] == ANCHOR:
            row["batch_latency_p90_s"] = None
    files.write(pa.Table.from_pylist(rows, schema=report.schema), path)
    view = replace(detail.search, state="failed", reason="wide1 gives no p90.")
    control.searches["edge1"] = search_detail_to_proto(replace(detail, search=view))
    done = paretofleet("search", "show", "edge1", "--trials", "-o", "json")
    assert len(done.json) == 16
    assert "edge1 is failed: wide1 gives no p90; 16 trials" in done.err
