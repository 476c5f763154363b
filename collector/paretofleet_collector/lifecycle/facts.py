"""What the facts of an attempt may be: what sealing and reports can work with, and nothing else. Pure.

Keys that nobody computes with may hold any JSON. null stands for absent everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paretofleet_collector.bounded_json import parse_bounded
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.limits import COUNT_MAX
from paretofleet_collector.plain_text import shown

ENTRIES_MAX = 65_536
#: Iterations that a grid of due times may announce: it is laid out in memory.
DUE_MAX = 1 << 26
_NUMBER_MAX = 1e18


@dataclass(frozen=True)
class Kind:
    """What a value must be, in one phrase, and what tells it."""

    phrase: str
    holds: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and math.isfinite(value) and abs(value) <= _NUMBER_MAX


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX


def _is_paced(value: Any) -> bool:
    """The period of a grid of due times, and of each stretch its first due time in ns and how many it has."""
    if not isinstance(value, dict) or not _is_number(value.get("period_ns")) or value["period_ns"] < 1:
        return False
    due = value.get("due")
    if not isinstance(due, list) or len(due) > ENTRIES_MAX:
        return False
    if not all(isinstance(each, list) and len(each) == 2 and all(map(_is_count, each)) for each in due):
        return False
    return sum(int(number) for _, number in due) <= DUE_MAX


def _is_evaluation(value: Any) -> bool:
    return isinstance(value, dict) and _is_count(value.get("classes"))


def _list_of(kind: Kind) -> Kind:
    def holds(value: Any) -> bool:
        return isinstance(value, list) and len(value) <= ENTRIES_MAX and all(map(kind.holds, value))

    return Kind(f"a list, each {kind.phrase}", holds)


_TEXT = Kind("text of at most 4,096 letters", lambda value: isinstance(value, str) and len(value) <= 4096)
_NUMBER = Kind("a number below 1e18", _is_number)
_COUNT = Kind("a whole number from 0 to 2^62", _is_count)
_FLAG = Kind("true or false", lambda value: isinstance(value, bool))
_TABLE = Kind("a mapping", lambda value: isinstance(value, dict))
_PACED = Kind("a mapping with a `period_ns` of 1 at least and `due`, pairs of a time and a count", _is_paced)
_EVALUATION = Kind("a mapping with its `classes`, a whole number", _is_evaluation)
_TABLES = _list_of(_TABLE)

#: Facts that sealing or a report computes with; inside a table the names of its keys follow a dot.
FACTS: Mapping[str, Kind] = {
    "boot_id": _TEXT,
    "started_unix_s": _NUMBER,
    "environment": _TABLE,
    "readings_before": _TABLE,
    "readings_before.frequencies_khz": _list_of(_NUMBER),
    "readings_after": _TABLE,
    "readings_after.frequencies_khz": _list_of(_NUMBER),
    "processor": _TABLE,
    "processor.clock_khz": _NUMBER,
    "processor.isa": _list_of(_TEXT),
    "effective": _TABLE,
    "effective.precision": _TEXT,
    "effective.provider": _TEXT,
    "effective.threads": _COUNT,
    "effective.batch_size": _COUNT,
    "effective.cpus": _list_of(_COUNT),
    "effective.runtime_version": _TEXT,
    "effective.evaluation": _EVALUATION,
    "load_ns": _COUNT,
    "first_inference_ns": _COUNT,
    "second_inference_ns": _COUNT,
    "memory_peak_bytes": _COUNT,
    "device_memory_bytes": _COUNT,
    "device_memory_peak_bytes": _COUNT,
    "target_id": _TEXT,
    "flags": _list_of(_TEXT),
    "counted": _FLAG,
    "too_slow": _TABLE,
    "window_blocks": _list_of(_COUNT),
    "window_clocks_khz": _list_of(_NUMBER),
    "paced": _PACED,
    "sensors": _TABLES,
}
#: Keys of each sensor.
SENSOR: Mapping[str, Kind] = {
    **dict.fromkeys(("stream", "source", "rail", "scope", "kind", "schema", "target_id", "missing"), _TEXT),
    **dict.fromkeys(
        (
            *("period_s", "lag_s", "window_s", "read_s", "quantum_j", "quantum_w", "max_power_w"),
            *("max_range_uj", "gain_relative_uncertainty"),
        ),
        _NUMBER,
    ),
    **dict.fromkeys(("primary", "read_spread", "is_self_timed"), _FLAG),
}


def facts_fault(facts_json: str) -> str:
    """What of the facts of an attempt, `facts_json`, nobody could seal or report; empty when nothing is."""
    try:
        facts = parse_bounded(facts_json or "{}", "the facts")
    except Refused as error:
        return str(error)
    if not isinstance(facts, dict):
        return "the facts are not a JSON object"
    fault = _table_fault(facts, FACTS, "")
    if fault:
        return fault
    sensors = facts.get("sensors") or ()
    return next(
        filter(None, (_table_fault(each, SENSOR, f"sensors[{at}].") for at, each in enumerate(sensors))), ""
    )


def _table_fault(table: Mapping[str, Any], kinds: Mapping[str, Kind], prefix: str) -> str:
    for name, kind in kinds.items():
        outer, _, inner = name.partition(".")
        value = table.get(outer)
        if inner and value is not None:
            value = value.get(inner)
        if value is not None and not kind.holds(value):
            return f"{prefix}{name} is {shown(value)}; it must be {kind.phrase}"
    return ""
