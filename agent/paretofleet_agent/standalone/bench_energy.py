"""The energy of a bench: of each run, by the rails that the report would take, and over all runs."""

from __future__ import annotations

from statistics import mean
from typing import Any, Mapping, Sequence

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.energy_sources import why_none
from paretofleet_agent.measure.power_session import SAMPLER_LOST
from paretofleet_agent.power.energy_rails import energy_rails
from paretofleet_agent.power.estimators import POLLING_S
from paretofleet_agent.power.stopping import Samples
from paretofleet_agent.power.window_energy import WindowEnergy, WindowSpan, window_energy
from paretofleet_agent.standalone.bench_statistics import RUNS_MIN, positive_interval

#: What a run has of its energy; `why` says what is lacking, of the energy or of its interval.
KEYS = (
    *("energy_j_per_item", "energy_relative_uncertainty", "energy_gain_uncertainty"),
    *("power_w", "power_scope", "power_source", "energy_why"),
)
NO_READINGS: Samples = ((), ())


def of_run(
    device: DeviceUnderTest,
    alias: str,
    facts: Mapping[str, Any],
    readings: Mapping[str, Samples],
    window: WindowSpan,
    items: int,
) -> dict[str, Any]:
    """The energy of a run's `items` on the target `alias` of the `device`, JSON-ready, or why there is none.

    `facts` are the run's, `readings` those of each stream, `window` is where its iterations were.
    """
    values: dict[str, Any] = dict.fromkeys(KEYS)
    sensors = facts.get("sensors") or ()
    chosen = energy_rails(sensors, alias, facts["target_id"])
    speaking = [sensor for sensor in sensors if sensor["stream"] in chosen.streams]
    if not speaking:
        return dict(values, energy_why=why_none(device, chosen, alias))
    values.update(power_scope=chosen.scope, power_source=chosen.source)
    if SAMPLER_LOST in facts["flags"]:
        return dict(values, energy_why="the sampler died in this run: measure again")
    energies = [
        window_energy(sensor, readings.get(sensor["stream"], NO_READINGS), window, POLLING_S)
        for sensor in speaking
    ]
    joules = [energy.energy_j for energy in energies if energy.energy_j is not None]
    off = [energy.relative_uncertainty for energy in energies if energy.relative_uncertainty is not None]
    gains = [sensor.get("gain_relative_uncertainty") for sensor in speaking]
    is_whole = len(joules) == len(energies)
    values.update(
        energy_j_per_item=sum(joules) / items if is_whole else None,
        power_w=sum(joules) / window.seconds if is_whole else None,
        energy_relative_uncertainty=max(off) if len(off) == len(energies) else None,
        energy_gain_uncertainty=None if None in gains else max(gains),
        energy_why=_why(energies),
    )
    return values


def total(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The energy over all `runs`, values of `of_run`: their mean with its 95 % interval, or why it has none.

    The interval of a single run is its own uncertainty; of several it is that of their mean.
    """
    first, energies = runs[0], [run["energy_j_per_item"] for run in runs]
    values = {key: first[key] for key in ("energy_gain_uncertainty", "power_scope", "power_source")}
    why = next((run["energy_why"] for run in runs if run["energy_why"]), None)
    values.update(energy_j_per_item=None, energy_j_per_item_interval=None, energy_why=why)
    if None in energies:
        values["energy_why"] = next(run["energy_why"] for run in runs if run["energy_j_per_item"] is None)
        return values
    values["energy_j_per_item"] = mean(energies)
    if why is not None:
        return values
    if len(runs) == 1:
        off = first["energy_relative_uncertainty"]
        if off < 1:
            values["energy_j_per_item_interval"] = [energies[0] * (1 - off), energies[0] * (1 + off)]
        else:
            values["energy_why"] = "it may be off by as much as it is: measure longer"
    elif len(runs) >= RUNS_MIN:
        values["energy_j_per_item_interval"] = positive_interval(energies, mean(energies))
        if values["energy_j_per_item_interval"] is None:
            values["energy_why"] = "a run's energy is not positive"
    else:
        values["energy_why"] = f"an interval over runs needs {RUNS_MIN} of them"
    return values


def texts_of(values: Mapping[str, Any]) -> tuple[str, str]:
    """The energy in the `values` of `total` as a table shows it, and the text behind it."""
    energy_j, interval = values["energy_j_per_item"], values["energy_j_per_item_interval"]
    if energy_j is None:
        return "-", f"mJ   none: {values['energy_why']}"
    gain = values["energy_gain_uncertainty"]
    off = "unknown" if gain is None else f"uncertain by {100 * gain:.3g} %"
    by = f"an item; {values['power_scope']}, by {values['power_source']}, whose gain is {off}"
    shown = f"{energy_j * 1e3:.3f}"
    if interval is None:
        return shown, f"mJ   {by}; no interval: {values['energy_why']}"
    return shown, f"mJ   95 %: {interval[0] * 1e3:.3f} to {interval[1] * 1e3:.3f}   {by}"


def _why(energies: Sequence[WindowEnergy]) -> str | None:
    """What is lacking: first what costs the energy, then what costs its interval."""
    lacking = [energy for energy in energies if energy.why is not None]
    lacking.sort(key=lambda energy: energy.energy_j is not None)
    if not lacking:
        return None
    needed_s = lacking[0].needed_s
    fix = "" if needed_s is None else f": measure longer, with --window-s {needed_s:g}"
    return f"{lacking[0].why}{fix}"
