"""Ends of attempts as they come in: checked, stored exactly once, answered; chunks are in `staging`."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.lifecycle.chunk_faults import end_crc32
from paretofleet_collector.lifecycle.facts import facts_fault
from paretofleet_collector.model.entities import (
    REASONS,
    RUN_FINAL,
    AttemptEnd,
    AttemptKey,
)
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.model.tries import ATTEMPTS_MAX, RETRIED, is_final, is_try
from paretofleet_collector.store import attempts, chunks, runs, sessions


def check_end(end: AttemptEnd) -> UploadReply | None:
    """The reply to an `end` that is damaged or malformed, else None; needs no store."""
    if end.crc32 not in {None, end_crc32(end)}:
        message = "the checksum does not match; send it again"
        return UploadReply(end.key, "", 0, UploadVerdict.DAMAGED, message=message)
    fault = facts_fault(end.facts_json)
    return UploadReply(end.key, "", 0, UploadVerdict.MALFORMED, message=fault) if fault else None


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
        elif reason in RETRIED and not is_final(end) and tries + is_try(end) < ATTEMPTS_MAX:
            values = {**why, "tries": tries + is_try(end), "lease_until_unix_s": None}
            _transition(connection, end.key, "pending", values)
        elif _transition(connection, end.key, "failed", {**why, **over, "tries": tries + 1}):
            transitions.skip_resembling(connection, run.run_id, now)
    if not end.ok:
        transitions.apply_schedule(connection, run.sweep_id, run.device_id, now)


def _transition(connection: sa.Connection, key: AttemptKey, state: str, values: Mapping[str, object]) -> bool:
    # What a device measured before its part ended for its absence counts when it comes.
    run = runs.get(connection, key.run_id)
    is_late = state == "uploaded" and run is not None and run.reason == "offline"
    come_from = (*runs.UNDER_WAY, "skipped") if is_late else runs.UNDER_WAY
    values = {**values, "reason": None, "message": ""} if is_late else values
    return runs.transition(
        connection, key.run_id, state, come_from=come_from, attempt=key.attempt, values=values
    )


def _is_over(connection: sa.Connection, run_id: str) -> bool:
    run = runs.get(connection, run_id)
    return run is None or run.state in RUN_FINAL


def _unknown(key: AttemptKey) -> str:
    return f"attempt {key.attempt} of run {key.run_id} is not known here"
