"""A part of a card draws no more than the card: where a source says so nevertheless, neither is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretofleet_analysis.runs.power import implausible

#: The scope of a rail that is part of another one of its source.
PART = "part"


def without_contradictions(
    entries: Sequence[Mapping[str, Any]], sensors: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The `entries` of a run, implausible where the part of a target tells more than its whole.

    `entries`: one of `power.rail_energy` for each of the `sensors`, the run's facts, in their order. Parts of
    no single target, such as a board's rails, may lie outside of what is called the whole.
    """
    contradicted: set[int] = set()
    for part_at, (part, part_sensor) in enumerate(zip(entries, sensors, strict=True)):
        for whole_at, (whole, whole_sensor) in enumerate(zip(entries, sensors, strict=True)):
            if _are_part_and_whole(part_sensor, whole_sensor) and _is_more(part, whole):
                contradicted |= {part_at, whole_at}
    return [implausible(entry) if at in contradicted else dict(entry) for at, entry in enumerate(entries)]


def _are_part_and_whole(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return (
        part.get("target_id") is not None
        and part.get("scope") == PART != whole.get("scope")
        and all(part.get(key) == whole.get(key) for key in ("source", "target_id"))
    )


def _is_more(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Whether the part has more energy than the whole by more than both may be off."""
    if part["energy_j"] is None or whole["energy_j"] is None:
        return False
    off = sum(
        entry[key] or 0.0 for entry in (part, whole) for key in ("relative_uncertainty", "gain_uncertainty")
    )
    return bool(part["energy_j"] > whole["energy_j"] * (1.0 + off))
