"""What the rule of a window must know of the rails that a run takes its energy from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER

#: The scope of what speaks only where nothing nearer does.
BATTERY = "battery"


@dataclass(frozen=True)
class RailFacts:
    """What the rule must know of a rail. `period_s` is as seen: its own, or the time between our reads.

    `own_times_s`: of a sensor that gives the times of its refreshes, how far they may be off.
    """

    stream: str
    scope: str
    kind: str
    period_s: float
    own_period_s: float
    window_s: float
    lag_s: float
    quantum: float | None
    max_range_uj: int | None = None
    max_power_w: float | None = None
    own_times_s: float | None = None

    @property
    def is_counter(self) -> bool:
        """Whether it counts energy."""
        return self.kind == COUNTER

    @property
    def late_s(self) -> float:
        """The time in which a refresh was seen."""
        if self.own_times_s is not None:
            return self.own_times_s
        return min(self.own_period_s or self.period_s, self.period_s)

    @property
    def is_part_time(self) -> bool:
        """Whether it averages over less than its period, so that work may keep step with it unseen."""
        return self.kind == BOXCAR and 0 < self.window_s < self.own_period_s


def rail_facts(rail: Mapping[str, Any], read_s: float) -> RailFacts:
    """What the rule must know of the `rail`, from its facts; read every `read_s` seconds unless they say."""
    return RailFacts(
        stream=rail["stream"],
        scope=rail["scope"],
        kind=rail["kind"],
        period_s=max(rail.get("period_s") or 0.0, rail.get("read_s") or read_s),
        own_period_s=rail.get("period_s") or 0.0,
        window_s=rail.get("window_s") or 0.0,
        lag_s=rail.get("lag_s") or 0.0,
        quantum=rail.get("quantum_j") if rail["kind"] == COUNTER else rail.get("quantum_w"),
        max_range_uj=rail.get("max_range_uj"),
        max_power_w=rail.get("max_power_w"),
        own_times_s=(rail.get("read_s") or read_s) if rail.get("is_self_timed") else None,
    )


def primary_rails(facts: Sequence[Mapping[str, Any]], target_id: str, read_s: float) -> list[RailFacts]:
    """The rails that a run on the target `target_id` takes its energy from, among those of the `facts`.

    They are read every `read_s` seconds where their facts say nothing else. A rail that is missing decides
    nothing, and a battery nothing beside a nearer one: its gauge would make every window as long as they get.
    """
    rails = [
        rail_facts(rail, read_s)
        for rail in facts
        if rail.get("primary") and not rail.get("missing") and rail.get("target_id") in (None, target_id)
    ]
    return [rail for rail in rails if rail.scope != BATTERY] or rails
