"""Join tokens: whom each lets in, how often and until when. Of the secret only its SHA-256 is kept."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA, changed

TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("token_id", sa.String(16), primary_key=True),
    sa.Column("secret_sha256", sa.String(64), nullable=False),
    #: agent, admin, operator or viewer.
    sa.Column("role", sa.String(16), nullable=False),
    #: The one name that it is for, and the group of devices that it joins; empty for any, and for none.
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("pool", sa.String(64), nullable=False),
    #: Whether what joins by it waits for somebody's approval.
    sa.Column("approve", sa.Boolean, nullable=False),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sa.Column("created_unix_s", sa.Float, nullable=False),
    sa.Column("expires_unix_s", sa.Float, nullable=False),
    sa.Column("revoked_unix_s", sa.Float),
)


def add(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Keeps through `connection` a new token, whose columns are `values`."""
    connection.execute(TOKENS.insert().values(**values))


def row_of(connection: sa.Connection, token_id: str) -> sa.Row[Any] | None:
    """The row of the token `token_id` that `connection` sees, or None."""
    return connection.execute(TOKENS.select().where(TOKENS.c.token_id == token_id)).first()


def listing(connection: sa.Connection) -> list[sa.Row[Any]]:
    """Every token that `connection` sees, the newest first."""
    return list(connection.execute(TOKENS.select().order_by(TOKENS.c.created_unix_s.desc())))


def use(connection: sa.Connection, token_id: str) -> bool:
    """Takes through `connection` one use of the token `token_id`; False where none was left."""
    statement = TOKENS.update().where(TOKENS.c.token_id == token_id, TOKENS.c.uses_left > 0)
    return changed(connection, statement.values(uses_left=TOKENS.c.uses_left - 1)) == 1


def revoke(connection: sa.Connection, token_id: str, now: float) -> None:
    """Ends through `connection` the token `token_id` at `now`, in seconds since 1970."""
    statement = TOKENS.update().where(TOKENS.c.token_id == token_id, TOKENS.c.revoked_unix_s.is_(None))
    connection.execute(statement.values(revoked_unix_s=now))
