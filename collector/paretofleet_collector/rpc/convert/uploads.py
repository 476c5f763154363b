"""Items of an upload that exceed their limits, each answered by itself."""

from __future__ import annotations

from typing import Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.model.limits import FIELDS, Text
from paretofleet_collector.model.messages import UploadReply, UploadVerdict
from paretofleet_collector.plain_text import printable, sentence
from paretofleet_collector.rpc.convert.checking import fault_of


def check_session(session: Any) -> None:
    """Raises Refused where the message `session` exceeds its limits."""
    fault = fault_of(session)
    if fault:
        raise Refused(fault)


def malformed_reply(item: Any) -> UploadReply | None:
    """The reply to an `item` (the message of a chunk or of an end) that exceeds its limits, else None."""
    fault = fault_of(item)
    if not fault:
        return None
    key = AttemptKey(_cut("AttemptRef.run_id", item.attempt.run_id), item.attempt.attempt)
    is_chunk = item.DESCRIPTOR.name == "Chunk"
    stream, seq = (_cut("Chunk.stream", item.stream), item.seq) if is_chunk else ("", 0)
    return UploadReply(key, stream, seq, UploadVerdict.MALFORMED, message=sentence(fault))


def _cut(label: str, text: str) -> str:
    """A text that is sent back, no longer than its field's limit."""
    limit = FIELDS[label]
    return printable(text)[: limit.most] if isinstance(limit, Text) else ""
