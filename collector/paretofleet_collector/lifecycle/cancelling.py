"""What an operator takes back: runs that shall not be made, and the word that they shall after all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.store import attempts, chunks, configurations, devices, runs, sweeps
from paretofleet_collector.store.runs import UNDER_WAY

_CANCELLABLE = ("pending", *UNDER_WAY)
_ENDED_BADLY = ("failed", "skipped", "cancelled")


def cancel_sweep_runs(connection: sa.Connection, sweep_id: str, now: float) -> None:
    """Cancels the sweep `sweep_id` through `connection`, with its runs, `now` (seconds since 1970).

    What is uploaded is still sealed.
    """
    _cancel(connection, sweep_id, {"ended_unix_s": now})
    sweeps.set_state(connection, sweep_id, "cancelled", now)


def cancel_device_runs(connection: sa.Connection, device_id: str, message: str, now: float) -> None:
    """Cancels every run of the device `device_id` that was not uploaded yet, so that its sweeps can end.

    Through `connection`; each run keeps `message` as the reason, and `now` (seconds since 1970) as its end.
    """
    for sweep_id in sweeps.unfinished_of(connection, device_id):
        _cancel(connection, sweep_id, {"message": message, "ended_unix_s": now}, device_id)
        transitions.apply_schedule(connection, sweep_id, device_id, now)
        transitions.finish_sweep_if_done(connection, sweep_id, now)


def _cancel(
    connection: sa.Connection, sweep_id: str, values: Mapping[str, Any], device_id: str | None = None
) -> None:
    cancelled = {"reason": "cancelled", "lease_until_unix_s": None, **values}
    for run_id in runs.ids(connection, sweep_id, _CANCELLABLE, device_id):
        runs.transition(connection, run_id, "cancelled", come_from=_CANCELLABLE, values=cancelled)
        attempts.supersede(connection, run_id)
        chunks.drop(connection, run_id)


def retry_sweep_runs(connection: sa.Connection, sweep_id: str) -> int:
    """Makes the failed, skipped and cancelled runs of the sweep `sweep_id` pending again, as if never tried.

    Through `connection`, but for runs of removed devices. Returns how many there were; with none the sweep
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
    run_ids = [
        run_id
        for device_id, _ in configurations.devices_of(connection, sweep_id)
        if not devices.is_removed(connection, device_id)
        for run_id in runs.ids(connection, sweep_id, _ENDED_BADLY, device_id)
    ]
    for run_id in run_ids:
        runs.transition(connection, run_id, "pending", come_from=_ENDED_BADLY, values=fresh)
    if run_ids:
        sweeps.reopen(connection, sweep_id)
    return len(run_ids)
