"""Chunks and ends as agents upload them: stored exactly once, checked, kept aside where superseded."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from paretofleet_collector.errors import SessionRefused, StorageUnavailable
from paretofleet_collector.lifecycle.chunk_faults import end_crc32
from paretofleet_collector.model.entities import AttemptKey, Chunk
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.service import uploads
from paretofleet_collector.store import chunks
from rig import Rig, chunk, end_of, samples_of


def staged(rig: Rig, key: AttemptKey) -> list[tuple[str, int, bytes]]:
    rows = rig.context.store.read_now(lambda connection: list(chunks.staged(connection, key)))
    return [(row.stream, row.seq, row.columns) for row in rows]


def test_stored_once_whatever_is_sent_twice(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    made = samples_of(key, chunks=5)
    for one in made:
        assert rig.send(session, one).verdict is UploadVerdict.COMMITTED
        assert rig.send(session, one).verdict is UploadVerdict.COMMITTED
    assert len(staged(rig, key)) == len(made)


def test_any_order_ends_with_every_chunk_once(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    made = samples_of(key, chunks=6)
    rng = random.Random(5)
    for _ in range(200):
        one = rng.choice(made)
        answer = rig.send(session, one)
        if answer.verdict is UploadVerdict.GAP:
            assert answer.next_seq < one.seq
        else:
            assert answer.verdict is UploadVerdict.COMMITTED
    assert sorted(staged(rig, key)) == sorted((one.stream, one.seq, one.columns) for one in made)


def test_another_payload_under_the_same_number_is_a_conflict_and_the_first_stays(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    first = chunk(key, "iterations", 0, [1], [2])
    rig.send(session, first)
    assert rig.send(session, chunk(key, "iterations", 0, [1], [3])).verdict is UploadVerdict.CONFLICT
    assert staged(rig, key) == [("iterations", 0, first.columns)]


def test_damage_is_seen(rig):
    session = rig.joined()
    rig.submit()
    one = chunk(rig.lease(session).key, "iterations", 0, [1], [2])
    flipped = bytes([one.columns[0] ^ 1]) + one.columns[1:]
    assert rig.send(session, replace(one, columns=flipped)).verdict is UploadVerdict.DAMAGED


@pytest.mark.parametrize(
    ("stream", "first", "second", "more"),
    [
        ("iterations", [1], [-2], {}),
        ("iterations", [-1], [2], {}),
        ("marks", [1], [99], {}),
        ("iterations", [1], [2], {"texts": b"x"}),
        ("iterations", [1], [2], {"schema": "power/1"}),
        ("iterations", [1], [2], {"schema": "iterations/2"}),
        ("power:x/../../y\n", [1], [2], {}),
        ("nonsense", [1], [2], {"schema": "marks/1"}),
        ("state", [1], [3], {"texts": b"{"}),
        ("state", [1], [2**62], {"texts": b"{"}),
        ("iterations", [], [], {}),
    ],
)
def test_malformed_chunks_are_refused(rig, stream, first, second, more):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    answer = rig.send(session, chunk(key, stream, 0, first, second, **more))
    assert answer.verdict is UploadVerdict.MALFORMED
    assert answer.message
    assert staged(rig, key) == []


def test_power_may_flow_back_and_states_carry_text(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    assert rig.send(session, chunk(key, "power:ina/x", 0, [1], [-5])).verdict is UploadVerdict.COMMITTED
    assert rig.send(session, chunk(key, "state", 0, [1], [2], texts=b"{}")).verdict is UploadVerdict.COMMITTED


def test_a_stranger_s_attempt_is_unknown(rig):
    mine, other = rig.joined("box"), rig.joined("other")
    rig.submit(devices=["box"])
    key = rig.lease(mine).key
    one = chunk(key, "iterations", 0, [1], [2])
    assert rig.send(other, one).verdict is UploadVerdict.UNKNOWN_ATTEMPT
    assert rig.end(other, end_of(key, [])).verdict is UploadVerdict.UNKNOWN_ATTEMPT
    assert rig.send(mine, one).verdict is UploadVerdict.COMMITTED


def test_a_replaced_session_cannot_write(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    rig.hello(Session(session.device_id, 2, "new"), key)
    with pytest.raises(SessionRefused, match="replaced"):
        rig.send(session, chunk(key, "iterations", 0, [1], [2]))


def test_a_superseded_attempt_is_kept_aside_and_never_sealed(rig):
    session = rig.joined()
    sweep = rig.submit()
    first = rig.lease(session)
    old = samples_of(first.key, seconds=9.0)
    rig.send(session, old[0])
    rig.clock[0] += 61
    second = rig.lease(session)
    for one in old:
        assert rig.send(session, one).verdict is UploadVerdict.COMMITTED
    assert rig.end(session, end_of(first.key, old)).verdict is UploadVerdict.COMMITTED
    assert rig.state(first.key) == "leased"
    made = rig.upload(session, second, seconds=0.01)
    rig.seal()
    assert rig.sweep(sweep.name).state == "finished"
    # Kept until an operator has it removed: tests/collector/service/test_garbage.py.
    assert len(staged(rig, first.key)) == len(old)
    assert rig.send(session, old[0]).verdict is UploadVerdict.UNKNOWN_ATTEMPT
    assert rig.send(session, made[0]).verdict is UploadVerdict.COMMITTED


def test_the_end_waits_for_every_chunk(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    made = samples_of(key)
    end = end_of(key, made)
    for one in made[:-1]:
        rig.send(session, one)
    answer = rig.end(session, end)
    assert answer.verdict is UploadVerdict.GAP
    assert "iterations" in answer.message
    assert rig.state(key) == "leased" or rig.state(key) == "running"
    rig.send(session, made[-1])
    assert rig.end(session, end).verdict is UploadVerdict.COMMITTED
    assert rig.end(session, end).verdict is UploadVerdict.COMMITTED
    assert rig.state(key) == "uploaded"
    late = chunk(key, "iterations", 2, [1], [2])
    assert rig.send(session, late).verdict is UploadVerdict.MALFORMED


@pytest.mark.parametrize("facts", ["", "{", "[1]", "x" * 2_000_000, "[" * 100_000])
def test_facts_that_are_no_json_object(rig, facts):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    made = samples_of(key)
    for one in made:
        rig.send(session, one)
    answer = rig.end(session, replace(end_of(key, made), facts_json=facts))
    assert answer.verdict is (UploadVerdict.COMMITTED if facts == "" else UploadVerdict.MALFORMED)


def test_without_room_nothing_is_taken_and_nothing_granted(rig):
    session = rig.joined()
    sweep = rig.submit()
    key = rig.lease(session).key
    rig.context.config = replace(rig.context.config, disk_low_bytes=1 << 60)
    rig.context._room = (float("-inf"), "")
    with pytest.raises(
        StorageUnavailable,
        match=r"disk /\S* is nearly full: \d+ MB are free, .*paretofleet gc.*Nothing was stored",
    ):
        rig.send(session, chunk(key, "iterations", 0, [1], [2]))
    assert rig.lease(session) is None
    (note,) = rig.sweep(sweep.sweep_id).notes
    assert note.startswith("nothing is measured now: The collector's disk /")


def test_an_end_that_was_damaged_on_the_way_is_asked_for_again(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    made = samples_of(key)
    for one in made:
        rig.send(session, one)
    end = end_of(key, made)
    right = end_crc32(end)
    for damaged in (
        replace(end, crc32=right ^ 1),
        replace(end, crc32=right, facts_json=end.facts_json.replace("kernel", "Kernel")),
        replace(end, crc32=right, chunks={}),
        replace(end, crc32=right, ok=False),
    ):
        assert rig.end(session, damaged).verdict is UploadVerdict.DAMAGED
    assert rig.end(session, replace(end, crc32=right)).verdict is UploadVerdict.COMMITTED
    assert rig.state(key) == "uploaded"


def send_all(rig: Rig, session: Session, made: Sequence[Chunk]) -> UploadReply:
    return rig.do(asyncio.wrap_future(uploads.upload_chunks(rig.context, session, made), loop=rig.loop))


def test_chunks_of_one_request_are_taken_up_to_the_first_that_is_not(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    made = samples_of(key, chunks=6)
    reply = send_all(rig, session, [*made[:3], *made[4:]])
    assert (reply.verdict, reply.committed, reply.next_seq) == (UploadVerdict.GAP, 3, 2)
    assert (reply.stream, reply.seq) == (made[4].stream, made[4].seq)
    damaged = replace(made[4], crc32=made[4].crc32 ^ 1)
    reply = send_all(rig, session, [*made[:4], damaged, made[5]])
    assert (reply.verdict, reply.committed, reply.seq) == (UploadVerdict.DAMAGED, 4, damaged.seq)
    reply = send_all(rig, session, made)
    assert (reply.verdict, reply.committed, reply.seq) == (UploadVerdict.COMMITTED, 7, made[-1].seq)
    assert sorted(staged(rig, key)) == sorted((one.stream, one.seq, one.columns) for one in made)


def test_two_payloads_under_one_number_in_one_request_are_a_conflict(rig):
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    first, other = chunk(key, "iterations", 0, [1], [2]), chunk(key, "iterations", 0, [1], [3])
    reply = send_all(rig, session, [first, first, other])
    assert (reply.verdict, reply.committed) == (UploadVerdict.CONFLICT, 2)
    assert staged(rig, key) == [("iterations", 0, first.columns)]


def test_requests_that_are_written_together_are_answered_each_for_itself(rig):
    sessions = [rig.joined(f"box-{number}") for number in range(4)]
    rig.submit()
    keys = [rig.lease(session).key for session in sessions]
    rig.joined("box-2", instance=2)
    gate = threading.Event()
    rig.context.store.submit(lambda _: gate.wait(60))
    waiting = [
        uploads.upload_chunks(rig.context, session, samples_of(key, chunks=3))
        for session, key in zip(sessions, [*keys[:3], keys[0]], strict=True)
    ]
    waiting += [uploads.upload_chunks(rig.context, sessions[0], samples_of(keys[0], chunks=5)[3:])]
    gate.set()
    assert [waiting[at].result(60).committed for at in (0, 1, 3, 4)] == [4, 4, 0, 3]
    assert waiting[3].result().verdict is UploadVerdict.UNKNOWN_ATTEMPT, "another device's"
    with pytest.raises(SessionRefused, match="replaced by a newer one"):
        waiting[2].result(60)
    assert [len(staged(rig, key)) for key in keys] == [6, 4, 0, 0]


def test_a_chunk_costs_the_writer_few_statements(rig):
    """Counted, since a busy machine decides how long they take: with 7 for each chunk it was 760 us."""
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    statements = []
    engine = rig.context.store._writing
    sa.event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    assert send_all(rig, session, samples_of(key, chunks=63)).committed == 64
    assert len(statements) <= 9, statements
