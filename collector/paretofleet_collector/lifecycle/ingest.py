"""Chunks and ends of attempts as they come in: checked, stored exactly once, answered."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from paretofleet_analysis.runs.sample_schemas import PHASES, SCHEMAS

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import (
    ATTEMPTS_MAX,
    REASONS,
    RETRIED,
    RUN_FINAL,
    AttemptEnd,
    AttemptKey,
    Chunk,
)
from paretofleet_collector.model.messages import Answer, Session, Verdict
from paretofleet_collector.store import chunks, devices, runs

STREAM = re.compile(r"iterations|marks|state|power:[A-Za-z0-9_.:+/-]{1,100}")
STREAMS_MAX = 64
FACTS_MAX_BYTES = 1 << 20
_SCHEMAS_OF: Mapping[str, tuple[str, ...]] = {
    "iterations": ("iterations/1",),
    "marks": ("marks/1",),
    "state": ("state/1",),
    "power": ("power/1", "energy/1"),
}
#: Columns that hold no negative number: times, durations, counters, sizes. Power may flow back.
_NEVER_NEGATIVE = frozenset({"t_ns", "start_ns", "duration_ns", "counter_uj", "phase", "n_bytes"})


def crc32_of(chunk: Chunk) -> int:
    """The checksum of a chunk's header and columns, as fleet.proto defines it."""
    key = chunk.key
    header = f"{key.run_id}/{key.attempt}/{chunk.stream}/{chunk.seq}/{chunk.schema}/{chunk.n}\n"
    return zlib.crc32(chunk.columns, zlib.crc32(header.encode()))


def fault_of(chunk: Chunk) -> str:
    """What is malformed about a chunk, in one sentence; empty when nothing is."""
    if not STREAM.fullmatch(chunk.stream):
        return f"'{chunk.stream}' is not the name of a stream"
    if chunk.schema not in _SCHEMAS_OF[chunk.stream.partition(":")[0]]:
        return f"stream {chunk.stream} cannot have schema '{chunk.schema}'"
    if chunk.seq < 0 or chunk.n <= 0:
        return f"seq {chunk.seq} and n {chunk.n} must be at least 0 and 1"
    names = SCHEMAS[chunk.schema]
    size = 8 * len(names) * chunk.n
    if len(chunk.columns) < size:
        return f"{chunk.n} samples of {chunk.schema} take {size} bytes, {len(chunk.columns)} came"
    table = np.frombuffer(chunk.columns, dtype="<i8", count=len(names) * chunk.n).reshape(len(names), chunk.n)
    return _columns_fault(chunk, dict(zip(names, table, strict=True)), len(chunk.columns) - size)


def _columns_fault(chunk: Chunk, columns: Mapping[str, NDArray[np.int64]], rest: int) -> str:
    """What is malformed about the columns; `rest` is the number of bytes behind them."""
    for name, column in columns.items():
        if name in _NEVER_NEGATIVE and int(column.min()) < 0:
            return f"column {name} holds a negative number"
    if "phase" in columns and int(columns["phase"].max()) >= len(PHASES):
        return f"there is no phase {int(columns['phase'].max())}"
    texts = sum(columns["n_bytes"].tolist()) if "n_bytes" in columns else 0
    if rest != texts:
        return f"{rest} bytes came behind {chunk.n} samples of {chunk.schema}, not {texts}"
    return ""


def check_chunk(chunk: Chunk) -> Answer | None:
    """The answer to a chunk that is damaged or malformed, else None; needs no store."""
    if crc32_of(chunk) != chunk.crc32:
        return _answer(chunk, Verdict.DAMAGED, message="the checksum does not match; send it again")
    fault = fault_of(chunk)
    return _answer(chunk, Verdict.MALFORMED, message=fault) if fault else None


def store_chunk(
    connection: sa.Connection, session: Session, chunk: Chunk, now: float, lease_s: float
) -> Answer:
    """Stores a checked chunk unless it is there; raises SessionRefused for a replaced session."""
    devices.check_session(connection, session)
    row = runs.attempt_row(connection, chunk.key)
    if row is None or row.device_id != session.device_id:
        return _answer(chunk, Verdict.UNKNOWN_ATTEMPT, message=_unknown(chunk.key))
    if row.state == "superseded" and _is_over(connection, chunk.key.run_id):
        message = f"run {chunk.key.run_id} is over without this attempt"
        return _answer(chunk, Verdict.UNKNOWN_ATTEMPT, message=message)
    expected, schema = chunks.mark(connection, chunk.key, chunk.stream)
    if chunk.seq < expected:
        return _repeated(connection, chunk, expected)
    if row.state == "ended":
        return _answer(chunk, Verdict.MALFORMED, message="the attempt has ended with fewer chunks")
    if chunk.seq > expected:
        return _answer(chunk, Verdict.GAP, expected, f"expected seq {expected}")
    return _next(connection, chunk, schema, now + lease_s)


