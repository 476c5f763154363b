"""Items that come by the clock: when each was due, how late it began, and whether the device kept up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.statistics.intervals import quantile

#: A batch that begins later than this after it was due is late: the runner wakes up far sooner.
LATE_S = 0.001
NOT_KEPT = "pace_not_kept"
#: The values of a summary that say how late batches began.
LATENESS = ("late_share", "lateness_p50_s", "lateness_p99_s")


@dataclass(frozen=True)
class Grid:
    """When each iteration of a run was due, in ns of its clock, one every `period_ns`."""

    due_ns: np.ndarray
    period_ns: float


def grid_of(facts: Mapping[str, Any], iterations: int) -> Grid | None:
    """The grid of a run with so many `iterations` by its `facts`; None where items did not come by the clock.

    It is [the first due time in ns, how many] of each stretch. Raises SampleError where they are not as many.
    """
    paced = facts.get("paced")
    if paced is None:
        return None
    period_ns, parts = float(paced["period_ns"]), paced["due"]
    stretches = [first_ns + np.rint(np.arange(n) * period_ns).astype(np.int64) for first_ns, n in parts]
    due_ns = np.concatenate([np.empty(0, dtype=np.int64), *stretches])
    if due_ns.size != iterations:
        raise SampleError(f"{iterations} iterations were measured and {due_ns.size} were due")
    return Grid(due_ns, period_ns)


def is_kept(due_ns: np.ndarray, durations_s: np.ndarray, period_ns: float) -> bool:
    """Whether the device kept up with items that were due at `due_ns`, which took `durations_s` each.

    It does not where one takes longer on average than the `period_ns`, or where the runner gave a queue up.
    """
    is_whole = bool((np.abs(np.diff(due_ns) - period_ns) < 2).all())
    return is_whole and float(durations_s.mean()) * 1e9 < period_ns


def lateness_values(lateness_s: np.ndarray) -> dict[str, float | None]:
    """LATENESS from the `lateness_s` of each batch."""
    share = float((lateness_s > LATE_S).mean())
    return dict(zip(LATENESS, (share, quantile(lateness_s, 0.5), quantile(lateness_s, 0.99)), strict=True))
