"""What a ranking rests on: rows, runs, days, sources, versions; enough to repeat it and to doubt it."""

from __future__ import annotations

import datetime as dt
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from paretofleet_analysis.diagnostics import canary
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking import accuracy
from paretofleet_analysis.ranking.block_correction import BlockEffects
from paretofleet_analysis.ranking.probability import Probabilities
from paretofleet_analysis.ranking.selection import Selection
from paretofleet_analysis.report.access import Row

#: The columns that say which configuration a ranked row is.
IDENTITY = (
    *("sweep", "configuration_id", "environment_id", "model", "variant", "device", "device_class", "target"),
    *("runtime", "runtime_version", "precision", "batch_size", "threads", "mode", "timing_scope", "protocol"),
    *("simulated", "top1_source", "power_scope", "power_source", "status"),
)
#: Rows up to which verdicts are computed again without flagged runs and without each block.
SENSITIVITY_ROWS_MAX = 300
#: A flag that every run of a short protocol carries says nothing about one run against another.
_OF_PROTOCOL = {"short_protocol"}
_WHAT_SOURCES_MEAN = {
    "measured": "measured here",
    "published-same-weights": "published for these very weights",
    "published-same-architecture": "published for the architecture, not for these weights",
    "user": "given by the user",
    None: "of unknown source",
}


def collect(
    chosen: Selection,
    *,
    reported: Sequence[Row],
    found: Probabilities,
    seed: int,
    accuracy_question: str,
    blocks: BlockEffects,
    changes: Sequence[str] | None,
    command: str | None,
    report_sha256: Sequence[str],
) -> dict[str, Any]:
    """The evidence of a ranking, JSON-ready; `reported` are all rows, also those that are not ranked."""
    rows = chosen.rows
    return {
        "report_rows": len(reported),
        "ranked_rows": len(rows),
        "excluded_rows": len(chosen.excluded),
        "devices_per_class": _devices_per_class(rows),
        "runs": sum(row["runs"] for row in rows),
        "runs_set_aside": sum(not counted for row in rows for counted in row["run_counted"]),
        "boots": len({boot for row in rows for boot in row["run_boots"] if boot}) or None,
        "days": sorted({_day(start) for row in rows for start in row["run_started_s"] if start}),
        "protocols": sorted({row["protocol"] for row in rows}),
        "flags": dict(sorted(Counter(flag for row in rows for flag in row["flags"] or ()).items())),
        "accuracy_sources": _accuracy_sources(rows),
        "accuracy_question": accuracy.QUESTIONS[accuracy_question],
        "power_sources": sorted(
            {f"{row['power_scope']} by {row['power_source']}" for row in rows if row["power_scope"]}
        ),
        "block_effects": blocks.told,
        "canary_drift": _drift(reported, chosen),
        "verdicts_that_change": None if changes is None else list(changes),
        "method": _method(found),
        "replicates": found.replicates,
        "standard_error": found.standard_error,
        "common_factors_error": found.factors_error,
        "seed": seed,
        "versions": _versions(rows),
        "report_sha256": list(report_sha256),
        "command": command,
    }


def _drift(reported: Sequence[Row], chosen: Selection) -> list[dict[str, Any]]:
    """What the canaries of the ranked devices did, ranked themselves or not."""
    devices = {row["device"] for row in chosen.rows}
    names = [name for name in chosen.objectives if OBJECTIVES[name].is_measured]
    return canary.device_drifts([row for row in reported if row["device"] in devices], names)


def _method(found: Probabilities) -> str:
    """How the probabilities came about, and what that does not cover."""
    if not found.replicates:
        return (
            "exact given the runs (nothing drawn), then half a run is added for and half against, since "
            "few runs that agree do not promise the next"
        )
    return (
        f"exact given {found.replicates} replicates of each mean, then calibrated on simulated fleets like "
        "this one; of configurations that were not measured it says nothing"
    )


def _devices_per_class(rows: Sequence[Row]) -> dict[str, int]:
    classes: dict[str, set[str]] = {}
    for row in rows:
        classes.setdefault(row["device_class"], set()).add(row["device"])
    return {name: len(devices) for name, devices in sorted(classes.items())}


def _day(start_s: float) -> str:
    return dt.datetime.fromtimestamp(start_s, dt.UTC).date().isoformat()


def _accuracy_sources(rows: Sequence[Row]) -> list[str]:
    """How many models' accuracy comes from where, said plainly."""
    models: dict[str | None, set[str]] = {}
    for row in rows:
        if row["top1"] is not None:
            models.setdefault(row["top1_source"], set()).add(row["accuracy_group"] or row["model"])
    return [
        f"{len(names)} x {source or 'unknown'} ({_WHAT_SOURCES_MEAN.get(source, 'as the report says')})"
        for source, names in sorted(models.items(), key=lambda item: str(item[0]))
    ]


def _versions(rows: Sequence[Row]) -> dict[str, str]:
    found = {name: version(name) for name in ("paretofleet-analysis", "moocore", "numpy", "scipy", "pyarrow")}
    found["python"] = platform.python_version()
    found["rules"] = ", ".join(sorted({row["rule_version"] for row in rows if row["rule_version"]}))
    return found


def left_out(rows: Sequence[Row]) -> Iterator[tuple[str, list[set[int]]]]:
    """What to leave out in turn, with the positions of the runs that go, per row."""
    flagged = [
        {k for k, flags in enumerate(row["run_flags"]) if set(flags or ()) - _OF_PROTOCOL} for row in rows
    ]
    if any(flagged):
        yield "flagged runs", flagged
    blocks = sorted({(row["sweep"], block) for row in rows for block in row["run_blocks"]})
    several = len({sweep for sweep, _ in blocks}) > 1
    for sweep, block in blocks if len(blocks) > 1 else ():
        yield (
            f"block {block} of {sweep}" if several else f"block {block}",
            [
                {k for k, own in enumerate(row["run_blocks"]) if (row["sweep"], own) == (sweep, block)}
                for row in rows
            ],
        )
