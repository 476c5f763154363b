"""The configurations that sweeps plan, with the names that people know them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.canonical import short_id
from paretofleet_collector.model.entities import Configuration, PlannedConfiguration
from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.store.runs import RUNS, SLICE_RUNS

PLANNED = sa.Table(
    "planned_configurations",
    METADATA,
    sa.Column("sweep_id", sa.ForeignKey("sweeps.sweep_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("configuration_id", sa.String(16), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("device_id", sa.String(64), nullable=False),
    sa.Column("configuration_json", sa.Text, nullable=False),
    #: The configuration without its batch size: what a larger batch has in common with a smaller one.
    sa.Column("family", sa.String(16), nullable=False),
    sa.Column("batch_size", sa.BigInteger, nullable=False),
    sa.Column("device", sa.String(64), nullable=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("variant", sa.String(128), nullable=False),
    sa.Column("target", sa.String(64), nullable=False),
    sa.Index("ix_planned_configurations_device_id", "device_id"),
    sa.Index("ix_planned_configurations_sweep_id_family", "sweep_id", "family"),
)


def family_of(configuration: Configuration) -> str:
    """A short id that `configuration` shares with those that differ from it in nothing but the batch size."""
    values = configuration.as_json()
    del values["batch_size"]
    return short_id(values)


def of_run() -> sa.ColumnElement[bool]:
    """The condition that joins a run with the configuration that it repeats."""
    return sa.and_(
        PLANNED.c.sweep_id == RUNS.c.sweep_id, PLANNED.c.configuration_id == RUNS.c.configuration_id
    )


def rows_of(sweep_id: str, planned: Sequence[PlannedConfiguration], first: int) -> list[dict[str, Any]]:
    """What the sweep `sweep_id` has `planned`, from position `first` on, as rows for `insert`."""
    return [
        {
            "sweep_id": sweep_id,
            "configuration_id": item.configuration_id,
            "position": position,
            "device_id": item.configuration.device_id,
            "configuration_json": item.configuration.canonical_json,
            "family": family_of(item.configuration),
            "batch_size": item.configuration.batch_size,
            "device": item.device,
            "model": item.model,
            "variant": item.variant,
            "target": item.target,
        }
        for position, item in enumerate(planned, first)
    ]


def insert(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Stores through `connection` the `rows` that `rows_of` made."""
    connection.execute(PLANNED.insert(), rows)


def delete_some(connection: sa.Connection, sweep_id: str) -> bool:
    """Deletes through `connection` some of what `sweep_id` planned; returns whether there was any."""
    some = sa.select(PLANNED.c.configuration_id).where(PLANNED.c.sweep_id == sweep_id).limit(SLICE_RUNS)
    statement = PLANNED.delete().where(PLANNED.c.sweep_id == sweep_id, PLANNED.c.configuration_id.in_(some))
    return changed(connection, statement) > 0


def devices_of(connection: sa.Connection, sweep_id: str) -> list[tuple[str, str]]:
    """Ids and names of the devices for which the sweep `sweep_id` plans something, by name.

    `connection` is where they are read.
    """
    query = sa.select(PLANNED.c.device_id, PLANNED.c.device).where(PLANNED.c.sweep_id == sweep_id)
    names = {row.device_id: row.device for row in connection.execute(query.distinct())}
    return sorted(names.items(), key=lambda item: item[1])


def listing(connection: sa.Connection, sweep_id: str) -> list[PlannedConfiguration]:
    """The configurations of the sweep `sweep_id` in the order of the plan, as `connection` sees them."""
    query = PLANNED.select().where(PLANNED.c.sweep_id == sweep_id).order_by(PLANNED.c.position)
    return [_planned(row) for row in connection.execute(query)]


def get(connection: sa.Connection, sweep_id: str, configuration_id: str) -> PlannedConfiguration:
    """The configuration `configuration_id` of the sweep `sweep_id`, which `connection` must see."""
    query = PLANNED.select().where(
        PLANNED.c.sweep_id == sweep_id, PLANNED.c.configuration_id == configuration_id
    )
    return _planned(connection.execute(query).one())


def _planned(row: sa.Row[Any]) -> PlannedConfiguration:
    return PlannedConfiguration(
        Configuration.from_json(row.configuration_json), row.device, row.model, row.variant, row.target
    )
