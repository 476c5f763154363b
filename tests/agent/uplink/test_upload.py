"""The property: after any faults each chunk is stored exactly once, and the spool ends empty."""

from __future__ import annotations

import random

import pytest
from daemon_parts import INVENTORY, OK, WHO, columns, config, fill, key
from fake_collector import FAULTS, FakeCollector
from paretofleet_agent.errors import Unreachable
from paretofleet_agent.model import Outcome
from paretofleet_agent.uplink import upload
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.replies import AttemptState
from paretofleet_agent.uplink.spool import Spool


@pytest.fixture
def spool(tmp_path):
    spool = Spool.open(tmp_path)
    yield spool
    spool.close()


def connect(collector, tmp_path):
    return CollectorClient(config(tmp_path, collector.address), WHO, INVENTORY)


def try_once(client, spool, *, ack_s=60.0):
    """What the daemon does after each failure: hello, then drain. True when it went through."""
    try:
        welcome = client.hello(spool.attempts())
        for attempt_key, status in welcome.attempts.items():
            upload.apply_attempt_status(spool, attempt_key, status)
        stream = lambda: client.upload(ack_s)  # noqa: E731 - opened by drain
        upload.drain(spool, stream, welcome.window_chunks, batch=welcome.batch_chunks)
    except Unreachable:
        return False
    return True


def wanted(spool):
    return {
        (k.run_id, k.attempt, stream, seq): spool.chunk(k, stream, seq).columns
        for k in spool.attempts()
        for stream, seq in spool.pending_chunks(k)
    }


def test_a_quiet_day(spool, tmp_path):
    fill(spool, key("a"), chunks=10)
    fill(spool, key("b"), chunks=0, outcome=Outcome(ok=False, reason="oom", message="too big"))
    want = wanted(spool)
    with FakeCollector().running() as collector:
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert collector.stored == want
    assert set(collector.stores.values()) == {1}
    assert collector.ends["a", 1].ok
    assert dict(collector.ends["a", 1].chunks) == {f"stream-{i}": 1 for i in range(10)}
    assert (collector.ends["b", 1].reason, collector.ends["b", 1].message) == ("oom", "too big")
    assert spool.attempts() == ()


@pytest.mark.parametrize("seed", range(12))
def test_after_any_faults_each_chunk_is_stored_once_and_the_spool_is_empty(spool, tmp_path, seed):
    chance = random.Random(seed)
    for run in range(3):
        fill(spool, key(f"run-{run}"), chunks=chance.randint(1, 30))
    want = wanted(spool)
    plan = {n: chance.choice(FAULTS) for n in chance.sample(range(1, 120), 25)}
    window, batch = chance.choice((1, 2, 16)), chance.choice((0, 3, 64))
    collector = FakeCollector(script=plan.get, window=window, batch=batch)
    collector.start()
    client = connect(collector, tmp_path)
    for _ in range(60):
        if chance.random() < 0.1:
            collector.stop()
            collector.start()
        if try_once(client, spool):
            break
    client.close()
    collector.stop()
    assert collector.stored == want
    assert set(collector.stores.values()) == {1}
    assert set(collector.ends) == {(f"run-{run}", 1) for run in range(3)}
    assert spool.attempts() == ()


def test_a_collector_that_falls_silent_is_given_up_and_nothing_is_lost(spool, tmp_path):
    fill(spool, key(), chunks=5)
    want = wanted(spool)
    collector = FakeCollector(script=lambda n: "silent" if n >= 3 else None)
    with collector.running():
        client = connect(collector, tmp_path)
        with pytest.raises(Unreachable, match=r"acknowledged nothing for 0\.5 s"):
            upload.drain(spool, lambda: client.upload(ack_s=0.5), window=2)
        collector.script = lambda _: None
        assert try_once(client, spool)
        client.close()
    assert collector.stored == want
    assert set(collector.stores.values()) == {1}
    assert spool.attempts() == ()


def test_a_hello_spares_what_the_collector_has_already(spool, tmp_path):
    fill(spool, key(), chunks=4)
    collector = FakeCollector(script=lambda n: "cut_after" if n == 3 else None, window=16)
    with collector.running():
        client = connect(collector, tmp_path)
        assert not try_once(client, spool)
        before = collector.uploads
        assert try_once(client, spool)
        client.close()
    assert collector.uploads - before <= 4 - 3 + 1 + 1


@pytest.mark.parametrize("verdict", ["conflict", "malformed"])
def test_a_chunk_that_is_refused_is_set_aside_and_its_attempt_ends_as_lost(spool, tmp_path, verdict):
    fill(spool, key("bad"), chunks=3)
    fill(spool, key("good"), chunks=2)
    collector = FakeCollector(script=lambda n: verdict if n == 2 else None)
    with collector.running():
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert (collector.ends["bad", 1].ok, collector.ends["bad", 1].reason) == (False, "lost")
    assert verdict in collector.ends["bad", 1].message
    assert collector.ends["good", 1].ok
    assert spool.contents().set_aside >= 1
    assert spool.attempts() == ()


