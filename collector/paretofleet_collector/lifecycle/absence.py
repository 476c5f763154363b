"""Parts of sweeps whose devices are away: which they are, and how they end."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.planning import absence
from paretofleet_collector.store import assignments, devices, leases, runs, sweeps
from paretofleet_collector.store.runs import CANCELLABLE


@dataclass(frozen=True)
class AbsentPart:
    """The part of a sweep of a device that is away. `wait_s`: how long, in seconds, the sweep waits."""

    sweep_id: str
    device_id: str
    wait_s: float


def absent_parts(connection: sa.Connection, now: float, offline_after_s: float) -> list[AbsentPart]:
    """The open parts, by what `connection` sees, of devices that are away and have nothing under way.

    A device is away that was silent for more than `offline_after_s` seconds before `now` (since 1970); one
    that is paused is not, and a sweep that is paused waits for nobody.
    """
    there = devices.presences(connection, now, offline_after_s)
    away = {device_id for device_id, device in there.items() if device.state == "offline"}
    away -= set(leases.live(connection, now))
    waits: dict[str, float] = {}
    parts = []
    for sweep_id, device_id in assignments.unended(connection):
        if device_id not in away or sweeps.state_of(connection, sweep_id) == sweeps.PAUSED:
            continue
        if sweep_id not in waits:
            waits[sweep_id] = absence.wait_s(sweeps.spec_json(connection, sweep_id))
        parts.append(AbsentPart(sweep_id, device_id, waits[sweep_id]))
    return parts


def skip_some(connection: sa.Connection, part: AbsentPart, now: float, offline_after_s: float) -> bool:
    """Skips, as `offline`, a slice of the open runs of an absent `part` through `connection`, `now`.

    With the last of them the part ends. Returns whether more are left; none where the device came back. An
    attempt that was measured meanwhile, and comes with its device, still counts. `now` and `offline_after_s`
    are as in `absent_parts`.
    """
    if part not in absent_parts(connection, now, offline_after_s):
        return False
    run_ids = runs.some_ids(connection, part.sweep_id, CANCELLABLE, part.device_id)
    row = devices.row_of(connection, part.device_id)
    message = absence.ended("The device" if row is None else str(row.name), part.wait_s)
    values = {"reason": "offline", "message": message, "ended_unix_s": now, "lease_until_unix_s": None}
    runs.transition_all(connection, run_ids, "skipped", come_from=CANCELLABLE, values=values)
    if not run_ids:
        transitions.end_assignment(connection, part.sweep_id, part.device_id, now)
    return bool(run_ids)
