"""Architecture searches in the collector: appended once, whatever is sent twice, and nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.errors import NotFound, Refused, SessionRefused, Taken
from paretofleet_collector.identity.peers import LOCAL, Peer
from paretofleet_collector.model.searches import (
    NewSearch,
    SearchBatch,
    SearchRecord,
    SearchTraining,
    SearchTrial,
)
from paretofleet_collector.service import searches
from paretofleet_collector.store import Store
from paretofleet_collector.store import searches as table
from paretofleet_collector.store.transfer import copy_rows
from rig import Rig

HERE = Peer(LOCAL)
NEW = NewSearch("edge1", '{"name": "edge1"}', "d" * 64, seed=3, budget_s=60.0, trials_max=8)
TRIALS = tuple(
    SearchTrial(number, (number, -1), f"graph{number}", f"edge1-{number}", "box", "start")
    for number in range(2)
)
BATCH = SearchBatch(0, (0, 1), ("box", "tx2"), "edge1-b0")
TRAINED = SearchTraining(0, 1, "validation", top1=71.5, top1_n=4000, wall_s=3.0, cpu_s=2.5)
RECORD = SearchRecord(TRIALS, (BATCH,), (TRAINED,), spent_s=5.0)
EVERY_STORE = pytest.mark.parametrize("rig", ["sqlite", "postgres"], indirect=True)


def record(rig: Rig, new: SearchRecord, peer: Peer = HERE):
    return rig.do(searches.record(rig.context, peer, "edge1", new))


def made(rig: Rig, person: str = ""):
    return rig.do(searches.create(rig.context, "request", NEW, person))


@EVERY_STORE
def test_what_was_recorded_is_shown_and_once(rig: Rig) -> None:
    view = made(rig)
    for _ in range(2):
        record(rig, RECORD)
    shown = rig.do(searches.show(rig.context, "edge1"))
    assert (shown.trials, shown.batches, shown.trainings) == (TRIALS, (BATCH,), (TRAINED,))
    assert shown.search.trials == 2
    assert shown.search.spent_s == 5.0
    assert rig.do(searches.list_searches(rig.context)) == [shown.search]
    assert rig.do(searches.show(rig.context, view.search_id)) == shown


def test_the_same_request_makes_one_search_and_a_taken_name_is_refused(rig: Rig) -> None:
    assert made(rig) == made(rig)
    with pytest.raises(Taken, match="search resume edge1"):
        rig.do(searches.create(rig.context, "another", NEW, ""))
    with pytest.raises(NotFound, match="edge1"):
        rig.do(searches.show(rig.context, "edge2"))


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (SearchRecord((replace(TRIALS[0], codes=(9, 9)),)), "second driver"),
        (SearchRecord((replace(TRIALS[1], number=2),)), "a graph is tried once"),
        (SearchRecord((replace(TRIALS[1], number=7, graph="new"),)), "the next is number 2"),
        (SearchRecord(batches=(replace(BATCH, trials=(1,)),)), "second driver"),
        (SearchRecord(trainings=(replace(TRAINED, top1=72.0),)), "second driver"),
        (SearchRecord(trainings=(replace(TRAINED, trial=5),)), "no trial 5"),
        (SearchRecord(trainings=(SearchTraining(1, 1, "validation"),)), "neither an accuracy"),
        (SearchRecord(trainings=(replace(TRAINED, split="all"),)), "no split"),
        (SearchRecord((replace(TRIALS[0], kind="odd"),)), "kind 'odd'"),
    ],
)
def test_what_is_there_is_never_written_over(rig: Rig, new: SearchRecord, sentence: str) -> None:
    made(rig)
    record(rig, RECORD)
    before = rig.do(searches.show(rig.context, "edge1"))
    later = replace(TRIALS[1], number=2, graph="fresh")
    with pytest.raises((Taken, Refused), match=sentence):
        record(rig, replace(new, trials=(*new.trials,) if new.trials else (later,)))
    assert rig.do(searches.show(rig.context, "edge1")) == before


def test_an_operator_changes_searches_of_their_own_only(rig: Rig) -> None:
    made(rig, "ada")
    for peer in (HERE, Peer("admin", "root"), Peer("operator", "ada")):
        record(rig, RECORD, peer)
    with pytest.raises(SessionRefused, match="submitted by ada"):
        record(rig, RECORD, Peer("operator", "ben"))
    with pytest.raises(SessionRefused, match="searches of their own"):
        rig.do(searches.delete(rig.context, Peer("operator", "ben"), "edge1"))


def test_a_state_has_a_reason_and_an_end_until_it_runs_again(rig: Rig) -> None:
    made(rig)
    ended = rig.do(searches.change(rig.context, HERE, "edge1", "finished", "the budget is spent"))
    assert (ended.state, ended.reason, ended.ended_unix_s) == ("finished", "the budget is spent", 1000.0)
    assert rig.do(searches.change(rig.context, HERE, "edge1", "running", "")).ended_unix_s is None
    with pytest.raises(Refused, match="did you mean"):
        rig.do(searches.change(rig.context, HERE, "edge1", "stoped", ""))


def test_a_deleted_search_leaves_nothing(rig: Rig) -> None:
    made(rig)
    record(rig, RECORD)
    assert rig.do(searches.delete(rig.context, HERE, "edge1")).trials == 2
    assert rig.do(searches.list_searches(rig.context)) == []
    made(rig)
    record(rig, RECORD)


def test_a_backup_has_the_searches(rig: Rig, tmp_path) -> None:
    made(rig)
    record(rig, RECORD)
    before = rig.do(searches.show(rig.context, "edge1"))
    copy_rows(rig.context.store.address, tmp_path / "copy.sqlite3")
    copied = Store(tmp_path / "copy.sqlite3")
    try:
        assert copied.read_now(lambda connection: table.detail(connection, "edge1")) == before
    finally:
        copied.close()