def test_a_run_that_was_deleted_is_kept_aside_and_stops_no_other(spool, tmp_path, caplog):
    fill(spool, key("gone"), chunks=3)
    fill(spool, key("here"), chunks=3)
    collector = FakeCollector(script=lambda n: "unknown_attempt" if n == 1 else None)
    with collector.running():
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert set(collector.ends) == {("here", 1)}
    assert (spool.attempts(), spool.unknown_attempts()) == ((), (key("gone"),))
    assert spool.contents().set_aside == 3 - len([place for place in collector.stored if place[0] == "gone"])
    assert "attempt gone/1: The collector does not take it" in caplog.text


def test_a_collector_that_lost_all_it_had_taken_has_the_run_measured_again(spool, tmp_path):
    """As one whose store was copied without its log: the end comes, and its chunks are not there."""
    fill(spool, key(), chunks=3)
    collector = FakeCollector(script=lambda n: "cut_before" if n == 4 else None)
    with collector.running():
        client = connect(collector, tmp_path)
        assert not try_once(client, spool)
        assert spool.pending_chunks(key()) == ()
        collector.stored.clear()
        collector.is_older = True
        assert try_once(client, spool)
        client.close()
    end = collector.ends["run-1", 1]
    assert (end.ok, end.reason, end.interrupted) == (False, "lost", True)
    assert "misses chunks that it had taken before: 0 of 1 chunks of stream-" in end.message
    assert spool.attempts() == ()


def test_a_chunk_that_rotted_in_the_spool_is_never_sent_as_if_it_were_whole(spool, tmp_path):
    fill(spool, key("rotten"), chunks=3)
    spool._database.execute("UPDATE chunks SET columns = zeroblob(160) WHERE stream = 'stream-1'")
    with FakeCollector().running() as collector:
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert ("rotten", 1, "stream-1", 0) not in collector.stored
    assert collector.ends["rotten", 1].reason == "lost"
    assert spool.attempts() == ()


def test_an_answer_that_was_left_out_is_noticed(spool, tmp_path):
    fill(spool, key(), chunks=5)
    collector = FakeCollector(script=lambda n: "silent" if n == 2 else None)
    with collector.running():
        client = connect(collector, tmp_path)
        with pytest.raises(Unreachable, match="answered for stream-2 0, not for stream-1 0"):
            upload.drain(spool, client.upload, window=4)
        assert try_once(client, spool)
        client.close()
    assert set(collector.stores.values()) == {1}


def test_a_collector_that_lost_committed_chunks_does_not_get_half_an_attempt(spool, tmp_path):
    fill(spool, key(), chunks=1)
    spool._database.execute("UPDATE chunks SET seq = 1")
    chunk = spool.chunk(key(), "stream-0", 1)
    from paretofleet_agent.uplink.chunks import make_chunk

    again = make_chunk(key(), "stream-0", 1, schema=chunk.schema, n=chunk.n, columns=chunk.columns)
    spool._database.execute("UPDATE chunks SET crc32 = ?", (again.crc32,))
    with FakeCollector().running() as collector:
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert collector.ends["run-1", 1].reason == "lost"
    assert "misses chunk 0" in collector.ends["run-1", 1].message


def test_words_of_a_hello_on_held_attempts(spool, tmp_path):
    fill(spool, key("unknown"))
    fill(spool, key("superseded"))
    collector = FakeCollector()
    collector.word = {"unknown": 3, "superseded": 2}
    with collector.running():
        client = connect(collector, tmp_path)
        welcome = client.hello(spool.attempts())
        assert welcome.attempts[key("superseded")].state is AttemptState.SUPERSEDED
        assert try_once(client, spool)
        client.close()
    assert set(collector.ends) == {("superseded", 1)}, "kept aside by the collector, but not lost"
    assert spool.attempts() == ()
    assert OK.ok


def test_small_chunks_share_a_request_and_large_ones_do_not(spool, tmp_path):
    sink = ChunkBuilder()
    for stream in range(150):
        sink.put(f"stream-{stream:03}", "marks/1", 10, columns(10, stream))
    sink.put("zz-large", "marks/1", 5 * 16384, columns(5 * 16384, 1))
    spool.begin(key())
    spool.end(key(), sink.chunks(key()), OK)
    want = wanted(spool)
    with FakeCollector(window=2, batch=64).running() as collector:
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert collector.stored == want
    # Of 256 KiB each, the large ones go alone; the last request is the end.
    assert collector.requests == [64, 64, 22, *[1] * 5, 1]


def test_what_is_damaged_in_the_spool_ends_a_request_before_it(spool, tmp_path):
    fill(spool, key(), chunks=6)
    spool._database.execute("UPDATE chunks SET crc32 = crc32 + 1 WHERE stream = 'stream-4'")
    with FakeCollector(batch=64).running() as collector:
        client = connect(collector, tmp_path)
        assert try_once(client, spool)
        client.close()
    assert sorted(place[2] for place in collector.stored) == [f"stream-{number}" for number in range(4)]
    assert collector.ends["run-1", 1].reason == "lost"


def test_an_answer_for_more_than_was_sent_is_no_answer(spool, tmp_path):
    fill(spool, key(), chunks=3)
    collector = FakeCollector(batch=64)
    batch = collector._batch

    def wrong(chunks, fault):
        reply = batch(chunks, fault)
        reply.committed = 7
        return reply

    collector._batch = wrong
    with collector.running():
        client = connect(collector, tmp_path)
        assert not try_once(client, spool)
        client.close()
    assert len(spool.pending_chunks(key())) == 3
