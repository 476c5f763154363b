"""Rails that should be there and are not: of the start in a run, or the other parts of a sum."""

from __future__ import annotations

import logging
from typing import Any, Mapping, Sequence

from paretofleet_agent.model import SensorInfo
from paretofleet_agent.sensors import Rail

log = logging.getLogger(__name__)


def missing_rails(
    expected: Sequence[SensorInfo], rails: Sequence[Mapping[str, Any]], absent: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The facts of every rail of `expected` that is not among `rails`, with the reason under "missing".

    `expected` was there when the agent looked, `rails` are the facts of those that a sampler reads now, and
    `absent` is what it says of those that it did not find. The missing parts of sums are among the facts.
    Each is a line in the log.
    """
    there = {rail["stream"] for rail in rails}
    lost = [_facts(info, absent) for info in expected]
    lost = [rail for rail in lost if rail["stream"] not in there]
    facts = {rail["stream"]: rail for rail in (*lost, *missing_parts(rails, absent))}
    for rail in facts.values():
        log.warning(
            "the power sensor %s/%s is missing in this run, so its energy is null: %s; "
            "paretofleet-agent probe tells more",
            rail["source"],
            rail["rail"],
            rail["missing"],
        )
    return list(facts.values())


def missing_parts(
    rails: Sequence[Mapping[str, Any]], absent: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The facts of the rails among `absent` that would add up with one of `rails`, with "missing".

    Without them the others are not the whole, and the energy of their scope is null. Where nothing of a sum
    is there, another scope may speak.
    """
    sums = {_sum_of(rail) for rail in rails if rail["primary"]}
    parts = [_facts(SensorInfo(**entry["sensor"]), absent) for entry in absent if entry.get("sensor")]
    return [rail for rail in parts if rail["primary"] and _sum_of(rail) in sums]


def _facts(info: SensorInfo, absent: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rail = Rail(info.source, info.rail, info.scope, info.kind, info.primary, target_id=info.target_id)
    return dict(rail.facts(), missing=_why(rail, absent))


def _sum_of(rail: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """What a primary rail is a part of: rails with equal ones add up."""
    return rail["source"], rail["scope"], rail["target_id"]


def _why(rail: Rail, absent: Sequence[Mapping[str, Any]]) -> str:
    """The best of the reasons: of the rail, of a dispute that names it, of its source."""
    name = f"{rail.source}/{rail.rail}"
    reasons = [
        *(entry["why"] for entry in absent if entry["what"] == name),
        *(entry["why"] for entry in absent if rail.stream in entry["why"]),
        *(entry["why"] for entry in absent if entry["what"].partition("/")[0] == rail.source),
    ]
    return str(reasons[0]) if reasons else "it was there when the agent started"
