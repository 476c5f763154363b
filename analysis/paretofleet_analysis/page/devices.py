"""The devices behind a ranking: what each is, how often it was measured, how it drifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.timing_text import drift_lines
from paretofleet_analysis.ranking.rank import RankedRuns
from paretofleet_analysis.report.access import Row
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
    by_device: dict[str, list[Row]] = {}
    for row in ranked.rows:
        by_device.setdefault(row["device"], []).append(row)
    effects = {entry["device"]: entry for entry in evidence["block_effects"]}
    lines = tuple(f"{line[0].upper()}{line[1:]}." for line in drift_lines(evidence["canary_drift"]))
    rows = tuple(_device(name, by_device[name], effects) for name in sorted(by_device))
    return DeviceTable(_HEADS, rows, lines)


def _device(name: str, rows: Sequence[Row], effects: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    boots = {boot for row in rows for boot in row["run_boots"] if boot}
    is_published = all(PUBLISHED in (row["flags"] or ()) for row in rows)
    flags = Counter(flag for row in rows for flag in row["flags"] or ())
    return (
        name,
        ", ".join(sorted({str(row["device_class"]) for row in rows})),
        str(len(rows)),
        UNKNOWN if is_published else str(sum(row["runs"] for row in rows)),
        UNKNOWN if is_published else str(sum(not is_in for row in rows for is_in in row["run_counted"])),
        str(len(boots) or UNKNOWN),
        str(len({row["environment_id"] for row in rows} - {None}) or UNKNOWN),
        "; ".join(
            f"{entry['device']}: {_effect(entry)}" if entry["device"] != name else _effect(entry)
            for key, entry in effects.items()
            if key == name or key.startswith(f"{name} in ")
        )
        or "-",
        ", ".join(f"{flag} ({count})" for flag, count in sorted(flags.items())) or "none",
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
