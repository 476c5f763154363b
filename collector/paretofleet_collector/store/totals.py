"""How many there are of everything, for whoever watches the collector; no query that reads a chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from paretofleet_collector.store.devices import DEVICES
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sealed import MANIFEST
from paretofleet_collector.store.sweeps import SWEEPS


@dataclass(frozen=True)
class Totals:
    """Numbers by state, and of the sealed files."""

    devices: Mapping[str, int]
    sweeps: Mapping[str, int]
    runs: Mapping[str, int]
    files: int
    file_bytes: int
    samples: int


def read(connection: sa.Connection, now: float, offline_after_s: float) -> Totals:
    """What `connection` sees `now` (seconds since 1970).

    A device that was silent for more than `offline_after_s` seconds is offline.
    """
    heard = sa.select(DEVICES.c.removed, DEVICES.c.paused, DEVICES.c.last_seen_unix_s)
    devices: Counter[str] = Counter()
    for row in connection.execute(heard):
        is_heard = row.last_seen_unix_s is not None and now - row.last_seen_unix_s <= offline_after_s
        state = "removed" if row.removed else "paused" if row.paused else "online" if is_heard else "offline"
        devices[state] += 1
    files = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(MANIFEST.c.size_bytes), 0),
            sa.func.coalesce(sa.func.sum(MANIFEST.c.samples), 0),
        ).select_from(MANIFEST)
    ).one()
    return Totals(
        devices,
        _by_state(connection, SWEEPS),
        _by_state(connection, RUNS),
        files[0],
        int(files[1]),
        int(files[2]),
    )


def _by_state(connection: sa.Connection, table: sa.Table) -> dict[str, int]:
    query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
    return {state: count for state, count in connection.execute(query)}  # noqa: C416 - rows are no pairs to mypy
