"""JSON of strangers: bounded in size, depth and digits, and all of it can be written down again."""

from __future__ import annotations

import json
import math
from typing import Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.limits import (
    JSON_BYTES_MAX,
    JSON_DEPTH_MAX,
    JSON_DIGITS_MAX,
    JSON_PARTS_MAX,
)


def parse_bounded(text: str, subject: str) -> Any:
    """The value that the JSON `text` holds; raises Refused with a sentence about `subject`, "the facts".

    No NaN and no infinity, no number of more digits than a 128-bit one, no lone surrogate, no deep nesting.
    """
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    if size > JSON_BYTES_MAX:
        raise Refused(f"{subject} must have at most {JSON_BYTES_MAX:,} bytes; {size:,} came")
    _check_parts(sum(map(text.count, ",[{")), subject)  # before they are made: making many takes a while
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_constant)
    except RecursionError:
        raise Refused(f"{subject} must not be nested deeper than {JSON_DEPTH_MAX} levels") from None
    except json.JSONDecodeError as error:
        raise Refused(f"{subject} must be JSON: {error}") from None
    except ValueError as error:
        raise Refused(f"{subject} must not hold {error}") from None
    check_value(value, subject)
    return value


def check_value(value: Any, subject: str) -> None:
    """Raises Refused, about `subject`, where JSON could not hold a parsed `value` or it is nested deeply.

    What has many parts by sharing few, as aliases of YAML do, is refused as too large.
    """
    left, parts = JSON_BYTES_MAX, 0
    level = [value]
    for _ in range(JSON_DEPTH_MAX + 1):
        below: list[Any] = []
        for item in level:
            left -= 1 + _size(item, subject)
            if left < 0:
                raise Refused(f"{subject} must have at most {JSON_BYTES_MAX:,} bytes when written out")
            if isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
            _check_parts(parts + len(below), subject)
        if not below:
            return
        parts += len(below)
        level = below
    raise Refused(f"{subject} must not be nested deeper than {JSON_DEPTH_MAX} levels")


def _check_parts(parts: int, subject: str) -> None:
    if parts > JSON_PARTS_MAX:
        raise Refused(f"{subject} must have at most {JSON_PARTS_MAX:,} values and keys")


def _size(item: Any, subject: str) -> int:
    """The bytes of a text; 0 of anything else. Raises Refused for what JSON cannot hold."""
    if isinstance(item, float) and not math.isfinite(item):
        raise Refused(f"{subject} must not hold the number {item}")
    if isinstance(item, int) and item.bit_length() > 128:
        raise Refused(f"{subject} must not hold a number of more than {JSON_DIGITS_MAX} digits")
    if not isinstance(item, str):
        return 0
    try:
        return len(item) if item.isascii() else len(item.encode())
    except UnicodeEncodeError:
        raise Refused(f"{subject} must not hold half of a surrogate pair, which is no text") from None


def _integer(digits: str) -> int:
    if len(digits) > JSON_DIGITS_MAX:
        raise ValueError(f"a number of {len(digits):,} digits; at most {JSON_DIGITS_MAX} are accepted")
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:40]}, which is too large")
    return number


def _constant(name: str) -> float:
    raise ValueError(f"{name}, which is not JSON")
