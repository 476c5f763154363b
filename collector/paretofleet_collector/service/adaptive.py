"""Chooses what the later blocks of an adaptive sweep hold, by the ranking of what is sealed so far.

`choose` runs in the worker process and only reads; the collector stores its answer as a choice, from which
the schedule then goes on. The same report gives the same choice: everything drawn comes from the seed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.planning import schedule
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import choices, sweeps
from paretofleet_collector.store.engine import open_engine

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.allocation import Further

#: After a worker that died or failed the next try waits so long; after so many the block is not chosen.
AFTER_DEATH_S = 5.0
TRIES_MAX = 3
UNRANKED = "not ranked, so what has not converged goes on"
_SEEDS = 2**63
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """A block of a device in a sweep that is to be chosen, and from what."""

    sweep_id: str
    device_id: str
    step: schedule.ChooseBlock


def block_of(further: Further, able: Collection[str], block: int) -> schedule.BlockChoice:
    """The next block of a device whose configurations `able` may still run.

    Empty where every verdict of the ranking is given, or where none that could change one may run here.
    """
    by = f"by {', '.join(further.objectives)}"
    count = len(further.undecided)
    if not count:
        return schedule.BlockChoice((), block, f"all {len(further.compared)} configurations are decided {by}")
    chosen = tuple(one for one in able if one in further.runs)
    if not set(chosen) & set(further.undecided):
        chosen = tuple(one for one in able if one in further.undecided) or chosen
    open_ones = f"{count} of {len(further.compared)} configurations {'is' if count == 1 else 'are'} undecided"
    if not chosen:
        return schedule.BlockChoice((), block, f"{open_ones} {by}, and more runs here would not tell")
    return schedule.BlockChoice(chosen, block, f"{open_ones} {by}")


def choose(database: str, sweep_id: str, device_id: str) -> dict[str, Any]:
    """The choice for the next block of a device as a JSON object; for the worker process.

    Where nothing can be compared (fewer than 3 runs, fewer than 2 configurations, ...) the block is left to
    the rule of sweeps that are not adaptive, and the reason says so. Raises NotFound for a deleted sweep.
    """
    from paretofleet_analysis.errors import RankError
    from paretofleet_analysis.ranking.allocation import further_runs
    from paretofleet_analysis.report import files

    from paretofleet_collector.jobs.report import report_inputs

    engine = open_engine(Path(database), writes=False)
    try:
        with engine.begin() as connection:
            repeats = sweeps.find(connection, sweep_id).repeats
            step = transitions.next_step(connection, sweep_id, device_id, repeats, float("-inf"))
            inputs = report_inputs(connection, sweep_id)
    finally:
        engine.dispose()
    if not isinstance(step, schedule.ChooseBlock) or repeats.adaptive is None:
        return {"block": 0, "configuration_ids": None, "why": ""}
    able = step.configuration_ids
    try:
        further = further_runs(
            files.build(inputs),
            use=repeats.adaptive,
            budget=len(able),
            seed=(repeats.seed + step.block) % _SEEDS,
        )
        choice = block_of(further, able, step.block)
    except RankError as error:
        choice = schedule.BlockChoice(None, step.block, f"{UNRANKED}: {error}")
    return {"block": choice.block, "configuration_ids": choice.configuration_ids, "why": choice.why}


def start(context: Context, wanted: Wanted) -> None:
    """Has a block chosen in the background, unless that is under way. The device asks again meanwhile."""
    key = (wanted.sweep_id, wanted.device_id)
    if key not in context.choosing:
        task = asyncio.get_running_loop().create_task(_choose(context, wanted))
        context.choosing[key] = task
        task.add_done_callback(lambda _: context.choosing.pop(key, None))


async def _choose(context: Context, wanted: Wanted) -> None:
    try:
        found = await _found(context, wanted)
        await context.store.write(lambda connection: _store(connection, wanted, found, context.now()))
    except CollectorError as error:
        _log.warning("block %d of sweep %s is not chosen yet: %s", wanted.step.block, wanted.sweep_id, error)
        await asyncio.sleep(AFTER_DEATH_S)


async def _found(context: Context, wanted: Wanted) -> dict[str, Any]:
    """The worker's choice; after its last failure the block goes to what has not converged.

    Raises NotFound for a deleted sweep.
    """
    block, why = wanted.step.block, ""
    arguments = {"sweep_id": wanted.sweep_id, "device_id": wanted.device_id}
    for number in range(TRIES_MAX):
        await asyncio.sleep(AFTER_DEATH_S if number else 0.0)
        try:
            found = await context.heavy.run("choose", database=str(context.store.path), **arguments)
        except NotFound:
            raise
        except CollectorError as error:
            why = f"{UNRANKED}: {error}"
            _log.warning("block %d of sweep %s is not chosen yet: %s", block, wanted.sweep_id, error)
        else:
            return dict(found)
    return {"block": block, "configuration_ids": None, "why": why}


def _store(connection: sa.Connection, wanted: Wanted, found: dict[str, Any], now: float) -> None:
    """Keeps the choice and goes on from it; nothing where the block is chosen or begun already."""
    if found["block"] != wanted.step.block or sweeps.is_over(connection, wanted.sweep_id):
        return
    if choices.add(
        connection,
        wanted.sweep_id,
        wanted.device_id,
        block=found["block"],
        configuration_ids=found["configuration_ids"],
        why=found["why"],
        now=now,
    ):
        transitions.settle(connection, wanted.sweep_id, wanted.device_id, now)