def _repeated(connection: sa.Connection, chunk: Chunk, expected: int) -> Answer:
    """The answer to a number that was committed before; chunks of a run that is over are not compared."""
    if chunks.stored_twin(connection, chunk) is False:
        return _answer(chunk, Verdict.CONFLICT, expected, "another payload is stored under this number")
    return _answer(chunk, Verdict.COMMITTED, expected)


def _next(connection: sa.Connection, chunk: Chunk, schema: str | None, until: float) -> Answer:
    """Stores the chunk that a stream expects; it also shows that the attempt is alive."""
    if schema not in {None, chunk.schema}:
        return _answer(chunk, Verdict.MALFORMED, message=f"the stream began with schema {schema}")
    if schema is None and len(chunks.marks(connection, chunk.key)) >= STREAMS_MAX:
        return _answer(chunk, Verdict.MALFORMED, message=f"an attempt has at most {STREAMS_MAX} streams")
    chunks.insert(connection, chunk)
    runs.renew(connection, chunk.key, until, running=True)
    return _answer(chunk, Verdict.COMMITTED, chunk.seq + 1)


def _answer(chunk: Chunk, verdict: Verdict, next_seq: int = 0, message: str = "") -> Answer:
    return Answer(chunk.key, chunk.stream, chunk.seq, verdict, next_seq, message)


def store_end(connection: sa.Connection, session: Session, end: AttemptEnd, now: float) -> Answer:
    """Ends an attempt and moves its run on.

    A good end, of which every chunk must be there, makes the run uploaded; a failed one pending or failed.
    """
    devices.check_session(connection, session)
    row = runs.attempt_row(connection, end.key)
    if row is None or row.device_id != session.device_id:
        return Answer(end.key, "", 0, Verdict.UNKNOWN_ATTEMPT, message=_unknown(end.key))
    if row.state == "ended":
        return Answer(end.key, "", 0, Verdict.COMMITTED)
    fault = _end_fault(end)
    if fault:
        return Answer(end.key, "", 0, Verdict.MALFORMED, message=fault)
    if row.state == "open" and end.ok:
        wrong = _incomplete(connection, end)
        if wrong is not None:
            return wrong
    runs.end_attempt(connection, end, now)
    if row.state == "open":
        _move_run(connection, end, now)
    return Answer(end.key, "", 0, Verdict.COMMITTED)


def _incomplete(connection: sa.Connection, end: AttemptEnd) -> Answer | None:
    """The answer to an end that counts other chunks than are here, else None."""
    marks = chunks.marks(connection, end.key)
    for stream in sorted({*end.chunks, *marks}):
        here, said = marks.get(stream, 0), end.chunks.get(stream, 0)
        if here != said:
            verdict = Verdict.GAP if here < said else Verdict.MALFORMED
            return Answer(end.key, "", 0, verdict, here, f"{here} of {said} chunks of {stream} are here")
    return None


def _move_run(connection: sa.Connection, end: AttemptEnd, now: float) -> None:
    run = runs.get(connection, end.key.run_id)
    if run is None:
        return
    over = {"ended_unix_s": now, "lease_until_unix_s": None}
    if end.ok:
        _move(connection, end.key, "uploaded", over)
    else:
        reason = end.reason if end.reason in REASONS else "crashed"
        why = {"reason": reason, "message": end.message}
        tries = runs.tries(connection, run.run_id)
        if reason == "cancelled":
            _move(connection, end.key, "pending", {"lease_until_unix_s": None})
        elif reason in RETRIED and tries + 1 < ATTEMPTS_MAX:
            _move(connection, end.key, "pending", {**why, "tries": tries + 1, "lease_until_unix_s": None})
        elif _move(connection, end.key, "failed", {**why, **over, "tries": tries + 1}):
            chunks.drop(connection, run.run_id)
    if not end.ok:
        transitions.settle(connection, run.sweep_id, run.device_id, now)


def _move(connection: sa.Connection, key: AttemptKey, to: str, values: Mapping[str, object]) -> bool:
    return runs.move(connection, key.run_id, to, come_from=runs.UNDER_WAY, attempt=key.attempt, values=values)


def _end_fault(end: AttemptEnd) -> str:
    if len(end.facts_json.encode()) > FACTS_MAX_BYTES:
        return "the facts are larger than 1 MiB"
    try:
        facts = json.loads(end.facts_json or "{}")
    except (ValueError, RecursionError):
        return "the facts are not JSON"
    if not isinstance(facts, dict):
        return "the facts are not a JSON object"
    if any(count < 0 for count in end.chunks.values()):
        return "a stream has a negative number of chunks"
    return ""


def _is_over(connection: sa.Connection, run_id: str) -> bool:
    run = runs.get(connection, run_id)
    return run is None or run.state in RUN_FINAL


def _unknown(key: AttemptKey) -> str:
    return f"attempt {key.attempt} of run {key.run_id} is not known here"
