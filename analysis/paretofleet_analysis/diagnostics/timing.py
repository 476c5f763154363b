"""What the repeats of a sweep say of its timing: how devices drifted, and what to repeat more."""

from __future__ import annotations

import json
from collections import Counter
from statistics import median
from typing import Any

import pyarrow as pa

from paretofleet_analysis.diagnostics import canary, variance_levels
from paretofleet_analysis.report.access import Row, place

#: The measure that drift is told in: every mode has it.
MEASURE = "time_per_item_s"
_COLUMNS = (
    *("sweep", "device", "model", "precision", "runtime", "target", "batch_size", "runs"),
    *("iterations", "run_counted", "run_blocks", "run_mean_error_s", "run_overhead_s", f"{MEASURE}_runs"),
    "batch_latency_mean_s_runs",
    "effective_options",
)


def timing_summary(report: pa.Table) -> dict[str, Any]:
    """What the repeats of `report` say, JSON-ready: `drift` and `levels`.

    `drift` is as of `canary.device_drifts`; `levels` has one entry for each device and sweep:
    `configurations` with runs enough, `between`, the median share of the variance of the runs' mean
    latencies that is between runs, `help`, how many configurations each way of repeating helps, and `builds`,
    of how many each run builds an engine of its own: the build is then a level of variance within the runs'.
    """
    rows = report.select(_COLUMNS).to_pylist()
    by_place: dict[tuple[str, str], list[variance_levels.Advice]] = {}
    builds: Counter[tuple[str, str]] = Counter()
    for row in rows:
        advice = variance_levels.advice(row)
        if advice is not None:
            by_place.setdefault(place(row), []).append(advice)
            builds[place(row)] += _builds(row)
    return {
        "drift": canary.device_drifts(rows, [MEASURE]),
        "levels": [
            {
                "device": device,
                "sweep": sweep,
                "configurations": len(advices),
                "between": median(advice.between for advice in advices),
                "help": dict(Counter(advice.help for advice in advices)),
                "builds": builds[device, sweep],
            }
            for (device, sweep), advices in by_place.items()
        ],
    }


def _builds(row: Row) -> bool:
    """Whether each run of a `row` builds an engine: those of trtexec that do not load one that is kept."""
    options = json.loads(row["effective_options"] or "{}")
    return bool(row["runtime"] == "trtexec" and options.get("engine") != "pinned")
