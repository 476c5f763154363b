"""Chooses what the later blocks of an adaptive sweep hold, by the ranking of what is sealed so far.

It only reads; the collector stores the answer as a choice, from which the schedule then goes on. The same
report gives the same choice: everything drawn comes from the seed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.planning import schedule
from paretofleet_collector.store import sweeps
from paretofleet_collector.store.engine import reading

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.allocation import RunAllocation

UNRANKED = "not ranked, so what has not converged goes on"
_SEEDS = 2**63


def choose_block(allocation: RunAllocation, able: Collection[str], block: int) -> schedule.BlockChoice:
    """What a `block` of a device holds, whose configurations `able` may still run, by the `allocation`.

    Empty where every verdict of the ranking is given, or where none that could change it may run here.
    """
    by = f"by {', '.join(allocation.objectives)}"
    count, compared = len(allocation.undecided), len(allocation.compared)
    if not count:
        return schedule.BlockChoice((), block, f"all {compared} configurations are decided {by}")
    chosen = tuple(each for each in able if each in allocation.runs)
    if not set(chosen) & set(allocation.undecided):
        chosen = tuple(each for each in able if each in allocation.undecided) or chosen
    undecided = f"{count} of {compared} configurations {'is' if count == 1 else 'are'} undecided"
    if not chosen:
        return schedule.BlockChoice((), block, f"{undecided} {by}, and more runs here would not tell")
    return schedule.BlockChoice(chosen, block, f"{undecided} {by}")


def choose(database: str, sweep_id: str, device_id: str) -> dict[str, Any]:
    """The choice for the next block of the device `device_id` in the sweep `sweep_id`, as a JSON object.

    `database` is the path of the file. Where nothing can be compared (fewer than 3 runs, fewer than 2
    configurations, ...) the block is left to the rule of sweeps that are not adaptive, and the reason says
    so. Raises NotFound for a deleted sweep.
    """
    # The ranking is loaded for choices alone: sealing has such a process too, and does without it.
    from paretofleet_analysis.errors import RankError
    from paretofleet_analysis.ranking.allocation import allocate_runs
    from paretofleet_analysis.report.rows import build_report

    from paretofleet_collector.jobs.report import report_inputs

    with reading(database) as connection:
        repeats = sweeps.find(connection, sweep_id).repeats
        step = transitions.next_step(connection, sweep_id, device_id, repeats, float("-inf"))
        inputs = report_inputs(connection, sweep_id)
    if not isinstance(step, schedule.ChooseBlock) or repeats.adaptive is None:
        return {"block": 0, "configuration_ids": None, "why": ""}
    able = step.configuration_ids
    try:
        allocation = allocate_runs(
            build_report(inputs),
            use=repeats.adaptive,
            budget=len(able),
            seed=(repeats.seed + step.block) % _SEEDS,
        )
        choice = choose_block(allocation, able, step.block)
    except RankError as error:
        choice = schedule.BlockChoice(None, step.block, f"{UNRANKED}: {error}")
    return {"block": choice.block, "configuration_ids": choice.configuration_ids, "why": choice.why}
