"""The database: how it is opened and brought up to date, and what its errors mean, whichever it is.

An address is the path of a SQLite file, or a URL `postgresql://USER@HOST/DATABASE`. What only one of them
understands stands in `sqlite` and `postgres`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector.errors import Refused, StoreHeld
from paretofleet_collector.store import postgres, sqlite

FILE_NAME = "collector.sqlite3"
Address = str | Path
_MIGRATIONS = Path(__file__).parent / "migrations"
_log = logging.getLogger(__name__)


def is_postgres(address: Address) -> bool:
    """Whether `address` is that of a PostgreSQL database."""
    return str(address).startswith(postgres.SCHEME)


def shown(address: Address) -> str:
    """The `address` as it may be logged and shown: without a password."""
    return postgres.hidden(str(address)) if is_postgres(address) else str(address)


def open_engine(address: Address, *, writes: bool) -> sa.Engine:
    """An engine over the database at `address`; a commit is on the disk when it returns.

    One that `writes` is the only one; a transaction of another sees one consistent state. Raises Refused for
    an address that is none.
    """
    if is_postgres(address):
        return postgres.open_engine(str(address), writes=writes)
    return sqlite.open_engine(Path(address), writes=writes)


@contextmanager
def reading(address: Address) -> Iterator[sa.Connection]:
    """A connection that only reads the database at `address`, in one consistent state; for other processes.

    Raises StorageUnavailable where the database is out of reach.
    """
    engine = open_engine(address, writes=False)
    try:
        with _connected(engine, address) as connection, connection.begin():
            yield connection
    except sa.exc.DBAPIError as error:
        raise failure_of(error) from error
    finally:
        engine.dispose()


def _connected(engine: sa.Engine, address: Address) -> sa.Connection:
    """A connection of the `engine` to the database at `address`; of a server's refusal it says whose."""
    try:
        return engine.connect()
    except sa.exc.DBAPIError as error:
        if is_postgres(address):
            raise postgres.start_failure(error, str(address)) from error
        raise


def open_shared(address: str) -> tuple[sa.Engine, bool]:
    """The engine that writes to the PostgreSQL database at `address` beside those of other collectors.

    Returns also whether there is none; then the schema is brought to this version's. Whoever calls holds the
    right to start (`postgres.hold_start`). Raises what `open_writing` raises, Refused also where others work
    with a schema of another version.
    """
    is_alone = True
    try:
        open_writing(address, wait_s=0.0).dispose()
    except StoreHeld:
        is_alone = False
        with reading(address) as connection:
            _check_beside_others(connection, address)
    engine = postgres.open_engine(address, writes=True, shared=True)
    try:
        with engine.connect():
            postgres.bound_waits(engine)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise postgres.start_failure(error, address) from None
    except BaseException:
        engine.dispose()
        raise
    return engine, is_alone


def open_writing(address: Address, wait_s: float | None = None) -> sa.Engine:
    """The engine that writes to the database at `address`, whose schema it brings to this version's.

    Of a SQLite file a copy is kept before that. Another collector's end is waited for, `wait_s` seconds, by
    default 10, where it is PostgreSQL. Raises Refused for a database that a newer collector wrote
    or that is none, StorageUnavailable when it is out of reach, has no room, or another collector holds it.
    """
    if not is_postgres(address):
        _check_file(Path(address))
    is_server = is_postgres(address)
    engine = (
        postgres.open_engine(str(address), writes=True, wait_s=wait_s)
        if is_server
        else sqlite.open_engine(Path(address), writes=True)
    )
    try:
        _migrate(engine, address)
        if is_server:
            postgres.bound_waits(engine)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        if is_server:
            raise postgres.start_failure(error, str(address)) from None
        raise sqlite.start_failure(error, Path(address)) from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def check_current(connection: sa.Connection, address: Address) -> None:
    """Raises Refused where the database at `address`, as `connection` sees it, has not our schema."""
    _check(connection, address, "; start this one with it once, or install that version.")


def _check_beside_others(connection: sa.Connection, address: str) -> None:
    """Raises Refused where other collectors work with a schema of another version than this one's."""
    others = ", and other collectors work with it: stop them all, start one of this version, then the others."
    _check(connection, address, others)


def _check(connection: sa.Connection, address: Address, remedy: str) -> None:
    """Raises Refused where the schema is not ours; of an older one the sentence ends with the `remedy`."""
    current, schemas = _current(connection), _schemas()
    if current == schemas[-1]:
        return
    if current is not None and current not in schemas:
        raise _newer(address, current)
    raise Refused(
        f"{shown(address)} is of an older version of the collector (schema {current}, this one needs "
        f"{schemas[-1]}){remedy}"
    )


def _current(connection: sa.Connection) -> str | None:
    """The schema of the database; None where it has none yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision


def _schemas() -> list[str]:
    """The schemas that this version knows, its own the last, by the files of the migrations: Alembic takes
    a tenth of a start to load, and most starts migrate nothing.
    """
    return sorted(path.name[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _newer(address: Address, current: str | None) -> Refused:
    return Refused(
        f"{shown(address)} was written by a newer collector (schema {current}, this one knows "
        f"{_schemas()[-1]}); install that version again or start with another "
        f"{'--store' if is_postgres(address) else '--home'}."
    )


def _check_file(path: Path) -> None:
    try:
        sqlite.check_pages(path)
    except sqlite3.OperationalError as error:
        raise Refused(f"{path} cannot be used as the collector's database: {error}.") from None


def _migrate(engine: sa.Engine, address: Address) -> None:
    schemas = _schemas()
    with engine.connect() as connection:
        if is_postgres(address):
            postgres.warn_of_server(connection)
        current = _current(connection)
    if current == schemas[-1]:
        return
    if current is not None and current not in schemas:
        raise _newer(address, current)
    if current is not None and not is_postgres(address):
        sqlite.back_up(Path(address), current)
    with engine.begin() as connection:
        _upgrade(connection)
    _log.info("database %s is at schema %s", shown(address), schemas[-1])


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def is_full(error: BaseException) -> bool:
    """True for an `error` that means that the disk under a SQLite file has no room."""
    return sqlite.is_full(error)


def is_passing(error: BaseException) -> bool:
    """Whether the transaction that an `error` ended may go well when it is tried again at once."""
    return postgres.is_passing(error)


def failure_of(error: Exception) -> Exception:
    """What an `error` of a read or a write is to whoever waits for it.

    StorageUnavailable where the database is out of reach or full, Refused for a value that cannot be stored,
    else the error itself.
    """
    if isinstance(error, UnicodeEncodeError):
        return Refused("A text holds a character that is none (half of a surrogate pair); it is not stored.")
    if isinstance(error, OverflowError):
        return Refused("A number is larger than the store can hold.")
    if not isinstance(error, sa.exc.DBAPIError):
        return error
    is_sqlite = type(error.orig).__module__.startswith("sqlite3")
    return sqlite.failure_of(error) if is_sqlite else postgres.failure_of(error)


def touch(connection: sa.Connection) -> None:
    """Writes through `connection` what changes nothing: it shows whether the store can be written."""
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")


def reclaim(connection: sa.Connection) -> bool:
    """Gives space of deleted chunks back to the file system, through `connection`, outside a transaction.

    Returns whether there is more. PostgreSQL does that by itself.
    """
    return connection.dialect.name == "sqlite" and sqlite.reclaim(connection)
