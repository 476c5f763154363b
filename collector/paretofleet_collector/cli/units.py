"""Numbers as people read them; data keeps its plain units."""

from __future__ import annotations

import math
import re
import time

import typer

from paretofleet_collector.model.run_time import Span


def count(value: int | None) -> str:
    """25557032 -> "25.6 M"."""
    if value is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value < 999.5 * size else f"{value / size:.0f} {unit}"
    return str(value)


def counted(number: int, noun: str) -> str:
    """A whole `number` of things with their `noun`: "1 run", "20 runs"."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def size(value: int | None) -> str:
    """102530376 -> "103 MB"."""
    return "-" if value is None else f"{count(value)}B" if value >= 1000 else f"{value} B"


def duration(seconds: float | None) -> str:
    """Seconds as "8 s", "4 min 10 s", "2 h 5 min" or "3 d 4 h"."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def left(span: Span | None) -> str:
    """A rough time left with its likely range; below ten seconds nothing is distinguished."""
    if span is None:
        return ""
    if span.seconds < 10:
        return "a few seconds left"
    return f"about {about(span)} left"


def about(span: Span) -> str:
    """A rough time with its likely range: "4 min (2 min to 7 min)"."""
    usual, least, most = (_rough(part) for part in (span.seconds, span.least_s, span.most_s))
    return usual if least == most else f"{usual} ({least} to {most})"


def _rough(seconds: float) -> str:
    step = 1 if seconds < 10 else 10 if seconds < 120 else 60 if seconds < 7200 else 600
    return duration(round(seconds / step) * step)


def ago(unix_s: float | None) -> str:
    """How long since a wall time."""
    if unix_s is None:
        return "never"
    return f"{duration(max(0.0, time.time() - unix_s))} ago"


def clock(unix_s: float | None) -> str:
    """A wall time in this machine's zone."""
    return "-" if unix_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_s))


def percent_of(option: str, text: str) -> float:
    """The percentage in a `text` like 71.2 or 71.2%; raises BadParameter naming the `option`.

    A fraction such as 0.712 is refused: it would be a percentage that nobody means.
    """
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        raise typer.BadParameter(f"{option} {text}: write a percentage from 0 to 100, such as 71.2")
    if 0 < percent <= 1 and not text.strip().endswith("%"):
        raise typer.BadParameter(
            f"{option} {text} is less than one item in a hundred: write {option} {100 * percent:g}, or "
            f"{option} {percent:g}% if that is meant"
        )
    return percent


def seconds_of(option: str, text: str) -> float:
    """The seconds in a `text` like 90s, 30min, 1h, 2d or 45; raises BadParameter naming the `option`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?", text.strip())
    if not match:
        raise typer.BadParameter(f"{option} {text}: write a time such as 90s, 30min, 1h or 2d")
    return float(match[1]) * {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}[match[2] or "s"]
