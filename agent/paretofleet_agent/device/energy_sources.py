"""Per target: which rails will speak for its energy, how well they are known, and why the others do not."""

from __future__ import annotations

from typing import Any, Mapping

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.model import Unavailable
from paretofleet_agent.power.energy_rails import EnergyRails, energy_rails, silence

#: What is told of a rail that speaks; noise and its kin only where they were measured.
OF_RAIL = ("stream", "source", "rail", "scope", "kind", "period_s", "gain_relative_uncertainty")
NO_SENSOR = "there is no power sensor"


def energy_sources(device: DeviceUnderTest) -> list[dict[str, Any]]:
    """What the energy of each target of the `device` will come from, JSON-ready.

    `rails` speak, and add up; `why_none` is null where there are some. `silent` are the others, and sources
    that are refused, each with the reason.
    """
    return [_of_target(device, target.target_id, target.alias) for target in device.inventory.targets]


def why_none(device: DeviceUnderTest, chosen: EnergyRails, alias: str) -> str | None:
    """Why no energy will be measured on the target `alias` of the `device`; None where `chosen` can speak."""
    lost = _lost(device, chosen)
    if lost is not None:
        return f"{_name(lost)}, without which there is no total, is missing: {lost['missing']}"
    if chosen.streams:
        return None
    refused = [entry for entry in device.absent if entry.refused]
    if chosen.is_ambiguous:
        return f"several rails have the scope {chosen.scope}, and none is the total"
    if refused:
        return f"{refused[0].name} is refused: {refused[0].why}"
    return f"no rail stands for {alias}" if device.rails else NO_SENSOR


def _of_target(device: DeviceUnderTest, target_id: str, alias: str) -> dict[str, Any]:
    chosen = energy_rails(device.rails, alias, target_id)
    aliases = {target.target_id: target.alias for target in device.inventory.targets}
    lost = _lost(device, chosen)
    reasons = [
        (rail, silence(rail, chosen, target_id, aliases) or (f"{_name(lost)} is missing" if lost else None))
        for rail in device.rails
        if not rail.get("missing")
    ]
    speaks = bool(chosen.streams) and lost is None
    return {
        "target_id": target_id,
        "target": alias,
        "scope": chosen.scope if speaks else None,
        "source": chosen.source if speaks else None,
        "rails": [_rail(rail) for rail, why in reasons if why is None],
        "why_none": why_none(device, chosen, alias),
        "silent": [
            *({"rail": _name(rail), "why": why} for rail, why in reasons if why),
            *({"rail": entry.name, "why": entry.why} for entry in device.absent if _is_rail(entry)),
        ],
    }


def _lost(device: DeviceUnderTest, chosen: EnergyRails) -> Mapping[str, Any] | None:
    """The first of the `chosen` rails that is missing here: the others are not the whole."""
    rails = [rail for rail in device.rails if rail["stream"] in chosen.streams and rail.get("missing")]
    return rails[0] if rails else None


def _name(rail: Mapping[str, Any]) -> str:
    return f"{rail['source']}/{rail['rail']}"


def _rail(rail: Mapping[str, Any]) -> dict[str, Any]:
    measured = rail.get("measured") or {}
    return {
        **{key: rail[key] for key in OF_RAIL},
        "noise_w": measured.get("noise_w"),
        "is_measured": bool(measured),
    }


def _is_rail(entry: Unavailable) -> bool:
    """Whether a rail is meant that is there and cannot be used, or that the settings close."""
    return entry.refused or "/" in entry.name
