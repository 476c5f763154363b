"""Which power sensor speaks for a run's target, and whether two of one source agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretofleet_analysis.runs.energy_uncertainty import disagree
from paretofleet_analysis.runs.power import ALIASING, DRIFT, NOT_CONVERGED, NOT_COVERED

#: The scope whose energy is a target's own, by kind of target, best first. An APU is a package with its GPU.
PRIMARY_SCOPES: Mapping[str, Sequence[str]] = {
    "cpu": ("package", "module", "apu"),
    "cuda": ("gpu-board", "module"),
}
#: Scopes that hold every target of a device: a primary scope where the sensor's facts name it as one. A
#: battery is read only while it carries the whole device.
WHOLE_DEVICE_SCOPES = ("module", "module+carrier", "usb-input", "wall", "battery")
MISMATCH, AMBIGUOUS = "counter_integral_mismatch", "power_ambiguous"
#: Flags of one sensor that are the run's only where that sensor speaks for the target.
OF_PRIMARY = (NOT_CONVERGED, ALIASING, NOT_COVERED, DRIFT)


def primary_of(
    entries: list[dict[str, Any]],
    sensors: Sequence[Mapping[str, Any]],
    target_kind: str,
    flags: set[str],
    target_id: str | None = None,
) -> dict[str, Any]:
    """The target's own energy: the primary rails of its scope, which add up; boards never do.

    Rails of another target than `target_id`, such as a second GPU, are never its own. A rail that is missing
    is still the one that would speak: what it would say is null, and no other rail's word is taken for it.
    """
    result: dict[str, Any] = dict.fromkeys(
        ("power_w", "energy_j_per_item", "power_scope", "power_source", "idle_power_w")
    )
    result |= dict.fromkeys(("energy_relative_uncertainty", "energy_gain_uncertainty"))
    others = {sensor.get("stream") for sensor in sensors if _is_of_another(sensor, target_id)}
    chosen = _choose([entry for entry in entries if entry["stream"] not in others], sensors, target_kind)
    speaking = [entry["stream"] for entry in chosen or entries]
    for entry in entries:
        speaks = entry["stream"] in speaking
        flags.update(flag for flag in entry["flags"] if speaks or flag not in OF_PRIMARY)
    if _mismatched(entries, sensors):
        flags.add(MISMATCH)
    if not chosen:
        return result
    named = {sensor.get("stream") for sensor in sensors if sensor.get("primary")}
    adds_up = chosen[0]["scope"] != "gpu-board" and all(entry["stream"] in named for entry in chosen)
    if len(chosen) > 1 and not adds_up:
        flags.add(AMBIGUOUS)
        return result
    for entry in chosen:
        entry["primary"] = True
    result["power_scope"], result["power_source"] = chosen[0]["scope"], chosen[0]["source"]
    for key in ("power_w", "energy_j_per_item", "idle_power_w"):
        values = [entry[key] for entry in chosen]
        result[key] = None if None in values else sum(values)
    for key in ("relative_uncertainty", "gain_uncertainty"):
        values = [entry[key] for entry in chosen]
        result[f"energy_{key}"] = None if None in values else max(values)
    return result


def _is_of_another(sensor: Mapping[str, Any], target_id: str | None) -> bool:
    return target_id is not None and sensor.get("target_id") not in (None, target_id)


def _mismatched(entries: Sequence[dict[str, Any]], sensors: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a counter differs from the integral of power that its source gives of the same target."""
    targets = {sensor.get("stream"): sensor.get("target_id") for sensor in sensors}
    known = [entry for entry in entries if entry["energy_j"]]
    return any(
        disagree(
            counted["energy_j"],
            other["energy_j"],
            counted["relative_uncertainty"],
            other["relative_uncertainty"],
        )
        for counted in known
        for other in known
        if counted["kind"] == "counter" != other["kind"]
        and ALIASING not in other["flags"]
        and (counted["source"], counted["scope"]) == (other["source"], other["scope"])
        and targets[counted["stream"]] == targets[other["stream"]]
    )


def _choose(
    entries: list[dict[str, Any]], sensors: Sequence[Mapping[str, Any]], target_kind: str
) -> list[dict[str, Any]]:
    """Entries of the first primary scope there is, of one source: named, else counters, else any."""
    named = {str(sensor.get("stream")) for sensor in sensors if sensor.get("primary")}
    scopes = [*PRIMARY_SCOPES.get(target_kind, ("module",))]
    scopes += [
        str(entry["scope"])
        for entry in entries
        if entry["stream"] in named and entry["scope"] in WHOLE_DEVICE_SCOPES
    ]
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
