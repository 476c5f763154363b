"""What the repeats of a sweep say of its timing, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paretofleet_analysis.diagnostics.variance_levels import PROCESSES_MIN
from paretofleet_analysis.present.ranking_text import drift_lines
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
    if not summary["levels"]:
        yield (f"repeats: nothing to say before {PROCESSES_MIN} runs of {ITERATIONS_MIN} iterations")
