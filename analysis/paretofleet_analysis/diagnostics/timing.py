"""What the repeats of a sweep say of its timing: how devices drifted, and what to repeat more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import pyarrow as pa

from paretofleet_analysis.diagnostics import canary, variance_levels
from paretofleet_analysis.present.ranking_text import drift_lines
from paretofleet_analysis.report.access import place

#: The measure that drift is told in: every mode has it.
MEASURE = "time_per_item_s"
_COLUMNS = (
    *("sweep", "device", "model", "precision", "runtime", "target", "batch_size", "runs"),
    *("iterations", "run_counted", "run_blocks", "run_mean_error_s", "run_overhead_s", f"{MEASURE}_runs"),
    "batch_latency_mean_s_runs",
)


def told(report: pa.Table) -> dict[str, Any]:
    """JSON-ready: `drift` as `drift.of_devices`, and `levels`, one entry for each device and sweep.

    Of levels: `configurations` with runs enough, `between`, the median share of the variance of the runs'
    mean latencies that is between runs, and `help`, how many configurations each way of repeating helps.
    """
    rows = report.select(_COLUMNS).to_pylist()
    found: dict[tuple[str, str], list[variance_levels.Advice]] = {}
    for row in rows:
        advice = variance_levels.advice(row)
        if advice is not None:
            found.setdefault(place(row), []).append(advice)
    return {
        "drift": canary.of_devices(rows, [MEASURE]),
        "levels": [
            {
                "device": device,
                "sweep": sweep,
                "configurations": len(advices),
                "between": median(one.between for one in advices),
                "help": dict(Counter(one.help for one in advices)),
            }
            for (device, sweep), advices in found.items()
        ],
    }


def lines(known: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """What `told` found, in sentences."""
    yield from drift_lines(known["drift"])
    for one in known["levels"]:
        share, count = 100 * one["between"], one["configurations"]
        helps = ", ".join(f"{what} in {number}" for what, number in sorted(one["help"].items()))
        yield (
            f"repeats on {one['device']}: of the variance of mean latencies {share:.0f} % is between runs "
            f"and {100 - share:.0f} % within them (median of {count} configurations); "
            f"what would help: {helps}"
        )
    if not known["levels"]:
        yield (
            f"repeats: nothing to say before {variance_levels.PROCESSES_MIN} runs of "
            f"{variance_levels.ITERATIONS_MIN} iterations"
        )
