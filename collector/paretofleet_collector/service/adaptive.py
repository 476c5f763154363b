"""Asks for the later blocks of adaptive sweeps, and stores what was chosen (`jobs/choose` chooses)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.jobs.choose import UNRANKED
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.planning import schedule
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import choices, sweeps

#: After a worker that died or failed the next try waits so long; after so many the block is not chosen.
AFTER_DEATH_S = 5.0
TRIES_MAX = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BlockRequest:
    """A block of a device in a sweep that is to be chosen, and from what."""

    sweep_id: str
    device_id: str
    step: schedule.ChooseBlock


def start(context: Context, request: BlockRequest) -> None:
    """Has the block of `request` chosen in the background, unless that is under way.

    `context` keeps the task; the device asks again meanwhile.
    """
    key = (request.sweep_id, request.device_id)
    if key not in context.choosing:
        task = asyncio.get_running_loop().create_task(_choose(context, request))
        context.choosing[key] = task
        task.add_done_callback(lambda _: context.choosing.pop(key, None))


async def _choose(context: Context, request: BlockRequest) -> None:
    try:
        async with context.neighbours.claimed(f"choose {request.sweep_id} {request.device_id}") as is_own:
            if not is_own:
                return
            answer = await _answer(context, request)
            await context.store.write(lambda connection: _store(connection, request, answer, context.now()))
        context.notices.announce((request.device_id,))
    except CollectorError as error:
        _log.warning(
            "block %d of sweep %s is not chosen yet: %s", request.step.block, request.sweep_id, error
        )
        await asyncio.sleep(AFTER_DEATH_S)


async def _answer(context: Context, request: BlockRequest) -> dict[str, Any]:
    """The worker's choice; after its last failure the block goes to what has not converged.

    Raises NotFound for a deleted sweep.
    """
    block, why = request.step.block, ""
    arguments = {"sweep_id": request.sweep_id, "device_id": request.device_id}
    for number in range(TRIES_MAX):
        await asyncio.sleep(AFTER_DEATH_S if number else 0.0)
        try:
            answer = await context.worker.run("choose", database=context.store.address, **arguments)
        except NotFound:
            raise
        except CollectorError as error:
            why = f"{UNRANKED}: {error}"
            _log.warning("block %d of sweep %s is not chosen yet: %s", block, request.sweep_id, error)
        else:
            return dict(answer)
    return {"block": block, "configuration_ids": None, "why": why}


def _store(connection: sa.Connection, request: BlockRequest, answer: dict[str, Any], now: float) -> None:
    """Keeps the choice and goes on from it; nothing where the block is chosen or begun already."""
    if answer["block"] != request.step.block or sweeps.is_over(connection, request.sweep_id):
        return
    if choices.add(
        connection,
        request.sweep_id,
        request.device_id,
        block=answer["block"],
        configuration_ids=answer["configuration_ids"],
        why=answer["why"],
        now=now,
    ):
        transitions.apply_schedule(connection, request.sweep_id, request.device_id, now)
