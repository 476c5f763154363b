"""An attempt's end as text: how it is written into the spool, checksummed, and read again."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Mapping

from paretofleet_agent.model import AttemptEnd, AttemptKey, Outcome

DAMAGED = Outcome(
    ok=False, reason="lost", message="The end of the attempt was damaged in the spool.", interrupted=True
)


#: What the collector takes, in characters and in bytes; more would stop all that waits behind it.
MESSAGE_MAX = 4000
FACTS_BYTES_MAX = 1 << 20


def sendable(outcome: Outcome) -> Outcome:
    """The `outcome` as the wire can carry it: half a surrogate of its message becomes a question mark.

    A longer message is cut; facts that are too large become the outcome of a crash, which says so.
    """
    size = len(json.dumps(outcome.facts))
    if size > FACTS_BYTES_MAX:
        why = f"The facts of the attempt have {size} bytes, the collector takes {FACTS_BYTES_MAX}."
        return Outcome(ok=False, reason="crashed", message=why)
    return replace(outcome, message=outcome.message.encode("utf-8", "replace").decode()[:MESSAGE_MAX])


def end_crc32(end: AttemptEnd) -> int:
    """The checksum of `end`, as fleet.proto defines it."""
    outcome = end.outcome
    booleans = f"{int(outcome.ok)}/{int(outcome.interrupted)}"
    head = f"{end.key.run_id}/{end.key.attempt}/{booleans}/{outcome.reason}/{outcome.message}\n"
    streams = "".join(f"{stream}={number}\n" for stream, number in sorted(end.chunks.items()))
    return zlib.crc32(f"{head}{streams}{json.dumps(outcome.facts)}".encode())


def read_end(key: AttemptKey, row: tuple[str, int, str, str, str, int | None, int | None]) -> AttemptEnd:
    """The end of attempt `key` from the columns of its `row` in the spool; a lost one where they are damaged.

    The last two are null where an older agent wrote them.
    """
    chunks, ok, reason, message, facts, interrupted, crc32 = row
    try:
        numbers, read = json.loads(chunks), json.loads(facts)
        if not (_counts(numbers) and isinstance(read, dict) and ok in (0, 1)):
            return AttemptEnd(key, {}, DAMAGED)
        end = AttemptEnd(key, numbers, Outcome(bool(ok), str(reason), str(message), read, bool(interrupted)))
    except (ValueError, TypeError, RecursionError):
        return AttemptEnd(key, {}, DAMAGED)
    return end if crc32 in (None, end_crc32(end)) else AttemptEnd(key, {}, DAMAGED)


def _counts(numbers: object) -> bool:
    """Whether `numbers` has a whole number of chunks for each stream."""
    return isinstance(numbers, Mapping) and all(
        isinstance(number, int) and number >= 0 for number in numbers.values()
    )
