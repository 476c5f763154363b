"""Energy of an item where items come at a rate: a camera's frames, not one after the other.

A device that is done with an item before the next one comes waits with the model loaded, and that costs its
armed idle power. So at a low rate a fast network gains little: the rest of every period is idle.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from paretofleet_analysis.errors import ReportError


def energy_j_per_item_at_rate(
    rate_hz: float, *, energy_j_per_item: float, time_per_item_s: float, armed_idle_power_w: float
) -> float | None:
    """Active energy of an item plus armed idle for the rest of its period; None where items come too fast.

    `energy_j_per_item` and `time_per_item_s` of a configuration that works without a break. A batch of B
    items comes every B / rate seconds, so both may be those of any batch size. What waking up and falling
    asleep costs is not in it: the idle is the one with the model loaded and the clocks as they were.
    Raises `ValueError` for a rate that is not positive.

    >>> round(energy_j_per_item_at_rate(
    ...     5, energy_j_per_item=0.8, time_per_item_s=0.1, armed_idle_power_w=3.0), 9)
    1.1
    >>> energy_j_per_item_at_rate(20, energy_j_per_item=0.8, time_per_item_s=0.1, armed_idle_power_w=3.0)
    """
    if not rate_hz > 0:
        raise ValueError(f"a rate of {rate_hz} items a second is not positive")
    rest_s = 1 / rate_hz - time_per_item_s
    # A rate that is 1 / time keeps up, whatever the last bit says.
    if rest_s < -1e-12 * time_per_item_s:
        return None
    return energy_j_per_item + armed_idle_power_w * max(rest_s, 0.0)


def column(report: pa.Table, rate_hz: float) -> list[float | None]:
    """`energy_j_per_item_at_rate` of each row of a report.

    None where the row cannot keep up, has no energy, or has no armed idle power of its primary scope: idle
    without the model loaded is another state, and stands for nothing here. Raises `ReportError` for a rate
    that is not positive.
    """
    if not rate_hz > 0:
        raise ReportError(f"a rate of {rate_hz} items a second is not positive: give one like 5")
    rows = report.select(["energy_j_per_item", "time_per_item_s", "energy"]).to_pylist()
    return [_of_row(row, rate_hz) for row in rows]


def _of_row(row: dict[str, Any], rate_hz: float) -> float | None:
    energy_j, time_s = row["energy_j_per_item"], row["time_per_item_s"]
    idles = [rail["armed_idle_power_w"] for rail in row["energy"] or () if rail["primary"]]
    if energy_j is None or time_s is None or not idles or None in idles:
        return None
    return energy_j_per_item_at_rate(
        rate_hz, energy_j_per_item=energy_j, time_per_item_s=time_s, armed_idle_power_w=sum(idles)
    )
