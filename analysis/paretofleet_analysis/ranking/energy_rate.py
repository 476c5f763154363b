"""Energy of an item where items come at a rate: a camera's frames, not one after the other.

A device that is done with an item before the next one comes waits with the model loaded, and that costs its
armed idle power. So at a low rate a fast network gains little: the rest of every period is idle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretofleet_analysis.ranking.exclusion_reasons import energy_absence


def energy_j_per_item_at_rate(
    rate_hz: float, *, energy_j_per_item: float, time_per_item_s: float, armed_idle_power_w: float
) -> float | None:
    """Energy of an item, in J, that comes `rate_hz` times a second: active, then armed idle till the next.

    None where items come too fast. `energy_j_per_item` and `time_per_item_s` of a configuration that works
    without a break, `armed_idle_power_w` with the model loaded. A batch of B items comes every B / rate
    seconds, so both may be those of any batch size. What waking up and falling asleep costs is not in it: the
    idle is the one with the model loaded and the clocks as they were. Raises ValueError for a rate that is
    not positive.

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


def take_rate(row: dict[str, Any], rate_hz: float, rails: Sequence[Mapping[str, Any]]) -> str | None:
    """Puts the energy at `rate_hz` in the place of a report `row`'s, mean and runs; why not, if it has none.

    `rails`: the entries of the row's `energy` that its energy is of. Their armed idle power is the mean over
    the runs; idle without the model loaded is another state, and stands for nothing here. A run of a row
    that keeps up on average, and itself does not, has no rest to be idle in.
    """
    energy_j, time_s = row["energy_j_per_item"], row["time_per_item_s"]
    idles = [rail["armed_idle_power_w"] for rail in rails]
    if energy_j is None or time_s is None:
        return energy_absence(row)
    if not idles or None in idles:
        hint = ": protocol quick does not measure it, sweep with --protocol standard"
        return "its idle power with the model loaded is not known" + hint * (row.get("protocol") == "quick")
    idle_w = sum(idles)

    def at_rate(own_j: float, own_s: float) -> float | None:
        return energy_j_per_item_at_rate(
            rate_hz, energy_j_per_item=own_j, time_per_item_s=own_s, armed_idle_power_w=idle_w
        )

    total_j = at_rate(energy_j, time_s)
    if total_j is None:
        return f"it does not keep up with {rate_hz:g} items a second"
    row["energy_j_per_item"] = total_j
    row["energy_j_per_item_runs"] = [
        None if own_j is None or own_s is None else at_rate(own_j, min(own_s, 1 / rate_hz))
        for own_j, own_s in zip(row["energy_j_per_item_runs"], row["time_per_item_s_runs"], strict=True)
    ]
    return None
