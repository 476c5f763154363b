"""How long a sweep waits for a device that is away, and what is said of it meanwhile."""

from __future__ import annotations

import datetime as dt
import json

#: Seconds that a sweep waits for a device that is away and has nothing of it under way, unless it says so.
WAIT_S = 3_600.0
#: The same of a sweep over several days, in which a device may be off at night.
WAIT_DAYS_S = 36 * 3_600.0
WAIT_S_MAX = 366 * 86_400.0


def wait_s(spec_json: str) -> float:
    """Seconds that the sweep of the specification `spec_json` waits for a device that is away.

    >>> wait_s('{"models": ["a"]}'), wait_s('{"models": ["a"], "wait_s": 60}')
    (3600.0, 60.0)
    """
    spec = json.loads(spec_json)
    if spec.get("wait_s") is not None:
        return float(spec["wait_s"])
    repeats = spec.get("repeats")
    days = repeats.get("days", 1) if isinstance(repeats, dict) else 1
    return WAIT_S if days < 2 else WAIT_DAYS_S


def duration(seconds: float) -> str:
    """So many `seconds` of waiting in plain words.

    >>> duration(3600), duration(90), duration(5400), duration(129600)
    ('1 h', '90 s', '90 min', '36 h')
    """
    for unit_s, unit in ((3600, "h"), (60, "min")):
        if seconds >= unit_s and seconds % unit_s == 0:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def minute(unix_s: float) -> str:
    """The time `unix_s`, in seconds since 1970, to the minute.

    >>> minute(90.0)
    '1970-01-01 00:01 UTC'
    """
    return f"{dt.datetime.fromtimestamp(unix_s, dt.UTC):%Y-%m-%d %H:%M} UTC"


def waiting(name: str, last_seen_unix_s: float | None, wait: float) -> str:
    """That the device with a `name` is away since `last_seen_unix_s`, and how long its sweep will `wait`.

    The first is in seconds since 1970, None for a device that was never there; the other in seconds.
    """
    since = "was never online"
    if last_seen_unix_s is not None:
        since = f"is offline since {minute(last_seen_unix_s)}"
    return f"{name} {since}; after {duration(wait)} its part ends as skipped (offline)"


def ended(name: str, wait: float) -> str:
    """Why what was left of a part is skipped: the device with a `name` was away for `wait` seconds."""
    return f"{name} was away for {duration(wait)}; `sweep retry` takes this up again once it is back"
