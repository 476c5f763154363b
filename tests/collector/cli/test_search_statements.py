"""`search statements`: what the trials of a stored search say of its devices, and what they cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_collector.rpc.convert.searches import search_detail_to_proto
from paretofleet_collector.searches.process import search_folder
from stored_search import write_stored

Store = Callable[..., None]


@pytest.fixture
def store(control: FakeControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def stored(*devices: str, trials: int = 16, simulated: tuple[str, ...] = ()) -> None:
        detail = write_stored(search_folder("s1"), devices, trials=trials, simulated=simulated)
        control.searches["edge1"] = search_detail_to_proto(detail)

    return stored


def test_pairs_of_devices_and_the_search_itself_get_verdicts_with_intervals(
    paretofleet: Command, store: Store
) -> None:
    store("wide1", "deep1")
    rows = paretofleet("search", "statements", "edge1", "-o", "json").json
    verdicts = {row["statement"]: row["verdict"] for row in rows}
    assert verdicts == {
        "the front on wide1 is not that on deep1": "holds",
        "the best network on wide1 is slow on deep1": "does not",
        "the best network on deep1 is slow on wide1": "does not",
        "the search on wide1 reaches more than its random control": "does not",
        "the search on deep1 reaches more than its random control": "does not",
    }
    assert all(row["lo"] <= row["hi"] for row in rows)
    assert rows[0]["trials"] == 16
    assert rows[1]["column"] == "batch_latency_p90_s"
    assert rows[-1]["trials"] == 8
    header, *lines = paretofleet("search", "statements", "edge1", "-o", "csv").out.splitlines()
    assert header.startswith("statement,verdict,value,lo,hi")
    assert len(lines) == 5


def test_one_device_measured_twice_is_not_another(paretofleet: Command, store: Store) -> None:
    store("wide1", "wide2")
    said = paretofleet("search", "statements", "edge1", "-o", "json").json
    assert said[0]["verdict"] != "holds"


def test_too_few_trials_are_a_sentence(paretofleet: Command, store: Store) -> None:
    store("wide1", "deep1", trials=4)
    said = paretofleet("search", "statements", "edge1")
    assert "nothing can be said of these trials yet" in said.err + said.out
    assert "wide1 and deep1: 4 trials are measured on both and trained, of at least 5" in said.err
    assert "wide1: 0 trials of the method and 4 at random" in said.err


def test_a_simulated_device_is_never_compared_with_a_real_one(paretofleet: Command, store: Store) -> None:
    store("wide1", "deep1", "deep2", simulated=("deep1", "deep2"))
    done = paretofleet("search", "statements", "edge1", "-o", "json")
    pairs = {(row["device"], row["other_device"], row["simulated"]) for row in done.json}
    assert pairs >= {("deep1", "deep2", True), ("wide1", "", False), ("deep1", "", True)}
    assert not [pair for pair in pairs if "wide1" in pair and pair[1]]
    assert "deep1 is simulated and wide1 is not: they are not compared" in done.err
    assert "simulated)" in paretofleet("search", "statements", "edge1").out


def test_a_simulated_device_is_marked_in_what_is_shown(paretofleet: Command, store: Store) -> None:
    store("wide1", "deep1", simulated=("deep1",))
    for words in ((), ("--trials",)):
        rows = paretofleet("search", "show", "edge1", *words, "-o", "json").json
        assert {(row["device"], row["simulated"]) for row in rows} == {("wide1", False), ("deep1", True)}
    assert "deep1, simulated" in paretofleet("search", "show", "edge1").out
