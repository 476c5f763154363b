"""Every flag that a run, a rail or a row can have: who sets it, what it says, and what it bids you doubt.

A flag qualifies a result and never deletes it. The agent sets its flags by itself; a test holds this table
against all that the code can set, and `docs/reference/flags.md` is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

AGENT, COLLECTOR, ANALYSIS = "agent", "collector", "analysis"


@dataclass(frozen=True)
class Flag:
    """What one flag says, in one sentence, and what follows.

    `set_by`: the agent, the collector or the analysis. `effect`: the numbers to be read with care. `nulls`:
    what it makes null, "" for nothing. `sets_aside`: a run with it does not count.
    """

    set_by: tuple[str, ...]
    effect: Literal["time", "energy", "both", "none"]
    meaning: str
    nulls: str = ""
    sets_aside: bool = False


#: By name, in the order of a reader's questions: may I trust the times, then the energies, then the sensor.
FLAGS: Mapping[str, Flag] = {
    "short_protocol": Flag((AGENT,), "both", "A first look: `quick` does not wait for a steady device."),
    "published_value": Flag(
        (ANALYSIS,),
        "both",
        "Imported from a table of others: each value is one figure of an unknown number of runs.",
    ),
    "accuracy_at_chance": Flag(
        (ANALYSIS,),
        "none",
        "The model was right no more often than one that always says the commonest class: labels or "
        "pre-processing are probably wrong.",
    ),
    "not_converged": Flag(
        (COLLECTOR,), "time", "The most runs were made, and the interval is still wider than asked for."
    ),
    "within_one_boot": Flag(
        (COLLECTOR,), "both", "Several boots were asked for, and all runs of the row are of one."
    ),
    "within_one_day": Flag(
        (COLLECTOR,), "both", "Several days were asked for, and all runs of the row are of one."
    ),
    "contaminated": Flag(
        (AGENT,),
        "both",
        "Another program took more than 3 % of the runner's CPU time (of one CPU's, where the runner rests "
        "between items), or computed on its GPU; with `short_protocol` the run counts all the same.",
        sets_aside=True,
    ),
    "no_measured_iterations": Flag(
        (ANALYSIS,), "both", "No iteration began in the measured window.", nulls="all values", sets_aside=True
    ),
    "warmup_not_steady": Flag((AGENT,), "time", "The window began before the times were steady."),
    "time_limited": Flag(
        (AGENT,), "time", "Warm-up or window are shorter than the protocol asks for, to fit the time limit."
    ),
    "warming": Flag((ANALYSIS,), "time", "The run was first slower than at its end, then steady."),
    "slowing": Flag((ANALYSIS,), "time", "The run was first faster than at its end, then steady."),
    "no_steady": Flag((ANALYSIS,), "time", "The run's level changed within its window and never settled."),
    "pace_not_kept": Flag(
        (ANALYSIS,),
        "both",
        "Items came faster than the device works, or it stood still for more than a second: "
        "`throughput_items_s` is the rate that it kept.",
        nulls="latencies, energy of an item",
    ),
    "pace_matters": Flag(
        (ANALYSIS,),
        "both",
        "In a ranking with `--rate`: what was measured at that rate differs from what follows from the runs "
        "without a break by more than both may be off.",
    ),
    "started_warm": Flag(
        (AGENT,), "both", "Waiting did not bring the device to within 2 °C of the sweep's first run."
    ),
    "thermally_limited": Flag(
        (AGENT, ANALYSIS),
        "both",
        "Heat held the clocks back: by the driver, or as they fell while it slowed.",
    ),
    "power_capped": Flag((AGENT,), "both", "The GPU's power limit or its supply held the clocks back."),
    "frequency_capped": Flag((AGENT,), "both", "The firmware of a Raspberry Pi held the processor back."),
    "under_voltage": Flag((AGENT,), "both", "The supply of a Raspberry Pi fell below its voltage."),
    "swapped": Flag((AGENT,), "both", "Memory was swapped during the run."),
    "cpu_quota_reached": Flag((AGENT,), "both", "A quota of CPU time stopped the processes."),
    "shares_sampler_cpu": Flag(
        (AGENT,), "both", "The run was given every CPU, so that the sampler of its power took one from it."
    ),
    "no_work": Flag(
        (AGENT, ANALYSIS),
        "both",
        "The model does not do its work: its outputs stay the same whatever it is fed, or it is faster "
        "than its multiply-accumulates could ever be on its CPUs; `rank` leaves it out.",
    ),
    "reference_not_checked": Flag(
        (AGENT,),
        "none",
        "Outputs, or some of them, could not be held against the reference; why stands in the facts.",
    ),
    "effective_differs": Flag(
        (ANALYSIS,),
        "none",
        "The runs of the row do not agree on what was in force.",
        nulls="the `effective_` column at issue",
    ),
    "energy_not_covered": Flag(
        (ANALYSIS,),
        "energy",
        "The sensor's readings began after the window did, ended before it, or have gaps in it.",
        nulls="energy",
    ),
    "counter_reset": Flag(
        (ANALYSIS,),
        "energy",
        "The energy counter started anew in the run: it fell, or rose by more than can have been drawn.",
        nulls="energy",
    ),
    "sensor_frozen": Flag(
        (ANALYSIS,), "energy", "The sensor stood still while the target worked.", nulls="energy"
    ),
    "sensor_too_slow": Flag(
        (ANALYSIS,), "energy", "The sensor refreshes too seldom for a window of this length.", nulls="energy"
    ),
    "pauses_unknown": Flag(
        (ANALYSIS,),
        "energy",
        "What the pauses after the iterations drew is unknown, or not below the energy of the whole window.",
        nulls="energy",
    ),
    "implausible_power": Flag(
        (ANALYSIS,),
        "energy",
        "The sensor says more than the target can draw (its enforced limit, its board's most), a chip more "
        "than its card, or a sensor says nothing.",
        nulls="energy",
    ),
    "counters_alike": Flag(
        (ANALYSIS,),
        "energy",
        "Counters that would be added up move together, reading by reading: one is read twice.",
        nulls="the sum; each has its own value in the column `energy`",
    ),
    "sensor_missing": Flag(
        (AGENT, ANALYSIS),
        "energy",
        "A sensor was not there in this run, or there and could not be used, as where permission is denied.",
        nulls="energy of that sensor, and every sum that it is a part of",
    ),
    "meter_shared": Flag(
        (COLLECTOR,), "energy", "Another device names the same external meter.", nulls="energy of the meter"
    ),
    "power_ambiguous": Flag(
        (ANALYSIS,),
        "energy",
        "Several sensors could speak for the target, and none is the total.",
        nulls="energy",
    ),
    "mixed_power_scope": Flag(
        (ANALYSIS,), "energy", "The runs of the row do not agree on scope or source.", nulls="energy"
    ),
    "aliasing_possible": Flag(
        (ANALYSIS,),
        "energy",
        "The sensor looked at the same part of every iteration.",
        nulls="uncertainty of the energy",
    ),
    "energy_not_converged": Flag(
        (AGENT, ANALYSIS), "energy", "The energy is known to worse than 2 %, or by fewer than 7 readings."
    ),
    "process_variance": Flag(
        (ANALYSIS,), "energy", "The energies of runs differ by more than each may be off."
    ),
    "counter_integral_mismatch": Flag(
        (AGENT, ANALYSIS), "energy", "A counter and the power beside it differ by more than 3 %."
    ),
    "idle_power_drift": Flag(
        (ANALYSIS,), "energy", "The device idled lower with the model loaded: it was not at rest before."
    ),
    "phase_spread": Flag(
        (AGENT,), "energy", "There were pauses after the iterations; their idle energy is taken out again."
    ),
    "sensor_failing": Flag((AGENT,), "energy", "More than 1 % of a sensor's reads failed."),
    "sampler_slow": Flag((AGENT,), "energy", "A sensor was read less often than it says."),
    "sampler_lost": Flag(
        (AGENT,),
        "energy",
        "The sampler ended before the run did, or hung: `sampler_lost` in the facts names what it read.",
    ),
    "power_polled": Flag(
        (AGENT,), "energy", "`tegrastats` or another monitor polled the same sensors during the run."
    ),
    "constant": Flag((AGENT,), "none", "Of a sensor at the agent's start: its readings never changed."),
    "few_changes": Flag(
        (AGENT,), "none", "Of a sensor at the agent's start: it changed too seldom to tell a period."
    ),
    "irregular_refresh": Flag(
        (AGENT,), "none", "Of a sensor at the agent's start: its refreshes keep no rhythm."
    ),
}
