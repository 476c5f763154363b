"""What a bench prints of items that came by the clock: how late each began, and what a caller waited."""

from __future__ import annotations

from statistics import mean
from typing import Any, Mapping, Sequence

from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.measure.series import quantile

#: A batch that begins later than this after it was due is late, as in a report.
LATE_S = 0.001
#: What a run has beside its latencies.
PACED_KEYS = ("time_per_item_s", "throughput_items_s", "late_share", "lateness_p50_s", "lateness_max_s")


def due_times_ns(paced: Mapping[str, Any]) -> list[int]:
    """When each batch of a run was due, by the fact `paced` of its attempt."""
    return [first_ns + round(k * paced["period_ns"]) for first_ns, n in paced["due"] for k in range(n)]


def paced_values(
    taken_s: Sequence[float], lateness_s: Sequence[float], *, batch_size: int, items_s: float
) -> tuple[list[float], dict[str, Any]]:
    """The latency of each batch in seconds, and the values of the run that only paced ones have.

    A batch took `taken_s` from `lateness_s` after it was due; `items_s` items came a second, `batch_size` in
    one. Raises AttemptFailed where that is more than the device can do.
    """
    if mean(taken_s) >= batch_size / items_s:
        raise AttemptFailed(
            "unsupported",
            f"a batch of {batch_size} takes {mean(taken_s) * 1e3:.3g} ms here, so {items_s:g} items a second "
            f"cannot be kept: ask for at most {batch_size / mean(taken_s):.3g}",
        )
    filled_s = (batch_size - 1) / items_s
    latencies_s = [taken + late + filled_s for taken, late in zip(taken_s, lateness_s)]
    late_share = mean(float(late > LATE_S) for late in lateness_s)
    lateness_p50_s = quantile(sorted(lateness_s), 0.5)
    values = (mean(taken_s) / batch_size, items_s, late_share, lateness_p50_s, max(lateness_s))
    return latencies_s, dict(zip(PACED_KEYS, values))
