"""Which rails speak for a target's energy, and why the others do not.

The report chooses them when a run is sealed, by the same rule in the analysis, of which an agent may know
nothing. Here it says beforehand what that choice will be; a conformance test holds both equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from paretofleet_agent.sensors.protocol import COUNTER, PART

#: The scopes that are a target's own, by kind of target, best first.
SCOPES: Mapping[str, tuple[str, ...]] = {
    "cpu": ("package", "module", "apu"),
    "cuda": ("gpu-board", "module"),
}
#: Scopes that hold every target of a device: they speak where nothing nearer does, if they are a total.
WHOLE_DEVICE_SCOPES = ("module", "module+carrier", "usb-input", "wall", "battery")
#: Scopes that hold a target and leave out parts of the board: they speak where nothing else does.
PARTIAL_SCOPES: Mapping[str, tuple[str, ...]] = {"cpu": ("pmic-rails",)}
#: The scope whose rails never add up.
BOARD = "gpu-board"

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class EnergyRails:
    """The rails that speak for a target, which add up, by their streams; none where nothing can.

    `scope` and `source` are theirs. `is_ambiguous`: there are several, and none is the total.
    """

    streams: tuple[str, ...] = ()
    scope: str | None = None
    source: str | None = None
    is_ambiguous: bool = False


def energy_rails(rails: Sequence[Facts], alias: str, target_id: str) -> EnergyRails:
    """The rails, among those of the facts `rails`, that speak for the target `target_id`.

    `alias` is what people call it: cpu, cuda:0. A rail that is missing in a run is still the one that would
    speak.
    """
    near = [rail for rail in rails if not _is_of_another(rail, target_id)]
    for scope in _scopes(near, alias):
        there = [rail for rail in near if rail["scope"] == scope]
        if there:
            return _of_scope(there)
    return EnergyRails()


def silence(rail: Facts, chosen: EnergyRails, target_id: str, aliases: Mapping[str, str]) -> str | None:
    """Why a `rail` does not speak for the target `target_id`, for which `chosen` do; None where it does.

    `aliases` has every target's alias by its id.
    """
    alias, other = aliases[target_id], str(rail.get("target_id"))
    reasons = (
        (rail["stream"] in chosen.streams, None),
        (_is_of_another(rail, target_id), f"of {aliases.get(other, other)}"),
        (rail["scope"] == PART, "part of another rail"),
        (
            rail["scope"] not in _scopes([rail], alias),
            f"scope {rail['scope']} does not stand for {alias}",
        ),
        (
            rail["scope"] != chosen.scope,
            f"scope {rail['scope']} stands for {alias} only where {chosen.scope} does not",
        ),
        (chosen.is_ambiguous, f"several rails have the scope {chosen.scope}, and none is the total"),
        (rail["source"] != chosen.source, f"{chosen.source} speaks for the scope {chosen.scope}"),
    )
    total = " and ".join(stream.partition(":")[2] for stream in chosen.streams)
    return next((why for holds, why in reasons if holds), f"{total} is the total of its scope")


def _scopes(rails: Sequence[Facts], alias: str) -> list[str]:
    """The scopes that may speak for the target, in their order: its own, the whole device's, partial ones."""
    kind = alias.partition(":")[0]
    whole = [rail["scope"] for rail in rails if rail.get("primary") and rail["scope"] in WHOLE_DEVICE_SCOPES]
    return [*SCOPES.get(kind, ("module",)), *whole, *PARTIAL_SCOPES.get(kind, ())]


def _of_scope(rails: Sequence[Facts]) -> EnergyRails:
    """Of the rails of one scope those of one source: totals first, else counters, else any."""
    totals = [rail for rail in rails if rail.get("primary")]
    counters = [rail for rail in rails if rail["kind"] == COUNTER]
    source, scope = (totals or counters or rails)[0]["source"], rails[0]["scope"]
    of_source = [rail for rail in rails if rail["source"] == source]
    chosen = [rail for rail in of_source if rail.get("primary")] or of_source
    adds_up = scope != BOARD and all(rail.get("primary") for rail in chosen)
    if len(chosen) > 1 and not adds_up:
        return EnergyRails((), scope, source, is_ambiguous=True)
    return EnergyRails(tuple(rail["stream"] for rail in chosen), scope, source)


def _is_of_another(rail: Facts, target_id: str) -> bool:
    return rail.get("target_id") not in (None, target_id)
