"""The devices behind a ranking: what each is, how often it was measured, how it drifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.page.device_rows import DeviceCounts, counts_of_devices
from paretofleet_analysis.present.timing_text import drift_lines
from paretofleet_analysis.ranking.rank import RankedRuns
from paretofleet_analysis.report.published import PUBLISHED, UNKNOWN

_HEADS = ("device", "class", "rows", "runs", "set aside", "boots", "environments", "block effects", "flags")


@dataclass(frozen=True)
class DeviceTable:
    """A row of text for each device under `heads`, and `sentences` on drift."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]


def device_table(ranked: RankedRuns) -> DeviceTable:
    """The devices of the rows in `ranked`, by name."""
    evidence = ranked.ranking.evidence
    effects = {entry["device"]: entry for entry in evidence["block_effects"]}
    lines = tuple(f"{line[0].upper()}{line[1:]}." for line in drift_lines(evidence["canary_drift"]))
    counted = counts_of_devices(ranked.compared)
    rows = tuple(_device(name, counted[name], effects) for name in sorted(counted))
    return DeviceTable(_HEADS, rows, lines)


def _device(name: str, counts: DeviceCounts, effects: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    is_published = counts.flagged.get(PUBLISHED, 0) == counts.rows
    return (
        name,
        ", ".join(counts.classes),
        str(counts.rows),
        UNKNOWN if is_published else str(counts.runs),
        UNKNOWN if is_published else str(counts.set_aside),
        str(counts.boots or UNKNOWN),
        str(counts.environments or UNKNOWN),
        "; ".join(
            f"{entry['device']}: {_effect(entry)}" if entry["device"] != name else _effect(entry)
            for key, entry in effects.items()
            if key == name or key.startswith(f"{name} in ")
        )
        or "-",
        ", ".join(f"{flag} ({count})" for flag, count in sorted(counts.flagged.items())) or "none",
    )


def _effect(entry: Mapping[str, Any]) -> str:
    """How much of the spread of repeats the blocks explained, which was removed; or why nothing was."""
    if not entry["corrected"]:
        return str(entry["note"])
    shares = (
        f"{OBJECTIVES[name].short} {100 * share:.0f} % of the variance (largest {100 * largest:.1f} %)"
        for (name, share), largest in zip(
            entry["share_of_variance"].items(), entry["largest"].values(), strict=True
        )
    )
    return f"removed: {', '.join(shares)}"
