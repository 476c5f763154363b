"""Sensors that claim the same power, or the same name, are closed: no energy rather than a wrong one."""

from __future__ import annotations

from typing import Tuple

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors.protocol import FindResult, Rail, Sensor

Claim = Tuple[Sensor, Rail]


def without_disputes(sensors: list[Sensor], absent: list[Unavailable]) -> FindResult:
    """The `sensors` without those in a dispute, which are closed, and `absent` with a reason for each."""
    claims = [(sensor, rail) for sensor in sensors for rail in sensor.rails()]
    absent = list(absent)
    disputed: list[Claim] = []
    for stream, namesakes in _named_alike(claims).items():
        disputed += namesakes
        name = stream.partition(":")[2]
        why = f"{len(namesakes)} sources call themselves {name}: whose readings are whose cannot be known"
        absent.append(Unavailable(name, why, "give each its own id", refused=True))
    for scope, rivals in _rivals(claims):
        disputed += rivals
        names = " and ".join(
            rail.stream for sensor, rail in claims if rail.scope == scope and _holds(rivals, sensor)
        )
        why = f"{names} all claim the scope {scope}: which one is right cannot be known"
        fix = "disconnect or uninstall all but one"
        absent.append(Unavailable(f"power of scope {scope}", why, fix, refused=True))
    for sensor in sensors:
        if _holds(disputed, sensor):
            sensor.close()
    return [sensor for sensor in sensors if not _holds(disputed, sensor)], absent


def _named_alike(claims: list[Claim]) -> dict[str, list[Claim]]:
    """The claims that share the name of their stream: samples of both would be mixed in it."""
    streams: dict[str, list[Claim]] = {}
    for claim in claims:
        streams.setdefault(claim[1].stream, []).append(claim)
    return {stream: sharing for stream, sharing in streams.items() if len(sharing) > 1}


def _rivals(claims: list[Claim]) -> list[tuple[str, list[Claim]]]:
    """(scope, claims) of the primary rails of several sensors that stand for the same power.

    A rail of no single target stands for all targets of its scope, so it is a rival of every other sensor
    there.
    """
    groups: dict[tuple[str, str | None], list[Claim]] = {}
    primary = [claim for claim in claims if claim[1].primary]
    for sensor, rail in primary:
        scope = [other for _, other in primary if other.scope == rail.scope]
        whole = any(other.target_id is None for other in scope)
        groups.setdefault((rail.scope, None if whole else rail.target_id), []).append((sensor, rail))
    return [
        (scope, group)
        for (scope, _), group in groups.items()
        if any(sensor is not group[0][0] for sensor, _ in group)
    ]


def _holds(claims: list[Claim], sensor: Sensor) -> bool:
    return any(sensor is claimant for claimant, _ in claims)
