"""The next block of a device whose history is long: worked out beside the writer, added in slices."""

from __future__ import annotations

import asyncio
from functools import partial

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.planning import schedule
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import assignments, runs, sweeps


async def settle(context: Context, sweep_id: str, device_id: str) -> schedule.Step | None:
    """Applies in `context` what follows from the whole history of the device `device_id` in `sweep_id`.

    Returns the step that is left to be taken (ChooseBlock), or None. Whoever comes while it is under way
    waits for it with the first.
    """
    key = (sweep_id, device_id)
    task = context.settling.get(key)
    if task is None:
        task = asyncio.get_running_loop().create_task(_settle(context, sweep_id, device_id))
        context.settling[key] = task
        task.add_done_callback(lambda _: context.settling.pop(key, None))
    return await asyncio.shield(task)


async def settle_if_due(context: Context, sweep_id: str, device_id: str) -> None:
    """Settles the part of the device `device_id` in `sweep_id` in `context` if its last run has ended."""
    if await context.store.read(lambda connection: transitions.is_block_due(connection, sweep_id, device_id)):
        await settle(context, sweep_id, device_id)


def _work_of(sweep_id: str, device_id: str) -> str:
    """What a collector claims that settles a part of a sweep."""
    return f"settle {sweep_id} {device_id}"


async def _settle(context: Context, sweep_id: str, device_id: str) -> schedule.Step | None:
    async with context.neighbours.claimed(_work_of(sweep_id, device_id), waits=True):
        return await _settle_alone(context, sweep_id, device_id)


async def _settle_alone(context: Context, sweep_id: str, device_id: str) -> schedule.Step | None:
    def drop(connection: sa.Connection) -> bool:
        if not context.neighbours.holds(connection, _work_of(sweep_id, device_id)):
            return False
        blocks = assignments.blocks(connection, sweep_id, device_id)
        return blocks is not None and runs.drop_half_block(connection, sweep_id, device_id, blocks)

    await context.store.write_slices(drop)
    step = await context.store.read(lambda connection: _step(connection, sweep_id, device_id, context.now()))
    if isinstance(step, schedule.Done):
        await context.store.write(
            lambda connection: transitions.end_assignment(connection, sweep_id, device_id, context.now())
        )
    elif isinstance(step, schedule.AddBlock):
        await _add(context, sweep_id, device_id, step)
    return step if isinstance(step, schedule.ChooseBlock) else None


def _step(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> schedule.Step | None:
    """The step after the last block; None where there is a run to make first, or all has ended."""
    if not transitions.is_idle(connection, sweep_id, device_id):
        return None
    step = transitions.next_step(connection, sweep_id, device_id, sweeps.repeats(connection, sweep_id), now)
    adds = isinstance(step, schedule.AddBlock | schedule.ChooseBlock)
    return schedule.Done() if adds and transitions.gets_no_more(connection, sweep_id, device_id) else step


async def _add(context: Context, sweep_id: str, device_id: str, step: schedule.AddBlock) -> None:
    """Adds the block; until its last run is there, none is granted."""

    def is_next(connection: sa.Connection) -> bool:
        if not context.neighbours.holds(connection, _work_of(sweep_id, device_id)):
            return False
        blocks = assignments.blocks(connection, sweep_id, device_id)
        return blocks == step.block - 1 and not transitions.gets_no_more(connection, sweep_id, device_id)

    def add(connection: sa.Connection, part: list[runs.NewRun], is_last: bool) -> bool:
        if not is_next(connection):
            return False
        runs.append(connection, sweep_id, part, context.now())
        if is_last:
            assignments.add_block(connection, sweep_id, device_id, step.block)
            transitions.skip_after_block(connection, sweep_id, device_id, context.now())
        return True

    repeats = await context.store.read(lambda connection: sweeps.repeats(connection, sweep_id))
    further = transitions.further_runs(step, device_id, repeats.seed)
    for start in range(0, len(further), runs.SLICE_RUNS):
        end = start + runs.SLICE_RUNS
        part, is_last = further[start:end], end >= len(further)
        if not await context.store.write(partial(add, part=part, is_last=is_last)):
            return
