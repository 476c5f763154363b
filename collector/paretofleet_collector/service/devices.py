"""What the command asks for about devices: list and change them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Device
from paretofleet_collector.model.views import DeviceView
from paretofleet_collector.service import unfinished
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import devices, progress

ACTIONS = ("pause", "resume", "remove", "reset", "label")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


async def list_devices(context: Context) -> list[DeviceView]:
    """Every device that ever joined `context`, removed ones last, with what it does now."""

    def work(connection: sa.Connection) -> list[DeviceView]:
        running = progress.running_now(connection)
        busy = {device_id: now.configuration for device_id, now in running.items()}
        listed = devices.listing(connection, context.now(), context.offline_after_s)
        return [DeviceView.of(device, busy.get(device.device_id, "")) for device in listed]

    return await context.store.read(work)


async def change_device(context: Context, name: str, action: str, labels: Mapping[str, str]) -> DeviceView:
    """Does an `action` (one of ACTIONS) to the device with a `name` or an id; returns it as it is then.

    `labels` are for the action label; an empty value hides the agent's. Removing a device cancels its open
    runs, so that sweeps with other devices in `context` can end. Raises Refused, NotFound, Taken.
    """
    if action not in ACTIONS:
        raise Refused(f"'{action}' cannot be done to a device; choose one of {', '.join(ACTIONS)}.")
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or len(value) > 128:
            raise Refused(
                f"'{key}={value}' is not a label; use letters, digits, dots, hyphens and underscores."
            )

    def work(connection: sa.Connection) -> Device:
        device = devices.find(connection, name, context.now(), context.offline_after_s)
        devices.change(connection, device, action, labels)
        return devices.find(connection, device.device_id, context.now(), context.offline_after_s)

    device = await context.store.write(work)
    if action == "remove":
        try:
            await unfinished.cancel_runs_of_device(context, device.device_id)
        except BaseException:
            context.wake_unfinished()
            raise
    context.notices.announce((device.device_id,))
    return DeviceView.of(device)
