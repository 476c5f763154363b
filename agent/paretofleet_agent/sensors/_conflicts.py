"""Rails that claim the same power, or the same name, are closed: no energy rather than a wrong one.

Only the rails of a dispute are closed, and the owner's settings win: a meter that they name for a scope
speaks for it, and what they `ignore` stays closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors import meter
from paretofleet_agent.sensors.protocol import NO_SETTINGS, FindResult, Rail, Readings, Sensor, Settings

Claim = Tuple[Sensor, Rail]
#: The setting that names rails to be left closed, as SOURCE/RAIL or SOURCE, several with commas.
IGNORE = "ignore"


@dataclass(frozen=True)
class Closure:
    """Rails that are closed, and what probe says of it."""

    claims: Sequence[Claim]
    unavailable: Unavailable


class SensorPart:
    """A sensor of which only the rails at the places `kept` are open."""

    def __init__(self, sensor: Sensor, kept: Sequence[int]) -> None:
        self._sensor, self._kept = sensor, kept
        rails = sensor.rails()
        self._rails = [rails[place] for place in kept]

    def rails(self) -> Sequence[Rail]:
        """The open rails."""
        return self._rails

    def read(self) -> Sequence[Readings]:
        """What is new of the open rails."""
        by_rail = self._sensor.read()
        return [by_rail[place] for place in self._kept]

    def close(self) -> None:
        """Closes the sensor."""
        self._sensor.close()


def without_disputes(
    sensors: list[Sensor], absent: list[Unavailable], settings: Settings = NO_SETTINGS
) -> FindResult:
    """The `sensors` without their disputed rails, which are closed, and `absent` with a reason for each.

    `settings` is the section [sensors] of agent.ini.
    """
    claims = [(sensor, rail) for sensor in sensors for rail in sensor.rails()]
    absent = list(absent)
    absent += _unknown_names(claims, absent, settings)
    for rule in (_ignored, _named_alike, _outdone, _rivals):
        closures = rule(claims, settings)
        closed = [rail for closure in closures for _, rail in closure.claims]
        claims = [claim for claim in claims if not any(claim[1] is rail for rail in closed)]
        absent += [closure.unavailable for closure in closures]
    opened = [_opened(sensor, [rail for owner, rail in claims if owner is sensor]) for sensor in sensors]
    return [sensor for sensor in opened if sensor is not None], absent


def _opened(sensor: Sensor, kept: Sequence[Rail]) -> Sensor | None:
    """The sensor with the rails that are kept; without any it is closed, and None."""
    places = [place for place, rail in enumerate(sensor.rails()) if any(rail is each for each in kept)]
    if not places:
        sensor.close()
        return None
    return sensor if len(places) == len(sensor.rails()) else SensorPart(sensor, places)


def _ignored(claims: Sequence[Claim], settings: Settings) -> list[Closure]:
    """The rails that the settings leave out."""
    names = _names(settings)
    ignored = [claim for claim in claims if names & {claim[1].source, _name(claim[1])}]
    others = [claim for claim in claims if not any(claim is each for each in ignored)]
    why = f"the setting {IGNORE} leaves it out"
    return [_closure(others, [claim], _name(claim[1]), why, refused=False) for claim in ignored]


def _unknown_names(
    claims: Sequence[Claim], absent: Sequence[Unavailable], settings: Settings
) -> list[Unavailable]:
    """A line for every name in the setting `ignore` that is nothing here."""
    here = {name for _, rail in claims for name in (rail.source, _name(rail))}
    here |= {each.name for each in absent}
    rails = ", ".join(_name(rail) for _, rail in claims) or "none"
    return [
        Unavailable(
            name, f"the setting {IGNORE} names it, and no such rail is here", f"the rails are {rails}"
        )
        for name in sorted(_names(settings) - here)
    ]


def _named_alike(claims: Sequence[Claim], _settings: Settings) -> list[Closure]:
    """The rails that share the name of their stream: samples of both would be mixed in it."""
    streams: dict[str, list[Claim]] = {}
    for claim in claims:
        streams.setdefault(_name(claim[1]), []).append(claim)
    return [
        _closure(
            claims,
            sharing,
            name,
            f"{len(sharing)} sources call themselves {name}: whose readings are whose cannot be known",
            "give each its own id",
        )
        for name, sharing in streams.items()
        if len(sharing) > 1
    ]


def _outdone(claims: Sequence[Claim], settings: Settings) -> list[Closure]:
    """The rails of a scope for which the settings name a meter: be it silent, no other speaks for it."""
    scopes = meter.scopes(settings)
    return [
        _closure(
            claims,
            [(sensor, rail)],
            _name(rail),
            f"the settings name a meter for the scope {rail.scope}, which speaks instead of {rail.stream}",
            "take the meter out of [sensors] in agent.ini to hear this rail again",
            refused=False,
        )
        for sensor, rail in claims
        if rail.primary and rail.scope in scopes and rail.source != meter.SOURCE
    ]


def _rivals(claims: Sequence[Claim], _settings: Settings) -> list[Closure]:
    """The primary rails of several sensors that stand for the same power.

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
        _closure(
            claims,
            group,
            f"power of scope {scope}",
            f"{_streams(group)} all claim the scope {scope}: which one is right cannot be known",
            _choice(group),
        )
        for (scope, _), group in groups.items()
        if any(sensor is not group[0][0] for sensor, _ in group)
    ]


def _closure(
    claims: Sequence[Claim],
    disputed: Sequence[Claim],
    name: str,
    why: str,
    fix: str | None = None,
    *,
    refused: bool = True,
) -> Closure:
    """The disputed rails and those that add up with one of them: what is left would be a part of a sum."""
    sums = {_sum_of(rail) for _, rail in disputed if rail.primary}
    beside = [
        claim
        for claim in claims
        if claim[1].primary
        and _sum_of(claim[1]) in sums
        and not any(claim[1] is rail for _, rail in disputed)
    ]
    if beside:
        why += f"; what adds up with it is closed too: {_streams(beside)}"
    return Closure([*disputed, *beside], Unavailable(name, why, fix, refused=refused))


def _sum_of(rail: Rail) -> tuple[str, str, str | None]:
    """What a primary rail is a part of: rails with equal ones add up."""
    return rail.source, rail.scope, rail.target_id


def _choice(group: Sequence[Claim]) -> str:
    """What settles a dispute: the last rail, which is the one that was added, is the example."""
    rails = [rail for _, rail in group]
    last = rails[-1]
    is_source = any(rail.source != last.source for rail in rails)
    example = last.source if is_source else _name(last)
    return f"leave out those that are wrong: in [sensors] of agent.ini, such as {IGNORE} = {example}"


def _names(settings: Settings) -> set[str]:
    """What the setting `ignore` names."""
    return {name.strip() for name in settings.get(IGNORE, "").split(",") if name.strip()}


def _name(rail: Rail) -> str:
    return f"{rail.source}/{rail.rail}"


def _streams(claims: Sequence[Claim]) -> str:
    return " and ".join(rail.stream for _, rail in claims)
