"""The lines of a meter: its greeting and its readings; the protocol stands in meter.py."""

from __future__ import annotations

import math
import re
from typing import Mapping

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER, Rail

VERSION = "paretofleet-meter/1"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
#: A value above this, in watts or joules, is rubbish.
VALUE_MAX = 1e9
#: So are more seconds than these, about 127 years: their nanoseconds must fit in 64 bits.
SECONDS_MAX = 4e9
FIX = "write meter = SCOPE@tcp://HOST:PORT or SCOPE@serial:///dev/NAME below [sensors] in agent.ini"


def rail_of(greeting: Mapping[str, str], scope: str, url: str, board: str) -> Rail | Unavailable:
    """The rail of the meter at `url` by its `greeting`, from `parse_greeting`, or why it is refused.

    `scope` is what the owner says that it sees, `board` its name for this device, empty where it has none.
    """
    if "busy" in greeting:
        why = f"the meter at {url} already gives its figures to {greeting['busy']}"
        return Unavailable("meter", why, "one meter measures one board")
    if greeting.get("unit") not in ("W", "J") or not NAME.fullmatch(greeting.get("id", "")):
        return Unavailable("meter", f"{url} did not greet us as {VERSION} with id= and unit=W or J", FIX)
    theirs = greeting.get("board", "")
    if theirs != board:
        why = f"the meter {greeting['id']} at {url} measures '{theirs}' and not '{board}'"
        return Unavailable("meter", why, f"write {scope}@{url}#{theirs} only if that is this device")
    is_counter = greeting["unit"] == "J"
    quantum = _positive(greeting.get("quantum"))
    return Rail(
        source="meter",
        rail=greeting["id"],
        scope=scope,
        kind=COUNTER if is_counter else BOXCAR,
        primary=True,
        period_s=_positive(greeting.get("period")),
        window_s=None
        if is_counter
        else _positive(greeting.get("window")) or _positive(greeting.get("period")),
        quantum_w=None if is_counter else quantum,
        quantum_j=quantum if is_counter else None,
        gain_relative_uncertainty=_positive(greeting.get("gain")),
        is_self_timed=True,
    )


def parse_greeting(line: str) -> dict[str, str]:
    """The values by key of a greeting's KEY=VALUE; none where the `line` is empty, as without a greeting."""
    return {key: value for key, sign, value in (word.partition("=") for word in line.split()) if sign}


def parse_reading(line: str) -> tuple[int, int] | None:
    """(nanoseconds of the meter's clock, microwatts or microjoules) of a `line`; None where it is none."""
    try:
        seconds, value = (float(word) for word in line.split(" "))
    except ValueError:
        return None
    if not (math.isfinite(seconds) and math.isfinite(value)) or seconds < 0 or value < 0:
        return None
    if seconds > SECONDS_MAX or value >= VALUE_MAX:
        return None
    return int(seconds * 1e9), round(value * 1e6)


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
