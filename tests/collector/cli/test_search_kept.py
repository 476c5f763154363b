"""The searches that a collector keeps, listed and deleted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_proto.v1 import control_pb2 as pb


@pytest.fixture
def searched(control: FakeControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeControl:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    search = pb.Search(
        search_id="s1", name="edge1", state="finished", reason="the budget of 4 h is spent",
        spec_json="{}", digest="d", seed=1, budget_s=14_400.0, trials_max=40, spent_s=14_402.0,
        created_unix_s=1e9, changed_unix_s=1e9, trials=38, trainings=36,
    )  # fmt: skip
    batches = [pb.SearchBatch(number=k, trials=[k], devices=["pc"], sweep=f"edge1-{k}") for k in range(2)]
    control.searches["edge1"] = pb.ShowSearchReply(search=search, batches=batches)
    control.sweeps["edge1-0"] = pb.Sweep(sweep_id="w0", name="edge1-0")
    return control


@pytest.mark.usefixtures("searched")
def test_searches_are_listed_with_how_far_they_are(paretofleet: Command) -> None:
    said = paretofleet("search", "list").out
    for words in (
        "edge1",
        "finished",
        "38 of 40",
        "36",
        "4 h 0 min of 4 h 0 min",
        "the budget of 4 h is spent",
    ):
        assert words in said, said
    (row,) = paretofleet("search", "list", "-o", "json").json
    assert row["trials"] == 38
    assert row["seed"] == 1
    assert "spec_json" not in row


def test_a_deleted_search_takes_its_sweeps_along(paretofleet: Command, searched: FakeControl) -> None:
    assert "38 trials, 1 sweep" in paretofleet("search", "delete", "edge1", "--yes").err
    assert not searched.searches
    assert not searched.sweeps
    assert "no search" in paretofleet("search", "delete", "edge1", "--yes", code=1).err


def test_sweeps_may_stay_and_what_runs_is_not_deleted(paretofleet: Command, searched: FakeControl) -> None:
    searched.searches["edge1"].search.state = "running"
    assert "search stop edge1" in paretofleet("search", "delete", "edge1", "--yes", code=1).err
    searched.searches["edge1"].search.state = "stopped"
    paretofleet("search", "delete", "edge1", "--yes", "--keep-sweeps")
    assert list(searched.sweeps) == ["edge1-0"]


def test_a_search_that_another_machine_drives_is_not_driven_here_too(
    paretofleet: Command, searched: FakeControl
) -> None:
    search = searched.searches["edge1"].search
    search.state, search.changed_unix_s = "running", time.time() - 20
    said = paretofleet("search", "resume", "edge1", code=1).err
    assert "driven by another machine" in said
    assert "search stop edge1" in said


def test_a_search_that_was_started_elsewhere_goes_on_with_its_specification_only(
    paretofleet: Command, searched: FakeControl, tmp_path: Path
) -> None:
    assert "give its SPACE.yaml" in paretofleet("search", "resume", "edge1", code=2).err
    nowhere = tmp_path / "space.yaml"
    assert "does not exist" in paretofleet("search", "resume", "edge1", nowhere, code=2).err
    assert searched.searches["edge1"].search.state == "finished"
