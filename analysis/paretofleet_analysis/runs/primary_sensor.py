"""Which power sensor speaks for a run's target, and whether two of one source agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.runs.absent_energy import CAUSES
from paretofleet_analysis.runs.counter_twins import ALIKE
from paretofleet_analysis.runs.energy_uncertainty import disagree
from paretofleet_analysis.runs.power import ALIASING, DRIFT, NOT_CONVERGED

#: The scope whose energy is a target's own, by kind of target, best first. An APU is a package with its GPU.
PRIMARY_SCOPES: Mapping[str, Sequence[str]] = {
    "cpu": ("package", "module", "apu"),
    "cuda": ("gpu-board", "module"),
}
#: Scopes that hold every target of a device: a primary scope where the sensor's facts name it as one. A
#: battery is read only while it carries the whole device.
WHOLE_DEVICE_SCOPES = ("module", "module+carrier", "usb-input", "wall", "battery")
#: Scopes that hold a target and leave out parts of the board: they speak where nothing else does.
PARTIAL_SCOPES: Mapping[str, Sequence[str]] = {"cpu": ("pmic-rails",)}
MISMATCH, AMBIGUOUS = "counter_integral_mismatch", "power_ambiguous"
#: Flags of one sensor that are the run's only where that sensor speaks for the target.
OF_PRIMARY = (NOT_CONVERGED, ALIASING, DRIFT, ALIKE, *CAUSES)
_VALUES = (
    *("power_w", "energy_j_per_item", "power_scope", "power_source", "idle_power_w"),
    *("energy_relative_uncertainty", "energy_gain_uncertainty"),
)


@dataclass(frozen=True)
class PrimaryEnergy:
    """A target's own energy: the `values` of a summary, null where unknown, and whence they are.

    `streams`: the sensors whose values they are, empty where none speaks; `flags`: what they say of the run.
    """

    values: Mapping[str, Any]
    streams: frozenset[str]
    flags: frozenset[str]


def primary_energy(
    entries: Sequence[Mapping[str, Any]],
    sensors: Sequence[Mapping[str, Any]],
    target_kind: str,
    target_id: str | None = None,
) -> PrimaryEnergy:
    """The target's own energy: the primary rails of its scope, which add up; boards never do.

    `entries`: one of `power.rail_energy` for each of the `sensors`, the run's facts; `target_kind`: "cpu" or
    "cuda". Rails of another target than `target_id`, such as a second GPU, are never its own. A rail that is
    missing is still the one that would speak: what it would say is null, and no other rail's word is taken
    for it.
    """
    others = {sensor.get("stream") for sensor in sensors if _is_of_another(sensor, target_id)}
    chosen = _choose([entry for entry in entries if entry["stream"] not in others], sensors, target_kind)
    speaking = [entry["stream"] for entry in chosen or entries]
    flags = {
        flag
        for entry in entries
        for flag in entry["flags"]
        if entry["stream"] in speaking or flag not in OF_PRIMARY
    }
    if _mismatched(entries, sensors):
        flags.add(MISMATCH)
    values: dict[str, Any] = dict.fromkeys(_VALUES)
    is_twice = len(chosen) > 1 and any(ALIKE in entry["flags"] for entry in chosen)
    if not chosen or is_twice:
        return PrimaryEnergy(values, frozenset(), frozenset(flags))
    if len(chosen) > 1 and not _add_up(chosen, sensors):
        return PrimaryEnergy(values, frozenset(), frozenset(flags | {AMBIGUOUS}))
    values["power_scope"], values["power_source"] = chosen[0]["scope"], chosen[0]["source"]
    for key in ("power_w", "energy_j_per_item", "idle_power_w"):
        amounts = [entry[key] for entry in chosen]
        values[key] = None if None in amounts else sum(amounts)
    for key in ("relative_uncertainty", "gain_uncertainty"):
        uncertainties = [entry[key] for entry in chosen]
        values[f"energy_{key}"] = None if None in uncertainties else max(uncertainties)
    return PrimaryEnergy(values, frozenset(speaking), frozenset(flags))


def _add_up(entries: Sequence[Mapping[str, Any]], sensors: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the entries of one scope are parts of one whole: the facts name each, and none is a board."""
    named = _named(sensors)
    return entries[0]["scope"] != "gpu-board" and all(entry["stream"] in named for entry in entries)


def _named(sensors: Sequence[Mapping[str, Any]]) -> set[Any]:
    """The streams that the facts name as primary."""
    return {sensor.get("stream") for sensor in sensors if sensor.get("primary")}


def _is_of_another(sensor: Mapping[str, Any], target_id: str | None) -> bool:
    return target_id is not None and sensor.get("target_id") not in (None, target_id)


def _mismatched(entries: Sequence[Mapping[str, Any]], sensors: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a counter differs from the integral of power that its source gives of the same target."""
    targets = {sensor.get("stream"): sensor.get("target_id") for sensor in sensors}
    measured = [entry for entry in entries if entry["energy_j"]]
    return any(
        disagree(
            counted["energy_j"],
            other["energy_j"],
            counted["relative_uncertainty"],
            other["relative_uncertainty"],
        )
        for counted in measured
        for other in measured
        if counted["kind"] == "counter" != other["kind"]
        and ALIASING not in other["flags"]
        and (counted["source"], counted["scope"]) == (other["source"], other["scope"])
        and targets[counted["stream"]] == targets[other["stream"]]
    )


def _choose(
    entries: Sequence[Mapping[str, Any]], sensors: Sequence[Mapping[str, Any]], target_kind: str
) -> list[Mapping[str, Any]]:
    """Entries of the first primary scope there is, of one source: named, else counters, else any."""
    named = _named(sensors)
    scopes = [*PRIMARY_SCOPES.get(target_kind, ("module",))]
    scopes += [
        str(entry["scope"])
        for entry in entries
        if entry["stream"] in named and entry["scope"] in WHOLE_DEVICE_SCOPES
    ]
    scopes += PARTIAL_SCOPES.get(target_kind, ())
    for scope in scopes:
        there = [entry for entry in entries if entry["scope"] == scope]
        if there:
            preferred = [entry for entry in there if entry["stream"] in named] or [
                entry for entry in there if entry["kind"] == "counter"
            ]
            source = (preferred or there)[0]["source"]
            of_source = [entry for entry in there if entry["source"] == source]
            return [entry for entry in of_source if entry["stream"] in named] or of_source
    return []
