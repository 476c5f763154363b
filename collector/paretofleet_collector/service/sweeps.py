"""What is done with sweeps that are there: list, show, cancel, pause, resume, skip, retry, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from typing import TypeVar

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.lifecycle import cancelling
from paretofleet_collector.lifecycle.notes import notes, paused_since
from paretofleet_collector.model.entities import SWEEP_FINAL, SWEEP_STATES, Sweep
from paretofleet_collector.model.views import Deleted, SweepDetail, SweepView
from paretofleet_collector.service import unfinished
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import assignments, devices, progress, sweeps
from paretofleet_collector.suggest import did_you_mean

T = TypeVar("T")


async def list_sweeps(
    context: Context, states: Collection[str] = (), labels: Collection[str] = (), last: int | None = None
) -> list[SweepView]:
    """Every sweep in `context`, the oldest first.

    Only those in one of `states`, with all of `labels`, and of these the `last` so many. Raises Refused for a
    state that is none.
    """
    for state in states:
        if state not in SWEEP_STATES:
            raise Refused(f"'{state}' is no state of a sweep; {did_you_mean(state, SWEEP_STATES)}")
    found = await context.store.read(lambda connection: sweeps.listing(connection, states, labels, last))
    return [SweepView.of(sweep) for sweep in found]


def view_of(context: Context, connection: sa.Connection, sweep: Sweep) -> SweepView:
    """The view of a `sweep` in `context`, by its `connection`: with who waits for what, and why nothing is
    stored now.
    """
    fault = "" if sweep.state in SWEEP_FINAL else context.write_fault()
    waits = notes(connection, sweep, context.now(), context.offline_after_s)
    return SweepView.of(sweep, (f"nothing is measured now: {fault}", *waits) if fault else waits)


async def show(context: Context, name: str) -> SweepDetail:
    """The sweep in `context` with a `name` or an id, with its configurations; raises NotFound."""

    def work(connection: sa.Connection) -> SweepDetail:
        sweep = sweeps.find(connection, name)
        view = view_of(context, connection, sweep)
        states = progress.configuration_states(connection, sweep.sweep_id)
        return SweepDetail(view, states, sweep.spec_json)

    return await context.store.read(work)


async def cancel(context: Context, name: str) -> SweepView:
    """Cancels what has not ended of the sweep in `context` with a `name` or an id.

    What is uploaded is still sealed. Agents hear of it at their next word. Raises NotFound, and Refused for a
    sweep that is over in another way.
    """

    def work(connection: sa.Connection) -> str:
        sweep = sweeps.find(connection, name)
        if sweep.state in SWEEP_FINAL and sweep.state != "cancelled":
            raise Refused(
                f"Sweep '{sweep.name}' is {sweep.state.replace('_', ' ')}; there is nothing to cancel."
            )
        sweeps.set_state(connection, sweep.sweep_id, "cancelled", context.now())
        return sweep.sweep_id

    sweep_id = await context.store.write(work)
    await _finish(context, unfinished.cancel_runs(context, sweep_id))
    return await _changed(context, sweep_id)


async def pause(context: Context, name: str, person: str = "") -> SweepView:
    """Has nothing further of the sweep in `context` with a `name` or an id begun; what runs is finished.

    A `person` asks for it, the local command where that is empty. Raises NotFound, and Refused for a sweep
    that is paused already or over.
    """

    def work(connection: sa.Connection) -> str:
        sweep = sweeps.find(connection, name)
        if sweep.paused_unix_s is not None:
            raise Refused(f"Sweep '{sweep.name}' is {paused_since(sweep)} already.")
        if not sweeps.pause(connection, sweep.sweep_id, person, context.now()):
            raise Refused(
                f"Sweep '{sweep.name}' is {sweep.state.replace('_', ' ')}; there is nothing to pause."
            )
        return sweep.sweep_id

    return await _changed(context, await context.store.write(work))


async def resume(context: Context, name: str) -> SweepView:
    """Lets the paused sweep in `context` with a `name` or an id go on.

    Raises NotFound, and Refused for one that is not paused.
    """

    def work(connection: sa.Connection) -> str:
        sweep = sweeps.find(connection, name)
        if not sweeps.resume(connection, sweep.sweep_id):
            state = sweep.state.replace("_", " ")
            how = "it goes on by itself" if sweep.state not in SWEEP_FINAL else "there is nothing to resume"
            raise Refused(f"Sweep '{sweep.name}' is {state}, not paused; {how}.")
        return sweep.sweep_id

    return await _changed(context, await context.store.write(work))


async def skip(context: Context, name: str, device_name: str) -> SweepView:
    """Skips what has not ended of the part of a device in the sweep in `context` with a `name` or an id.

    What is uploaded is still sealed; `retry` takes the rest up again. The device is that of `device_name` or
    an id. Raises NotFound, and Refused where the device has nothing left there.
    """

    def work(connection: sa.Connection) -> tuple[str, str]:
        sweep = sweeps.find(connection, name)
        device = devices.find(connection, device_name, context.now(), context.offline_after_s)
        is_over = sweep.state in SWEEP_FINAL
        if is_over or not assignments.skip(connection, sweep.sweep_id, device.device_id):
            raise Refused(
                f"{device.name} has nothing left in sweep '{sweep.name}'; "
                f"`paretofleet devices show {device.name}` shows what it works on."
            )
        return sweep.sweep_id, device.device_id

    sweep_id, device_id = await context.store.write(work)
    await _finish(context, unfinished.skip_runs(context, sweep_id, device_id))
    return await _changed(context, sweep_id)


async def _changed(context: Context, sweep_id: str) -> SweepView:
    """The sweep as it is after a change, of which its devices hear."""
    await _announce(context, sweep_id)
    return SweepView.of(await context.store.read(lambda connection: sweeps.find(connection, sweep_id)))


async def _announce(context: Context, sweep_id: str) -> None:
    """Tells the devices of a sweep that what they wait for may have changed."""
    context.notices.announce(
        await context.store.read(lambda connection: assignments.devices_of(connection, sweep_id))
    )


async def _finish(context: Context, work: Awaitable[T]) -> T:
    """Awaits what is done in slices; what a lost call leaves of it is done in the background."""
    try:
        return await work
    except BaseException:
        context.wake_unfinished()
        raise


async def retry(context: Context, name: str) -> SweepView:
    """Makes failed, skipped and cancelled runs pending again, with fresh attempts; not of removed devices.

    Of the sweep in `context` with a `name` or an id; raises NotFound, and Refused where there is no such run.
    """
    sweep = await context.store.read(lambda connection: sweeps.find(connection, name))
    count = 0

    def work(connection: sa.Connection) -> bool:
        nonlocal count
        is_more = cancelling.retry_sweep_runs(connection, sweep.sweep_id)
        count += is_more
        return is_more

    await context.store.write_slices(work)
    if not count:
        raise Refused(
            f"Sweep '{sweep.name}' has no failed, skipped or cancelled run to try again on a device that "
            "was not removed."
        )
    return await _changed(context, sweep.sweep_id)


async def delete(context: Context, name: str) -> Deleted:
    """Deletes the sweep in `context` with a `name` or an id, with its runs and samples.

    Raises NotFound, and Refused for a sweep that is not over.
    """

    def work(connection: sa.Connection) -> Sweep:
        sweep = sweeps.find(connection, name)
        if sweep.state not in SWEEP_FINAL:
            raise Refused(
                f"Sweep '{sweep.name}' is still {sweep.state}; cancel it first with "
                f"`paretofleet sweep cancel {sweep.name}`."
            )
        sweeps.hide(connection, sweep.sweep_id)
        return sweep

    sweep = await context.store.write(work)
    files = await _finish(context, unfinished.delete_sweep(context, sweep.sweep_id))
    return Deleted(sweep.runs, files)
