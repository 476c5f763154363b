"""In which order devices work on their sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.views import DeviceQueue
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import assignments, devices, sweeps


async def prioritise(
    context: Context, names: Sequence[str], device_name: str = "", *, last: bool = False
) -> list[DeviceQueue]:
    """Puts the sweeps of `names`, in this order, before the others of a device, or behind them: `last`.

    Of the device in `context` with a `device_name` or an id, or of every device that has a part in one of
    them. What it runs, and the block that it is within, are finished first. Returns the queues that are
    changed. Raises NotFound, and Refused where nothing is in a queue.
    """

    def work(connection: sa.Connection) -> list[DeviceQueue]:
        named = [sweeps.find(connection, name) for name in names]
        for sweep in named:
            if sweep.paused_unix_s is not None:
                raise Refused(
                    f"Sweep '{sweep.name}' is paused and in no queue; first let it go on with "
                    f"`paretofleet sweep resume {sweep.name}`."
                )
        sweep_ids = list(dict.fromkeys(sweep.sweep_id for sweep in named))
        if device_name:
            device = devices.find(connection, device_name, context.now(), context.offline_after_s)
            device_ids = [device.device_id]
        else:
            device_ids = list(
                dict.fromkeys(
                    each for sweep_id in sweep_ids for each in assignments.devices_of(connection, sweep_id)
                )
            )
        moved = {each: assignments.put(connection, each, sweep_ids, last=last) for each in device_ids}
        left_out = [sweep.name for sweep in named if not any(sweep.sweep_id in ids for ids in moved.values())]
        if left_out:
            where = f"on {device_name}" if device_name else "on any device"
            raise Refused(f"{' and '.join(left_out)}: nothing is left to run {where}.")
        known, queues = devices.by_id(connection), assignments.queues(connection)
        return [DeviceQueue(known[each].name, queues[each]) for each, ids in moved.items() if ids]

    changed = await context.store.write(work)
    return sorted(changed, key=lambda each: each.device)
