"""What the repeats of a sweep say of its timing, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paretofleet_analysis.diagnostics.variance_levels import PROCESSES_MIN
from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.statistics.batch_means import ITERATIONS_MIN


def timing_lines(summary: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """What a `summary` of `timing_summary` says, in sentences."""
    yield from drift_lines(summary["drift"])
    for level in summary["levels"]:
        share, count = 100 * level["between"], level["configurations"]
        helps = ", ".join(f"{advice} in {number}" for advice, number in sorted(level["help"].items()))
        yield (
            f"repeats on {level['device']}: of the variance of mean latencies {share:.0f} % is between runs "
            f"and {100 - share:.0f} % within them (median of {count} configurations); "
            f"what would help: {helps}"
        )
        if level.get("builds"):
            yield (
                f"builds on {level['device']}: each run of {level['builds']} configurations builds an engine "
                "of its own, which is in the variance between runs; the option `engine: pinned` keeps one"
            )
    if not summary["levels"]:
        yield (f"repeats: nothing to say before {PROCESSES_MIN} runs of {ITERATIONS_MIN} iterations")


def drift_lines(drifts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each measure of each of the `drifts` (`canary.device_drifts`): its trend and largest step.

    Devices whose canary ran too rarely share one line.
    """
    for device in drifts:
        for name, drift in device.get("measures", {}).items():
            per_block, lo, hi, step = (
                two_significant_digits(100 * drift[key], sign="+")
                for key in ("per_block", "lo", "hi", "largest_step")
            )
            large = ", more than can be left alone" if drift["is_large"] else ""
            yield (
                f"drift of {device['device']} by its canary ({device['canary']}): {OBJECTIVES[name].short} "
                f"{per_block} % a block ({lo} to {hi}), largest step {step} %, {device['blocks']} "
                f"blocks{large}"
            )
    unclear = sorted({device["device"] for device in drifts if "note" in device})
    if unclear:
        note = next(device["note"] for device in drifts if "note" in device)
        more = f" and {len(unclear) - 3} more" if len(unclear) > 3 else ""
        yield f"drift of {', '.join(unclear[:3])}{more}: unknown, {note}"
