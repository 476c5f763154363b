"""What a ranking rests on: rows, runs, days, sources, versions; enough to repeat it and to doubt it."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from paretofleet_analysis.diagnostics import canary
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.pareto.calibration import FLEET_MIN
from paretofleet_analysis.ranking import accuracy
from paretofleet_analysis.ranking.block_correction import BlockEffects
from paretofleet_analysis.ranking.probability import Probabilities
from paretofleet_analysis.ranking.request import RankingRequest
from paretofleet_analysis.ranking.row_table import (
    column_of,
    entries_by_device,
    entries_of,
    entry_counts,
    first_longest,
    lacks_entries,
    with_entry,
)
from paretofleet_analysis.ranking.selection import Selection
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.report.published import PUBLISHED, UNKNOWN
from paretofleet_analysis.statistics.intervals import RUNS_MIN

#: The columns that say which configuration a ranked row is.
IDENTITY = (
    *("sweep", "configuration_id", "environment_id", "model", "variant", "device", "device_class", "target"),
    *("runtime", "runtime_version", "precision", "batch_size", "threads", "mode", "timing_scope", "protocol"),
    *("simulated", "top1_source", "power_scope", "power_source", "status"),
)
#: The class of a device of which nobody says one.
UNKNOWN_CLASS = UNKNOWN
#: Runs so far apart saw another day of their device; a sweep across midnight did not.
_DAY_APART_S = 12 * 3600.0
_MEANING_OF_SOURCES = {
    "measured": "measured here",
    "measured: trained here": "measured after the training, not on the device",
    "published-same-weights": "published for these very weights",
    "published-same-architecture": "published for the architecture, not for these weights",
    "user": "given by the user",
    None: "of unknown source",
}


def collect_evidence(
    request: RankingRequest,
    selection: Selection,
    rows: Sequence[Row],
    *,
    reported: Sequence[Row],
    probable: Probabilities,
    effects: BlockEffects,
    changes: Sequence[str] | None,
) -> dict[str, Any]:
    """The evidence of a ranking, JSON-ready: of its `request`, its `selection`, the `rows` of that and what
    came of it.

    `reported` are all rows, also those that are not ranked; `probable` and `effects` are of those ranked;
    `changes` are the verdicts that hang on a few runs.
    """
    is_published = with_entry(rows, "flags", PUBLISHED)
    return {
        "report_rows": len(reported),
        "ranked_rows": len(rows),
        "excluded_rows": selection.excluded_count,
        "devices_per_class": _devices_per_class(rows),
        "runs": sum(
            runs for runs, other in zip(column_of(rows, "runs"), is_published, strict=True) if not other
        ),
        "published_rows": sum(is_published),
        "runs_set_aside": entry_counts(rows, "run_counted").get(False, 0),
        "boots": len(entries_of(rows, "run_boots") - {""}) or None,
        "days": sorted({_day(start) for start in entries_of(rows, "run_started_s") if start}),
        "speaks_for": _speaks_for(rows),
        "in_blocks": _are_in_blocks(rows),
        "protocols": sorted(set(column_of(rows, "protocol"))),
        "flags": dict(sorted(entry_counts(rows, "flags").items())),
        "accuracy_sources": _accuracy_sources(rows),
        "accuracy_question": accuracy.QUESTIONS[request.accuracy_question],
        "power_sources": sorted(
            scope + (f" by {source}" if source else "")
            for scope, source in _distinct(rows, "power_scope", "power_source")
            if scope
        ),
        "block_effects": list(effects.details),
        "canary_drift": _drift(reported, rows, selection.objectives),
        "verdicts_that_change": None if changes is None else list(changes),
        "method": _method(probable),
        "replicates": probable.replicates,
        "standard_error": probable.standard_error,
        "common_factors_error": probable.factors_error,
        "joint_accuracies_error": probable.joint_error,
        "seed": request.seed,
        "versions": _versions(rows),
        "report_sha256": list(request.report_sha256),
        "command": request.command,
    }


def _drift(reported: Sequence[Row], rows: Sequence[Row], objectives: Sequence[str]) -> list[dict[str, Any]]:
    """What the canaries of the devices of the ranked `rows` did, ranked themselves or not."""
    devices = set(column_of(rows, "device"))
    names = [name for name in objectives if OBJECTIVES[name].is_measured]
    return canary.device_drifts([row for row in first_longest(reported) if row["device"] in devices], names)


def _distinct(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """The unlike values that the `rows` have in the columns `names`."""
    return list(dict.fromkeys(zip(*(column_of(rows, name) for name in names), strict=True)))


def _method(probable: Probabilities) -> str:
    """How the probabilities came about, and what that does not cover."""
    rows = len(probable.front)
    if not rows:
        return f"none, since no row has {RUNS_MIN} runs; what is shown is the frontier of means"
    if probable.replicates and rows < FLEET_MIN:
        return (
            f"exact given {probable.replicates} replicates of each mean, not calibrated: fewer than "
            f"{FLEET_MIN} rows teach nothing of how sure they are; of configurations that were not measured "
            "it says nothing"
        )
    if not probable.replicates:
        return (
            "exact given the runs (nothing drawn), then half a run is added for and half against, since "
            "few runs that agree do not promise the next"
        )
    return (
        f"exact given {probable.replicates} replicates of each mean, then calibrated on simulated fleets "
        "like this one; of configurations that were not measured it says nothing"
    )


def _devices_per_class(rows: Sequence[Row]) -> dict[str, int]:
    classes: dict[str, set[str]] = {}
    for device_class, device in _distinct(rows, "device_class", "device"):
        classes.setdefault(device_class, set()).add(device)
    return {name: len(devices) for name, devices in sorted(classes.items())}


def _speaks_for(rows: Sequence[Row]) -> str:
    """Which repetition intervals and probabilities hold for: what varied among the runs of every device."""
    boots = entries_by_device(rows, "run_boots")
    starts: dict[str, list[float]] = entries_by_device(rows, "run_started_s")
    boot = "another boot" if all(len(set(each)) > 1 for each in boots.values()) else "the same boot"
    spans = [max(each, default=0.0) - min(each, default=0.0) for each in starts.values()]
    day = "another day" if all(span >= _DAY_APART_S for span in spans) else "the same day"
    process = (
        "another process" if all(runs > 1 for runs in column_of(rows, "runs")) else "the processes measured"
    )
    return f"{process}, in {boot}, on {day}, on these very boards"


def _are_in_blocks(rows: Sequence[Row]) -> bool:
    """Whether the runs of the `rows` are known to have come in blocks: each has its start, and values by one
    of our rules, which imported figures lack.
    """
    return all(column_of(rows, "rule_version")) and not lacks_entries(rows, "run_started_s")


def _day(start_s: float) -> str:
    return dt.datetime.fromtimestamp(start_s, dt.UTC).date().isoformat()


def _accuracy_sources(rows: Sequence[Row]) -> list[str]:
    """How many models' accuracy comes from where, said plainly."""
    models: dict[str | None, set[str]] = {}
    for top1, source, group, model in _distinct(rows, "top1", "top1_source", "accuracy_group", "model"):
        if top1 is not None:
            models.setdefault(source, set()).add(group or model)
    return [
        f"{len(names)} x {source or 'unknown'} ({_MEANING_OF_SOURCES.get(source, 'as the report says')})"
        for source, names in sorted(models.items(), key=lambda item: str(item[0]))
    ]


def _versions(rows: Sequence[Row]) -> dict[str, str]:
    packages = ("paretofleet-analysis", "moocore", "numpy", "scipy", "pyarrow")
    rules = sorted({rule for text in column_of(rows, "rule_version") if text for rule in text.split(", ")})
    return {
        **{name: version(name) for name in packages},
        "python": platform.python_version(),
        **({"rules": ", ".join(rules)} if rules else {}),
    }
