"""What the command asks for about sweeps that are there: list, show, cancel, retry, delete."""

from __future__ import annotations

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.lifecycle import cancelling
from paretofleet_collector.lifecycle.notes import notes
from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.views import Deleted, SweepDetail, SweepView
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import progress, sealed, sweeps


async def list_sweeps(context: Context) -> list[SweepView]:
    """Every sweep in `context`, the oldest first."""
    return [SweepView.of(sweep) for sweep in await context.store.read(sweeps.listing)]


async def show(context: Context, name: str) -> SweepDetail:
    """The sweep in `context` with a `name` or an id, with its configurations; raises NotFound."""

    def work(connection: sa.Connection) -> SweepDetail:
        sweep = sweeps.find(connection, name)
        view = SweepView.of(sweep, notes(connection, sweep, context.now()))
        states = progress.configuration_states(connection, sweep.sweep_id)
        return SweepDetail(view, states, sweep.spec_json)

    return await context.store.read(work)


async def cancel(context: Context, name: str) -> SweepView:
    """Cancels what has not ended of the sweep in `context` with a `name` or an id.

    What is uploaded is still sealed. Agents hear of it at their next word. Raises NotFound, and Refused for a
    sweep that is over in another way.
    """

    def work(connection: sa.Connection) -> SweepView:
        sweep, now = sweeps.find(connection, name), context.now()
        if sweep.state in SWEEP_FINAL:
            if sweep.state == "cancelled":
                return SweepView.of(sweep)
            raise Refused(
                f"Sweep '{sweep.name}' is {sweep.state.replace('_', ' ')}; there is nothing to cancel."
            )
        cancelling.cancel_sweep_runs(connection, sweep.sweep_id, now)
        return SweepView.of(sweeps.find(connection, sweep.sweep_id))

    return await context.store.write(work)


async def retry(context: Context, name: str) -> SweepView:
    """Makes failed, skipped and cancelled runs pending again, with fresh attempts; not of removed devices.

    Of the sweep in `context` with a `name` or an id; raises NotFound, and Refused where there is no such run.
    """

    def work(connection: sa.Connection) -> SweepView:
        sweep = sweeps.find(connection, name)
        if not cancelling.retry_sweep_runs(connection, sweep.sweep_id):
            raise Refused(
                f"Sweep '{sweep.name}' has no failed, skipped or cancelled run to try again on a device that "
                "was not removed."
            )
        return SweepView.of(sweeps.find(connection, sweep.sweep_id))

    return await context.store.write(work)


async def delete(context: Context, name: str) -> Deleted:
    """Deletes the sweep in `context` with a `name` or an id, with its runs and samples.

    Raises NotFound, and Refused for a sweep that is not over.
    """

    def work(connection: sa.Connection) -> tuple[int, list[str]]:
        sweep = sweeps.find(connection, name)
        if sweep.state not in SWEEP_FINAL:
            raise Refused(
                f"Sweep '{sweep.name}' is still {sweep.state}; cancel it first with "
                f"`paretofleet sweep cancel {sweep.name}`."
            )
        paths = [file.path for file in sealed.files(connection, sweep.sweep_id)]
        sweeps.delete(connection, sweep.sweep_id)
        return sweep.runs, paths

    count, paths = await context.store.write(work)
    for path in paths:
        context.lake.remove(path)
    return Deleted(count, len(paths))
