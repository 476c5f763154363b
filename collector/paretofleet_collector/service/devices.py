"""What the command asks for about devices: list and change them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.entities import Device
from paretofleet_collector.model.views import DeviceView
from paretofleet_collector.service import unfinished
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import assignments, certificates, devices, enrolments, progress

ACTIONS = ("pause", "resume", "remove", "reset", "label", "rename", "revoke")
#: What is done to a device that waits to be let in.
WAITING_ACTIONS = ("approve", "revoke")
#: Digits of a key's fingerprint that people compare, and that name a waiting device.
FINGERPRINT_DIGITS = 16
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


async def list_devices(context: Context) -> list[DeviceView]:
    """Every device that ever joined `context`, removed ones last, with what it does now; then who waits."""

    def work(connection: sa.Connection) -> list[DeviceView]:
        running = progress.running_now(connection)
        busy = {device_id: now.configuration for device_id, now in running.items()}
        listed = devices.listing(connection, context.now(), context.offline_after_s)
        states, pools = _identities(connection, context.now()), devices.pools(connection)
        queues = assignments.queues(connection)

        def view(device: Device) -> DeviceView:
            name = device.device_id
            return DeviceView.of(
                device, busy.get(name, ""), states.get(name, ""), pools[name], queues.get(name, ())
            )

        return [view(device) for device in listed] + [
            _waiting_view(row) for row in enrolments.waiting(connection)
        ]

    return await context.store.read(work)


async def change_device(
    context: Context,
    name: str,
    action: str,
    labels: Mapping[str, str],
    new_name: str = "",
    *,
    is_forced: bool = True,
) -> DeviceView:
    """Does an `action` (one of ACTIONS) to the device with a `name` or an id; returns it as it is then.

    `labels` are for the action label; an empty value hides the agent's. Removing a device cancels its open
    runs, so that sweeps with other devices in `context` can end; one that is online is only removed where
    that `is_forced`. A device is renamed to `new_name`; one that waits to join is named by its key's
    fingerprint, too, and approved as that or as it asked. Raises Refused, NotFound, Taken.
    """
    if action not in {*ACTIONS, *WAITING_ACTIONS}:
        raise Refused(f"'{action}' cannot be done to a device; choose one of {', '.join(ACTIONS)}.")
    _check_labels(labels)

    def work(connection: sa.Connection) -> DeviceView:
        now = context.now()
        # Who waits under a device's name does not stand before it where its certificate shall end.
        if action == "approve" or (action == "revoke" and not _is_device(connection, name)):
            waiting = _find_waiting(connection, name, is_approved_too=action == "revoke")
            if waiting is not None:
                return _settle(connection, waiting, action, new_name, now)
            if action == "approve":
                raise NotFound(
                    f"No device '{name}' waits to join; `paretofleet devices list` shows who does."
                )
        device = devices.find(connection, name, now, context.offline_after_s)
        if action == "remove" and not is_forced:
            _check_away(device)
        if action == "revoke" and device.device_id not in _identities(connection, now):
            raise Refused(
                f"Device '{device.name}' has no certificate that could be revoked; "
                f"`paretofleet devices remove {device.name} --force` shuts it out."
            )
        if action == "rename":
            devices.rename(connection, device, _checked_name(new_name))
        else:
            _apply(connection, device, action, labels, now)
        device = devices.find(connection, device.device_id, now, context.offline_after_s)
        return DeviceView.of(device, identity=_identities(connection, now).get(device.device_id, ""))

    changed = await context.store.write(work)
    context.certificates_changed.set()
    if action == "remove":
        try:
            await unfinished.cancel_runs_of_device(context, changed.device_id)
        except BaseException:
            context.wake_unfinished()
            raise
    context.notices.announce((changed.device_id,))
    return changed


def _apply(
    connection: sa.Connection, device: Device, action: str, labels: Mapping[str, str], now: float
) -> None:
    devices.change(connection, device, action, labels)
    if action in ("remove", "revoke"):
        certificates.revoke(connection, device.device_id, now, device=True)


def _identities(connection: sa.Connection, now: float) -> dict[str, str]:
    """The state of the newest certificate of each device that has one."""
    return {
        subject: "revoked"
        if row.revoked_unix_s is not None
        else "valid"
        if now < row.expires_unix_s
        else "expired"
        for (is_device, subject), row in certificates.newest(connection).items()
        if is_device
    }


def _is_device(connection: sa.Connection, name: str) -> bool:
    return any(
        name in (device.device_id, device.name) and device.state != "removed"
        for device in devices.by_id(connection).values()
    )


def _find_waiting(connection: sa.Connection, name: str, *, is_approved_too: bool) -> Any:
    """The device that waits under a name or a fingerprint, or None; raises Refused where it is not one.

    `is_approved_too`: also one that was approved and has not come for its certificate yet.
    """
    matching = [
        row
        for row in enrolments.waiting(connection, is_approved_too=is_approved_too)
        if name == row.name or (len(name) >= 8 and row.key_sha256.startswith(name))
    ]
    if len(matching) > 1:
        raise Refused(
            f"{len(matching)} devices wait for the name '{name}'; name one by its fingerprint: "
            f"{', '.join(row.key_sha256[:FINGERPRINT_DIGITS] for row in matching)}."
        )
    return matching[0] if matching else None


def _settle(connection: sa.Connection, row: Any, action: str, new_name: str, now: float) -> DeviceView:
    if action == "revoke":
        enrolments.remove(connection, row.key_sha256)
        return _waiting_view(row, "refused")
    name = _checked_name(new_name or row.name)
    enrolments.approve(connection, row.key_sha256, name, now)
    return _waiting_view(enrolments.row_of(connection, row.key_sha256), "approved")


def _check_labels(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or len(value) > 128:
            raise Refused(
                f"'{key}={value}' is not a label; use letters, digits, dots, hyphens and underscores."
            )


def _check_away(device: Device) -> None:
    if device.state == "online":
        raise Refused(f"Device '{device.name}' is online: stop its agent first, or shut it out with --force.")


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(f"'{name}' is not a device's name; use up to 64 letters, digits, dots, hyphens and _.")
    return name


def _waiting_view(row: Any, state: str = "waiting") -> DeviceView:
    return DeviceView(
        device_id=row.key_sha256[:FINGERPRINT_DIGITS],
        name=row.name,
        device_class=row.device_class,
        state=state,
        labels={},
        targets=(),
        runtimes=(),
        sensors=(),
        simulated=False,
        agent_version="",
        last_seen_unix_s=row.asked_unix_s,
        running="",
        pool=row.pool,
    )
