"""The small text files below /sys, /proc and the device tree."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

#: What the kernel prints of an integer; Python would also take 12_34, +12 and digits of other scripts.
INTEGER = re.compile(r"-?[0-9]+")
#: Samples have 64 bits; what does not fit is no reading.
INTEGER_MAX = 2**63 - 1
#: The file that each thread reads now, and since when; those that are not read again, since a read hung.
_being_read: dict[int, tuple[Path, float]] = {}
_hung: set[Path] = set()


def text(path: Path) -> str:
    """The text of the file `path` without the white space around it; empty where it cannot be read.

    The strings of a device tree, which NULs end, come with spaces between them. A file that was given up
    reads as empty.
    """
    if path in _hung:
        return ""
    thread_id = threading.get_ident()
    _being_read[thread_id] = path, time.monotonic()
    try:
        return path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        del _being_read[thread_id]


def given_up(thread_id: int, limit_s: float) -> Path | None:
    """The file that thread `thread_id` has read for `limit_s` seconds, or None; it is never read again."""
    path, since_s = _being_read.get(thread_id, (None, 0.0))
    if path is None or time.monotonic() - since_s < limit_s:
        return None
    _hung.add(path)
    return path


def integer(content: str) -> int:
    """The integer that is all of `content` but for white space; raises ValueError where none of 64 bits is.

    >>> integer(" -12 ")
    -12
    >>> integer("12_34")
    Traceback (most recent call last):
    ValueError: not a whole number: '12_34'
    """
    match = INTEGER.fullmatch(content.strip())
    if match is None:
        raise ValueError(f"not a whole number: {content!r}")
    value = int(match.group())
    if abs(value) > INTEGER_MAX:
        raise ValueError(f"more than 64 bits: {content!r}")
    return value


def number(path: Path) -> int | None:
    """The integer in the file `path`, None where there is none."""
    try:
        return integer(text(path))
    except ValueError:
        return None
