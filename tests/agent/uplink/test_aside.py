"""Attempts that the collector does not know: none is lost, and none is sent in the place of another."""

from __future__ import annotations

import pytest
from daemon_parts import INVENTORY, OK, WHO, config, fill, key
from fake_collector import FakeCollector
from paretofleet_agent.uplink import upload
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.spool import Spool

UNKNOWN = 3


@pytest.fixture
def spool(tmp_path):
    spool = Spool.open(tmp_path)
    yield spool
    spool.close()


@pytest.fixture
def collector():
    with FakeCollector().running() as collector:
        yield collector


def serve(collector, spool, tmp_path) -> None:
    """What the daemon does when it has connected."""
    client = CollectorClient(config(tmp_path, collector.address), WHO, INVENTORY)
    try:
        for attempt_key, status in client.hello(spool.held()).attempts.items():
            upload.apply_attempt_status(spool, attempt_key, status)
        upload.drain(spool, client.upload, 4)
    finally:
        client.close()


def test_what_an_older_store_does_not_know_goes_out_when_the_right_one_is_back(spool, tmp_path, collector):
    fill(spool, key())
    chunks = [spool.chunk(key(), stream, seq) for stream, seq in spool.pending_chunks(key())]
    collector.word = {"run-1": UNKNOWN}
    serve(collector, spool, tmp_path)
    serve(collector, spool, tmp_path)
    assert (spool.attempts(), spool.held()) == ((), (key(),))
    assert collector.stored == {}
    spool.reopen()
    collector.word = {}
    serve(collector, spool, tmp_path)
    assert collector.stored == {("run-1", 1, each.stream, each.seq): each.columns for each in chunks}
    assert collector.ends["run-1", 1].ok
    assert (spool.held(), spool.contents().set_aside) == ((), 0)


def test_an_attempt_that_was_granted_anew_is_never_replaced_by_the_one_before(spool, tmp_path, collector):
    fill(spool, key(), chunks=2)
    collector.word = {"run-1": UNKNOWN}
    serve(collector, spool, tmp_path)
    fill(spool, key(), chunks=4)
    collector.word = {}
    for _ in range(2):
        serve(collector, spool, tmp_path)
    assert {stream for _, _, stream, _ in collector.stored} == {f"stream-{number}" for number in range(4)}
    assert set(collector.stores.values()) == {1}
    assert (spool.held(), spool.contents().set_aside) == ((), 2), "the one before is still kept"


def test_what_is_unknown_twice_under_one_key_is_kept_twice_and_the_newer_is_sent(spool, tmp_path, collector):
    fill(spool, key(), chunks=2)
    collector.word = {"run-1": UNKNOWN}
    serve(collector, spool, tmp_path)
    fill(spool, key(), chunks=3)
    serve(collector, spool, tmp_path)
    assert spool.contents().set_aside == 5
    collector.word = {}
    serve(collector, spool, tmp_path)
    assert len(collector.stored) == 3
    assert spool.contents().set_aside == 2


def test_a_spool_of_version_2_gets_room_for_them(tmp_path):
    before = Spool.open(tmp_path)
    before.change_collector("fake")
    fill(before, key())
    before._database.executescript("DROP TABLE attempts_aside; PRAGMA user_version = 2;")
    before.close()
    spool = Spool.open(tmp_path)
    spool.keep_aside(key(), "not known")
    assert spool.unknown_attempts() == (key(),)
    spool.bring_back(key())
    assert spool.end_of(key()).outcome == OK
    assert spool.collector_id == "fake"
    spool.close()
