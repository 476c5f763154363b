"""What changed of devices between two reports: the facts of their environments, and what executed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.report.access import Row

#: Columns of a row that say what executed: they may change without the configuration.
_EXECUTED = ("runtime_version", "effective_provider", "effective_precision", "effective_threads")


@dataclass(frozen=True)
class ChangedFact:
    """A fact of a `device` whose values are not the same `before` and `after`; a side without it is empty."""

    device: str
    fact: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def changed_facts(before: Sequence[Row], after: Sequence[Row]) -> tuple[ChangedFact, ...]:
    """What is unlike in the rows `before` and `after` of each device that is in both, by device and fact.

    A list counts as one value, a mapping by its keys. What executed stands by the name of its runtime.
    """
    old, new = _by_device(before), _by_device(after)
    return tuple(
        ChangedFact(device, fact, *(tuple(sorted(side[device].get(fact, ()))) for side in (old, new)))
        for device in sorted(old.keys() & new.keys())
        for fact in sorted(old[device].keys() | new[device].keys())
        if old[device].get(fact) != new[device].get(fact)
    )


def untold_devices(rows: Iterable[Row]) -> list[str]:
    """Devices of `rows` whose environment is known by its hash alone: their report is of an older version."""
    return sorted({str(row["device"]) for row in rows if row["environment_id"] and not facts_of(row)})


def environments_of(rows: Iterable[Row]) -> dict[str, Any]:
    """The environments of `rows` by their ids, as their agents told them."""
    environments: dict[str, Any] = {}
    for row in rows:
        if row["environment_id"] and facts_of(row):
            environments.setdefault(str(row["environment_id"]), json.loads(row["environment"]))
    return environments


def facts_of(row: Row) -> dict[str, str]:
    """The facts of a `row`'s environment as texts by name; empty where the report does not hold them."""
    try:
        told = json.loads(row["environment"] or "{}")
        return dict(_flat(told, "")) if isinstance(told, dict) else {}
    except (ValueError, RecursionError):
        return {}


def _by_device(rows: Sequence[Row]) -> dict[str, dict[str, set[str]]]:
    """By device, and by fact, the values that its rows have."""
    devices: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        if not row["environment_id"]:
            continue
        of_device = devices.setdefault(str(row["device"]), {})
        executed = {f"{row['runtime']} {name}": row[name] for name in _EXECUTED if row[name] is not None}
        known = facts_of(row) or {"environment_id": row["environment_id"]}
        for fact, value in {**known, **executed}.items():
            of_device.setdefault(fact, set()).add(str(value))
    return devices


def _flat(value: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner if isinstance(inner, str) else json.dumps(inner, sort_keys=True)
