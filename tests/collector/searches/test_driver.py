"""A driver whose records meet another's ends: what stands in the collector is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from paretofleet_collector.errors import Taken
from paretofleet_collector.model.searches import FAILED, RUNNING, SearchDetail, SearchRecord, SearchView
from paretofleet_collector.searches import driver as driver_module
from paretofleet_collector.searches.driver import Driver
from paretofleet_collector.searches.measured import measurements
from search_examples import BATCH, COLUMNS, SPECIFICATION, TRIALS, failed

VIEW = SearchView("s1", "edge1", RUNNING, "", "{}", "d", 7, 0.0, 0, 0.0, 0.0, 0.0, None)


class Collector:
    """One that has a batch of another driver in the place of each that comes; hears how a search ends."""

    def __init__(self) -> None:
        self.records: list[SearchRecord] = []
        self.states: list[str] = []
        self.reasons: list[str] = []

    def show_search(self, _search: str) -> SearchDetail:
        return SearchDetail(VIEW, TRIALS)

    def list_devices(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="box", state="online", last_seen_unix_s=0.0)]

    def record_trials(self, _search: str, record: SearchRecord) -> None:
        self.records.append(record)
        if record.batches:
            raise Taken("Batch 0 of edge1 is recorded, and another.")

    def change_search(self, _search: str, state: str, reason: str = "") -> None:
        self.states.append(state)
        self.reasons.append(reason)


def test_a_driver_ends_where_another_records_and_leaves_the_search_running(tmp_path: Path) -> None:
    collector = Collector()
    driver = Driver(collector, "s1", SPECIFICATION, ("box",), tmp_path, tmp_path)
    driver.drive()
    assert len(collector.records) == 1, "nothing is tried again"
    assert collector.records[0].batches, "what it would have recorded"
    assert collector.states == [], "the other goes on with it"


def test_an_anchor_that_fails_ends_the_search_with_its_sentence_and_keeps_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        measurements([failed("anchor", "oom")], BATCH, TRIALS, "anchor", COLUMNS)

    monkeypatch.setattr(driver_module, "read_table", read)
    collector = Collector()
    Driver(collector, "s1", SPECIFICATION, ("box",), tmp_path, tmp_path).drive()
    assert collector.states == [FAILED]
    assert collector.reasons[0].startswith("The anchor anchor failed on box (oom), so its batches cannot")
    assert all(not record.trials and not record.batches for record in collector.records)
