"""Chunks and ends of attempts as they come in: checked, stored exactly once, answered."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.lifecycle.chunk_faults import crc32_of, end_crc32, fault_of
from paretofleet_collector.lifecycle.facts import facts_fault
from paretofleet_collector.model.entities import (
    REASONS,
    RUN_FINAL,
    AttemptEnd,
    AttemptKey,
    Chunk,
)
from paretofleet_collector.model.limits import STREAMS_MAX
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.model.tries import ATTEMPTS_MAX, RETRIED, is_try
from paretofleet_collector.store import attempts, chunks, leases, runs, sessions


def check_chunk(chunk: Chunk) -> UploadReply | None:
    """The reply to a `chunk` that is damaged or malformed, else None; needs no store."""
    if crc32_of(chunk) != chunk.crc32:
        return _reply(chunk, UploadVerdict.DAMAGED, message="the checksum does not match; send it again")
    fault = fault_of(chunk)
    return _reply(chunk, UploadVerdict.MALFORMED, message=fault) if fault else None


def check_end(end: AttemptEnd) -> UploadReply | None:
    """The reply to an `end` that is damaged or malformed, else None; needs no store."""
    if end.crc32 not in {None, end_crc32(end)}:
        message = "the checksum does not match; send it again"
        return UploadReply(end.key, "", 0, UploadVerdict.DAMAGED, message=message)
    fault = facts_fault(end.facts_json)
    return UploadReply(end.key, "", 0, UploadVerdict.MALFORMED, message=fault) if fault else None


def store_chunk(
    connection: sa.Connection, session: Session, chunk: Chunk, now: float, lease_s: float
) -> UploadReply:
    """Stores a checked `chunk` through `connection` unless it is there, and renews its attempt's lease.

    That lasts `lease_s` seconds from `now` (since 1970). Raises SessionRefused for a replaced `session`.
    """
    sessions.check_uploader(connection, session)
    row = attempts.row_of(connection, chunk.key)
    if row is None or row.device_id != session.device_id:
        return _reply(chunk, UploadVerdict.UNKNOWN_ATTEMPT, message=_unknown(chunk.key))
    if row.state == "superseded" and _is_over(connection, chunk.key.run_id):
        message = f"run {chunk.key.run_id} is over without this attempt"
        return _reply(chunk, UploadVerdict.UNKNOWN_ATTEMPT, message=message)
    expected, schema = chunks.mark(connection, chunk.key, chunk.stream)
    if chunk.seq < expected:
        return _repeated(connection, chunk, expected)
    if row.state == "ended":
        return _reply(chunk, UploadVerdict.MALFORMED, message="the attempt has ended with fewer chunks")
    if chunk.seq > expected:
        return _reply(chunk, UploadVerdict.GAP, expected, f"expected seq {expected}")
    return _next(connection, chunk, schema, now + lease_s)


def _repeated(connection: sa.Connection, chunk: Chunk, expected: int) -> UploadReply:
    """The answer to a number that was committed before; chunks of a run that is over are not compared."""
    if chunks.stored_twin(connection, chunk) is False:
        return _reply(chunk, UploadVerdict.CONFLICT, expected, "another payload is stored under this number")
    return _reply(chunk, UploadVerdict.COMMITTED, expected)


def _next(connection: sa.Connection, chunk: Chunk, schema: str | None, until: float) -> UploadReply:
    """Stores the chunk that a stream expects; it also shows that the attempt is alive."""
    if schema not in {None, chunk.schema}:
        return _reply(chunk, UploadVerdict.MALFORMED, message=f"the stream began with schema {schema}")
    if schema is None and len(chunks.marks(connection, chunk.key)) >= STREAMS_MAX:
        return _reply(chunk, UploadVerdict.MALFORMED, message=f"an attempt has at most {STREAMS_MAX} streams")
    chunks.insert(connection, chunk)
    leases.renew(connection, chunk.key, until, running=True)
    return _reply(chunk, UploadVerdict.COMMITTED, chunk.seq + 1)


def _reply(chunk: Chunk, verdict: UploadVerdict, next_seq: int = 0, message: str = "") -> UploadReply:
    return UploadReply(chunk.key, chunk.stream, chunk.seq, verdict, next_seq, message)


def store_end(connection: sa.Connection, session: Session, end: AttemptEnd, now: float) -> UploadReply:
    """Ends a checked attempt through `connection` and moves its run on, `now` (seconds since 1970).

    A good `end`, of which every chunk must be there, makes the run uploaded; a failed one pending or failed.
    Raises SessionRefused for a replaced `session`.
    """
    sessions.check_uploader(connection, session)
    row = attempts.row_of(connection, end.key)
    if row is None or row.device_id != session.device_id:
        return UploadReply(end.key, "", 0, UploadVerdict.UNKNOWN_ATTEMPT, message=_unknown(end.key))
    if row.state == "ended":
        return UploadReply(end.key, "", 0, UploadVerdict.COMMITTED)
    if row.state == "open" and end.ok:
        wrong = _incomplete(connection, end)
        if wrong is not None:
            return wrong
    attempts.note_end(connection, end, now)
    if row.state == "open":
        _transition_run(connection, end, now)
    return UploadReply(end.key, "", 0, UploadVerdict.COMMITTED)


def _incomplete(connection: sa.Connection, end: AttemptEnd) -> UploadReply | None:
    """The answer to an end that counts other chunks than are here, else None."""
    marks = chunks.marks(connection, end.key)
    for stream in sorted({*end.chunks, *marks}):
        here, sent = marks.get(stream, 0), end.chunks.get(stream, 0)
        if here != sent:
            verdict = UploadVerdict.GAP if here < sent else UploadVerdict.MALFORMED
            return UploadReply(end.key, "", 0, verdict, here, f"{here} of {sent} chunks of {stream} are here")
    return None


def _transition_run(connection: sa.Connection, end: AttemptEnd, now: float) -> None:
    run = runs.get(connection, end.key.run_id)
    if run is None:
        return
    over = {"ended_unix_s": now, "lease_until_unix_s": None}
    if end.ok:
        _transition(connection, end.key, "uploaded", over)
    else:
        reason = end.reason if end.reason in REASONS else "crashed"
        why = {"reason": reason, "message": end.message}
        tries = runs.tries(connection, run.run_id)
        if reason == "cancelled":
            _transition(connection, end.key, "pending", {"lease_until_unix_s": None})
        elif reason in RETRIED and tries + is_try(end) < ATTEMPTS_MAX:
            values = {**why, "tries": tries + is_try(end), "lease_until_unix_s": None}
            _transition(connection, end.key, "pending", values)
        elif _transition(connection, end.key, "failed", {**why, **over, "tries": tries + 1}):
            transitions.skip_resembling(connection, run.run_id, now)
    if not end.ok:
        transitions.apply_schedule(connection, run.sweep_id, run.device_id, now)


def _transition(connection: sa.Connection, key: AttemptKey, state: str, values: Mapping[str, object]) -> bool:
    return runs.transition(
        connection, key.run_id, state, come_from=runs.UNDER_WAY, attempt=key.attempt, values=values
    )


def _is_over(connection: sa.Connection, run_id: str) -> bool:
    run = runs.get(connection, run_id)
    return run is None or run.state in RUN_FINAL


def _unknown(key: AttemptKey) -> str:
    return f"attempt {key.attempt} of run {key.run_id} is not known here"
