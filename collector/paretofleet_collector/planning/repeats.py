"""How often a specification repeats its configurations, by its protocol where it does not say."""

from __future__ import annotations

from dataclasses import replace

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.plain_text import shown
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.planning.specification import ADAPTIVE, ADAPTIVE_RUNS_MIN, RUNS_MAX
from paretofleet_collector.planning.values import checked_number
from paretofleet_collector.suggest import did_you_mean

_KEYS = ("min", "max", "relative_half_width", "boots", "days")


def checked_repeats(value: object, protocol: str, seed: int) -> Repeats:
    """The repeats of the `protocol` and the `seed`, changed by what `value` gives; raises Refused.

    One number is both `min` and `max`.
    """
    default = PROTOCOLS[protocol]
    if isinstance(value, int) and not isinstance(value, bool):
        value = {"min": value, "max": value}
    if not isinstance(value, dict):
        raise Refused(
            "`repeats` is a number or a mapping such as `{min: 5, max: 20, relative_half_width: 0.02}`."
        )
    for key in value:
        if key not in _KEYS:
            raise Refused(f"Unknown key {shown(f'repeats.{key}')}: {did_you_mean(str(key), _KEYS)}")
    given = {key: item for key, item in value.items() if item is not None}
    low = checked_number("repeats.min", given["min"], 1, RUNS_MAX) if "min" in given else None
    high = checked_number("repeats.max", given["max"], 1, RUNS_MAX) if "max" in given else None
    if low is None:
        low = default.runs_min if high is None else min(default.runs_min, high)
    if high is None:
        high = max(default.runs_max, low)
    if low > high:
        raise Refused(f"`repeats`: min {low} is more than max {high}.")
    width = _relative_half_width(given.get("relative_half_width", default.relative_half_width))
    boots = checked_number("repeats.boots", given.get("boots", 1), 1, RUNS_MAX)
    if boots > low:
        raise Refused(f"`repeats`: {boots} boots need at least as many blocks; raise min from {low}.")
    days = checked_number("repeats.days", given.get("days", 1), 1, RUNS_MAX)
    if days > low:
        raise Refused(f"`repeats`: {days} days need at least as many blocks; raise min from {low}.")
    return Repeats(low, high, width, seed, boots=boots, days=days)


def _relative_half_width(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise Refused(
            f"`repeats.relative_half_width`: {shown(value)} is not a fraction between 0 and 1, such as 0.02."
        )
    return float(value)


def with_adaptive(repeats: Repeats, value: object, batch_sizes: tuple[int, ...]) -> Repeats:
    """The `repeats` with the use, as `value` says, whose ranking chooses their later blocks.

    `value` true is the first use that ranks one of the `batch_sizes`, false is none. Raises Refused.
    """
    if value is False:
        return repeats
    use = ("realtime" if 1 in batch_sizes else "offline") if value is True else value
    if not isinstance(use, str) or use not in ADAPTIVE:
        uses = " or ".join(ADAPTIVE)
        raise Refused(f"`adaptive`: {shown(value)} is not offered; write true, false, {uses}.")
    if use == "realtime" and 1 not in batch_sizes:
        raise Refused(
            "`adaptive: realtime` ranks batch size 1, which `batch_sizes` does not have; write `offline`."
        )
    if repeats.runs_min < ADAPTIVE_RUNS_MIN:
        raise Refused(
            f"`adaptive` ranks what has {ADAPTIVE_RUNS_MIN} runs or more; raise `repeats.min` from "
            f"{repeats.runs_min} to {ADAPTIVE_RUNS_MIN} at least."
        )
    if repeats.runs_min == repeats.runs_max:
        raise Refused(
            f"`adaptive` has nothing to choose where every configuration gets {repeats.runs_min} runs; "
            "raise `repeats.max`, as in `repeats: {min: 5, max: 20}` or `--repeats 5-20`."
        )
    return replace(repeats, adaptive=use)
