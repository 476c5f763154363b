"""What a summary that was computed again changes: the run's values, and whether its sweep had failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.store import runs, sealed, sweeps


def store_summary(connection: sa.Connection, run_id: str, result: Mapping[str, Any]) -> bool:
    """Stores through `connection` the `result` of the run `run_id`; returns whether anything changed.

    Where that has no summary the run keeps what it has. The first summary of a run takes back that it had
    none.
    """
    summary = result.get("summary")
    if summary is None:
        return False
    is_new = sealed.replace_summary(connection, run_id, summary)
    if is_new is not None:
        return is_new
    if not runs.transition(connection, run_id, "sealed", come_from=("sealed",), values=_SUMMARISED):
        return False
    sealed.insert_summary(connection, run_id, result["attempt"], summary, result["environment_id"])
    return True


def settle_sweep(connection: sa.Connection, sweep_id: str, now: float) -> None:
    """Ends the sweep `sweep_id` anew through `connection`, `now` (seconds since 1970), if it had failures.

    Those that a rebuild took back count no more.
    """
    if sweeps.state_of(connection, sweep_id) == "finished_with_failures":
        sweeps.reopen(connection, sweep_id)
        transitions.finish_sweep_if_done(connection, sweep_id, now)


_SUMMARISED: Mapping[str, Any] = {"reason": None, "message": ""}
