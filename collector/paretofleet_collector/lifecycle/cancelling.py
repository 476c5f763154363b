"""What an operator takes back: runs that shall not be made, and the word that they shall after all.

Each function makes one slice of its change and returns whether more of it is left, so that other writes come
in between. What was asked for stands in the store first; a crash between two slices leaves it to be gone on
with (`service/unfinished`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import RUN_STATES
from paretofleet_collector.store import (
    assignments,
    attempts,
    chunks,
    configurations,
    devices,
    discarded,
    runs,
    sealed,
    sweeps,
)
from paretofleet_collector.store.runs import CANCELLABLE, ENDED_BADLY

#: The reason of runs that an operator had skipped on a device.
SKIPPED_BY_HAND = "skipped_by_hand"


def cancel_sweep_runs(connection: sa.Connection, sweep_id: str, now: float) -> bool:
    """Cancels runs of the cancelled sweep `sweep_id` through `connection`, `now` (seconds since 1970).

    What is uploaded is still sealed. Returns whether more are left; none where the sweep goes on again.
    """
    if sweeps.heading(connection, sweep_id)[0] != "cancelled":
        return False
    return _cancel(connection, sweep_id, {"ended_unix_s": now})


def cancel_device_runs(connection: sa.Connection, device_id: str, now: float) -> bool:
    """Cancels what the removed device `device_id` has not uploaded yet, a slice of it.

    Through `connection`; each run keeps the reason, and `now` (seconds since 1970) as its end. Returns if
    more are left; none where the device was taken back.
    """
    device = devices.row_of(connection, device_id)
    if device is None or not device.removed:
        return False
    values = {"message": f"The device {device.name} was removed.", "ended_unix_s": now}
    for sweep_id in assignments.open_sweeps(connection, device_id):
        if _cancel(connection, sweep_id, values, device_id):
            return True
        transitions.end_assignment(connection, sweep_id, device_id, now)
    return False


def skip_part_runs(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> bool:
    """Skips a slice of the open runs of the device `device_id` in `sweep_id`, whose part shall be skipped.

    Through `connection`, `now` (seconds since 1970). What is uploaded is still sealed; with the last slice
    the part ends. Returns whether more are left; none where the part was taken up again.
    """
    if not assignments.is_skipped(connection, sweep_id, device_id):
        return False
    row = devices.row_of(connection, device_id)
    message = f"Skipped on {device_id if row is None else row.name}; `sweep retry` takes it up again."
    values = {"reason": SKIPPED_BY_HAND, "message": message, "ended_unix_s": now}
    if _cancel(connection, sweep_id, values, device_id, state="skipped"):
        return True
    if assignments.blocks(connection, sweep_id, device_id) is not None:
        transitions.end_assignment(connection, sweep_id, device_id, now)
    return False


def _cancel(
    connection: sa.Connection,
    sweep_id: str,
    values: Mapping[str, Any],
    device_id: str | None = None,
    *,
    state: str = "cancelled",
) -> bool:
    """Ends a slice of open runs in a `state`; what they bring from now on does not count."""
    run_ids = runs.some_ids(connection, sweep_id, CANCELLABLE, device_id)
    ended = {"reason": "cancelled", "lease_until_unix_s": None, **values}
    runs.transition_all(connection, run_ids, state, come_from=CANCELLABLE, values=ended)
    attempts.supersede(connection, run_ids)
    chunks.discard(connection, run_ids)
    return bool(run_ids)


def retry_sweep_runs(connection: sa.Connection, sweep_id: str) -> bool:
    """Makes failed, skipped and cancelled runs of the sweep `sweep_id` pending again, as if never tried.

    Through `connection`, but for runs of removed devices. Returns whether there were any; with none the sweep
    stays as it is.
    """
    fresh = {
        "reason": None,
        "message": "",
        "tries": 0,
        "lease_until_unix_s": None,
        "started_unix_s": None,
        "ended_unix_s": None,
    }
    for device_id in assignments.devices_of(connection, sweep_id):
        if devices.is_removed(connection, device_id):
            continue
        run_ids = runs.some_ids(connection, sweep_id, ENDED_BADLY, device_id)
        if run_ids:
            runs.transition_all(connection, run_ids, "pending", come_from=ENDED_BADLY, values=fresh)
            assignments.reopen(connection, sweep_id, (device_id,))
            sweeps.reopen(connection, sweep_id)
            return True
    return False


def delete_runs(connection: sa.Connection, sweep_id: str, now: float) -> tuple[list[str], bool]:
    """Deletes runs of the hidden sweep `sweep_id` through `connection`, and with the last the sweep itself.

    Returns the paths of the files that nothing lists any more, which are discarded `now` (seconds since
    1970), and whether more are left.
    """
    run_ids = runs.some_ids(connection, sweep_id, RUN_STATES)
    if not run_ids:
        if configurations.delete_some(connection, sweep_id):
            return [], True
        sweeps.delete(connection, sweep_id)
        return [], False
    paths = sealed.paths_of(connection, run_ids)
    runs.delete(connection, run_ids)
    kept = sealed.listed_paths(connection, paths)
    gone = [path for path in paths if path not in kept]
    discarded.add(connection, gone, now)
    return gone, True
