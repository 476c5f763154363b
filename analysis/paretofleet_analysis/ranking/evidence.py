"""What a ranking rests on: rows, runs, days, sources, versions; enough to repeat it and to doubt it."""

from __future__ import annotations

import datetime as dt
import platform
from collections import Counter
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
    *,
    reported: Sequence[Row],
    probable: Probabilities,
    effects: BlockEffects,
    changes: Sequence[str] | None,
) -> dict[str, Any]:
    """The evidence of a ranking, JSON-ready: of its `request`, its `selection` and what came of it.

    `reported` are all rows, also those that are not ranked; `probable` and `effects` are of those ranked;
    `changes` are the verdicts that hang on a few runs.
    """
    rows = selection.rows
    return {
        "report_rows": len(reported),
        "ranked_rows": len(rows),
        "excluded_rows": len(selection.excluded),
        "devices_per_class": _devices_per_class(rows),
        "runs": sum(row["runs"] for row in rows if PUBLISHED not in (row["flags"] or ())),
        "published_rows": sum(PUBLISHED in (row["flags"] or ()) for row in rows),
        "runs_set_aside": sum(not counted for row in rows for counted in row["run_counted"]),
        "boots": len({boot for row in rows for boot in row["run_boots"] if boot}) or None,
        "days": sorted({_day(start) for row in rows for start in row["run_started_s"] if start}),
        "speaks_for": _speaks_for(rows),
        "in_blocks": _are_in_blocks(rows),
        "protocols": sorted({row["protocol"] for row in rows}),
        "flags": dict(sorted(Counter(flag for row in rows for flag in row["flags"] or ()).items())),
        "accuracy_sources": _accuracy_sources(rows),
        "accuracy_question": accuracy.QUESTIONS[request.accuracy_question],
        "power_sources": sorted(
            {
                row["power_scope"] + (f" by {row['power_source']}" if row["power_source"] else "")
                for row in rows
                if row["power_scope"]
            }
        ),
        "block_effects": list(effects.details),
        "canary_drift": _drift(reported, selection),
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


def _drift(reported: Sequence[Row], selection: Selection) -> list[dict[str, Any]]:
    """What the canaries of the ranked devices did, ranked themselves or not."""
    devices = {row["device"] for row in selection.rows}
    names = [name for name in selection.objectives if OBJECTIVES[name].is_measured]
    return canary.device_drifts([row for row in reported if row["device"] in devices], names)


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
    for row in rows:
        classes.setdefault(row["device_class"], set()).add(row["device"])
    return {name: len(devices) for name, devices in sorted(classes.items())}


def _speaks_for(rows: Sequence[Row]) -> str:
    """Which repetition intervals and probabilities hold for: what varied among the runs of every device."""
    boots: dict[str, set[str]] = {}
    starts: dict[str, list[float]] = {}
    for row in rows:
        boots.setdefault(row["device"], set()).update(boot for boot in row["run_boots"] if boot)
        starts.setdefault(row["device"], []).extend(at for at in row["run_started_s"] if at)
    boot = "another boot" if all(len(each) > 1 for each in boots.values()) else "the same boot"
    spans = [max(each, default=0.0) - min(each, default=0.0) for each in starts.values()]
    day = "another day" if all(span >= _DAY_APART_S for span in spans) else "the same day"
    process = "another process" if all(row["runs"] > 1 for row in rows) else "the processes measured"
    return f"{process}, in {boot}, on {day}, on these very boards"


def _are_in_blocks(rows: Sequence[Row]) -> bool:
    """Whether the runs of the `rows` are known to have come in blocks: each has its start, and values by one
    of our rules, which imported figures lack.
    """
    started = all(at is not None for row in rows for at in row["run_started_s"])
    return started and all(row["rule_version"] for row in rows)


def _day(start_s: float) -> str:
    return dt.datetime.fromtimestamp(start_s, dt.UTC).date().isoformat()


def _accuracy_sources(rows: Sequence[Row]) -> list[str]:
    """How many models' accuracy comes from where, said plainly."""
    models: dict[str | None, set[str]] = {}
    for row in rows:
        if row["top1"] is not None:
            models.setdefault(row["top1_source"], set()).add(row["accuracy_group"] or row["model"])
    return [
        f"{len(names)} x {source or 'unknown'} ({_MEANING_OF_SOURCES.get(source, 'as the report says')})"
        for source, names in sorted(models.items(), key=lambda item: str(item[0]))
    ]


def _versions(rows: Sequence[Row]) -> dict[str, str]:
    packages = ("paretofleet-analysis", "moocore", "numpy", "scipy", "pyarrow")
    rules = sorted({row["rule_version"] for row in rows if row["rule_version"]})
    return {
        **{name: version(name) for name in packages},
        "python": platform.python_version(),
        **({"rules": ", ".join(rules)} if rules else {}),
    }
