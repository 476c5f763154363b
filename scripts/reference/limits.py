"""The page of limits: what a field of a message may hold, and how much a client may ask."""

from __future__ import annotations

from paretofleet_collector.model import limits
from paretofleet_collector.model.limits import FIELDS, Data, Limit, Many, Number, Pairs, Text

from reference.markdown import origin, table


def limits_page() -> str:
    """The page of the limits of everything that clients send to a collector."""
    rows = [(f"`{label}`", _phrase(limit)) for label, limit in sorted(FIELDS.items()) if _phrase(limit)]
    return f"""# Limits

What clients may send to a collector. What exceeds it is refused with INVALID_ARGUMENT, or answered
MALFORMED in an upload, by a sentence that names the field, what it holds and the limit. It costs
nobody else anything, and it is logged once per address and kind.

{origin("collector/paretofleet_collector/model/limits.py")}

## Clients

A client is known by its certificate, else by its connection. The local socket, which only its user
can reach, has no limit of calls.

{table(("what", "at most"), _clients())}

## Fields

Text is counted in bytes of UTF-8. Plain text can be printed: no control characters, no line ends.

{table(("field", "holds"), rows)}
"""


def _clients() -> list[tuple[str, str]]:
    return [
        ("a message", f"{limits.MESSAGE_BYTES_MAX >> 20} MiB (RESOURCE_EXHAUSTED)"),
        ("calls under way", f"{limits.CALLS_MAX} (RESOURCE_EXHAUSTED)"),
        ("calls with one reply that are worked on at a time", f"{limits.TURNS_MAX}; more wait"),
        ("uploads of a session", "1; a newer one ends the older"),
        ("bytes of an upload without an answer", f"{limits.IN_FLIGHT_BYTES_MAX >> 20} MiB; more wait"),
        ("seconds until the request of a call, the next of a stream, a reply is taken", "10, 60, 60"),
        ("devices of a collector, removed ones too", f"{limits.DEVICES_MAX:,}"),
        ("labels of a device", f"{limits.LABELS_MAX}"),
        ("streams of an attempt", f"{limits.STREAMS_MAX}"),
        (
            "JSON (specifications, facts)",
            (
                f"{limits.JSON_BYTES_MAX >> 20} MiB, {limits.JSON_PARTS_MAX:,} values and keys, "
                f"{limits.JSON_DEPTH_MAX} levels, numbers of {limits.JSON_DIGITS_MAX} digits"
            ),
        ),
    ]


def _phrase(limit: Limit) -> str:
    """A limit in words; empty for what has none."""
    if isinstance(limit, Text):
        return f"{'' if limit.free else 'plain '}text of at most {limit.most:,} bytes"
    if isinstance(limit, Data):
        return f"at most {limit.most:,} bytes"
    if isinstance(limit, Number):
        return f"a number from {limit.low:,} to {limit.high:,}"
    if isinstance(limit, Many):
        return f"at most {limit.most:,} entries{_each(limit)}"
    if isinstance(limit, Pairs):
        return f"at most {limit.most:,} pairs, each {_phrase(limit.key)} to {_phrase(limit.value)}"
    return ""


def _each(limit: Many) -> str:
    return "" if limit.each is None else f", each {_phrase(limit.each)}"
