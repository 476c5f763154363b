"""Chunks as they come in, many at a time: held against the streams that they continue, stored exactly once.

A group is read for with three queries and written with four statements, however many chunks it has. Within
the one transaction the answers are worked out in order, as if the chunks had come one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.lifecycle.chunk_faults import crc32_of, fault_of
from paretofleet_collector.model.entities import RUN_FINAL, AttemptKey, Chunk
from paretofleet_collector.model.limits import STREAMS_MAX
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.store import attempts, chunks, leases, runs, sessions
from paretofleet_collector.store.chunks import StreamMark


@dataclass(frozen=True)
class ChunkUpload:
    """Checked chunks of one request of `session`, which came `now`; leases then last `lease_s` seconds."""

    session: Session
    chunks: tuple[Chunk, ...]
    now: float
    lease_s: float


@dataclass
class _Group:
    """What the store says of the attempts of a group, and what the group has added so far."""

    #: Attempt to the device it was granted to, and its state.
    attempts: dict[AttemptKey, tuple[str, str]]
    marks: dict[AttemptKey, dict[str, StreamMark]]
    #: Attempts of runs that are over without them.
    over: set[AttemptKey]
    added: dict[tuple[AttemptKey, str, int], Chunk] = field(default_factory=dict)
    before: dict[tuple[AttemptKey, str], StreamMark | None] = field(default_factory=dict)
    until: dict[AttemptKey, float] = field(default_factory=dict)


def check_chunk(chunk: Chunk) -> UploadReply | None:
    """The reply to a `chunk` that is damaged or malformed, else None; needs no store."""
    if crc32_of(chunk) != chunk.crc32:
        return _reply(chunk, UploadVerdict.DAMAGED, message="the checksum does not match; send it again")
    fault = fault_of(chunk)
    return _reply(chunk, UploadVerdict.MALFORMED, message=fault) if fault else None


def store_chunks(
    connection: sa.Connection, uploads: Sequence[ChunkUpload]
) -> list[UploadReply | SessionRefused]:
    """Stores the chunks of `uploads` through `connection` unless they are there, and renews their leases.

    For each upload the reply to the first of its chunks that is not committed, with the number of those
    before it; what follows it is not stored. SessionRefused stands for an upload of a replaced session.
    """
    refusals = sessions.refused(connection, {upload.session for upload in uploads}, uploading=True)
    welcome = [upload for upload in uploads if upload.session not in refusals]
    group = _read(connection, welcome)
    answers: list[UploadReply | SessionRefused] = []
    for upload in uploads:
        refusal = refusals.get(upload.session)
        answers.append(_answer(connection, group, upload) if refusal is None else refusal)
    _write(connection, group)
    return answers


def _read(connection: sa.Connection, uploads: Sequence[ChunkUpload]) -> _Group:
    keys = {chunk.key for upload in uploads for chunk in upload.chunks}
    states = attempts.states_of(connection, keys)
    superseded = [key for key, (_, state) in states.items() if state == "superseded"]
    over = {key for key in superseded if _is_over(connection, key.run_id)}
    return _Group(states, chunks.marks_of(connection, keys), over)


def _answer(connection: sa.Connection, group: _Group, upload: ChunkUpload) -> UploadReply:
    """The one reply to the chunks of an upload."""
    reply = None
    for number, chunk in enumerate(upload.chunks):
        reply = _take(connection, group, upload, chunk)
        if reply.verdict is not UploadVerdict.COMMITTED:
            return _counted(reply, number)
    if reply is None:
        raise ValueError("an upload without chunks")
    return _counted(reply, len(upload.chunks))


def _counted(reply: UploadReply, committed: int) -> UploadReply:
    return UploadReply(
        reply.key, reply.stream, reply.seq, reply.verdict, reply.next_seq, reply.message, committed
    )


def _take(connection: sa.Connection, group: _Group, upload: ChunkUpload, chunk: Chunk) -> UploadReply:
    """The answer to the next chunk; a good one is added to the group."""
    device_id, state = group.attempts.get(chunk.key, ("", ""))
    if device_id != upload.session.device_id:
        message = f"attempt {chunk.key.attempt} of run {chunk.key.run_id} is not known here"
        return _reply(chunk, UploadVerdict.UNKNOWN_ATTEMPT, message=message)
    if chunk.key in group.over:
        message = f"run {chunk.key.run_id} is over without this attempt"
        return _reply(chunk, UploadVerdict.UNKNOWN_ATTEMPT, message=message)
    streams = group.marks.setdefault(chunk.key, {})
    mark = streams.get(chunk.stream)
    expected = 0 if mark is None else mark.next_seq
    if chunk.seq < expected:
        return _repeated(connection, group, chunk, expected)
    fault = _fault(chunk, state, mark, len(streams))
    if fault:
        return _reply(chunk, UploadVerdict.MALFORMED, message=fault)
    if chunk.seq > expected:
        return _reply(chunk, UploadVerdict.GAP, expected, f"expected seq {expected}")
    group.before.setdefault((chunk.key, chunk.stream), mark)
    samples = chunk.n + (0 if mark is None else mark.samples)
    streams[chunk.stream] = StreamMark(chunk.seq + 1, chunk.schema, samples)
    group.added[chunk.key, chunk.stream, chunk.seq] = chunk
    group.until[chunk.key] = upload.now + upload.lease_s
    return _reply(chunk, UploadVerdict.COMMITTED, chunk.seq + 1)


def _fault(chunk: Chunk, state: str, mark: StreamMark | None, streams: int) -> str:
    if state == "ended":
        return "the attempt has ended with fewer chunks"
    if mark is not None and mark.schema != chunk.schema and chunk.seq == mark.next_seq:
        return f"the stream began with schema {mark.schema}"
    if mark is None and chunk.seq == 0 and streams >= STREAMS_MAX:
        return f"an attempt has at most {STREAMS_MAX} streams"
    return ""


def _repeated(connection: sa.Connection, group: _Group, chunk: Chunk, expected: int) -> UploadReply:
    """The answer to a number that was committed before; chunks of a run that is over are not compared."""
    twin = group.added.get((chunk.key, chunk.stream, chunk.seq)) or chunks.stored(connection, chunk)
    if twin is not None and (twin.schema, twin.n, twin.columns) != (chunk.schema, chunk.n, chunk.columns):
        return _reply(chunk, UploadVerdict.CONFLICT, expected, "another payload is stored under this number")
    return _reply(chunk, UploadVerdict.COMMITTED, expected)


def _write(connection: sa.Connection, group: _Group) -> None:
    """Stores what was added, moves the marks, and shows that the attempts are alive."""
    if not group.added:
        return
    moved = {
        (key, stream): (before, group.marks[key][stream]) for (key, stream), before in group.before.items()
    }
    chunks.insert_all(connection, list(group.added.values()), moved)
    leases.renew_running(connection, group.until)


def _is_over(connection: sa.Connection, run_id: str) -> bool:
    run = runs.get(connection, run_id)
    return run is None or run.state in RUN_FINAL


def _reply(chunk: Chunk, verdict: UploadVerdict, next_seq: int = 0, message: str = "") -> UploadReply:
    return UploadReply(chunk.key, chunk.stream, chunk.seq, verdict, next_seq, message)
