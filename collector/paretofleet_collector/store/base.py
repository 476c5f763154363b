"""What all tables share."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def new_id() -> str:
    """A random id of 16 hex digits, made only by the writer."""
    return secrets.token_hex(8)


def changed(connection: sa.Connection, statement: sa.Update | sa.Delete) -> int:
    """Executes `statement` over `connection`; returns the number of rows that it changed."""
    result: sa.CursorResult[tuple[object, ...]] = connection.execute(statement)
    return result.rowcount
