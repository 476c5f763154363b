"""What the later blocks of adaptive sweeps hold, and why: chosen once, then read like the rest of history."""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA

CHOICES = sa.Table(
    "choices",
    METADATA,
    sa.Column("sweep_id", sa.ForeignKey("sweeps.sweep_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("device_id", sa.String(64), primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True),
    #: A JSON list; null where the block holds what has not converged.
    sa.Column("configuration_ids_json", sa.Text),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("chosen_unix_s", sa.Float, nullable=False),
)


def add(
    connection: sa.Connection,
    sweep_id: str,
    device_id: str,
    *,
    block: int,
    configuration_ids: Sequence[str] | None,
    why: str,
    now: float,
) -> bool:
    """Keeps through `connection` what a `block` of a device in a sweep holds, and `why`.

    The device is `device_id`, the sweep `sweep_id`. `configuration_ids` None: what has not converged; empty:
    the device has ended. `now` is in seconds since 1970. False, and nothing done, where that block has a
    choice.
    """
    last = newest(connection, sweep_id, device_id)
    if last is not None and last[0] >= block:
        return False
    connection.execute(
        CHOICES.insert().values(
            sweep_id=sweep_id,
            device_id=device_id,
            block=block,
            configuration_ids_json=None if configuration_ids is None else json.dumps(list(configuration_ids)),
            why=why,
            chosen_unix_s=now,
        )
    )
    return True


def newest(
    connection: sa.Connection, sweep_id: str, device_id: str
) -> tuple[int, tuple[str, ...] | None, str] | None:
    """Block, configurations and reason of the newest choice that `connection` sees, or None.

    For the device `device_id` in the sweep `sweep_id`.
    """
    query = (
        CHOICES.select()
        .where(CHOICES.c.sweep_id == sweep_id, CHOICES.c.device_id == device_id)
        .order_by(CHOICES.c.block.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    text = row.configuration_ids_json
    return row.block, None if text is None else tuple(json.loads(text)), row.why
