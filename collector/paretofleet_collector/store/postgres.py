"""The store as a PostgreSQL database: how it is opened and held, and what its errors mean.

Only PostgreSQL understands this. A collector holds an advisory lock through the very connection that writes,
so that whoever loses the connection has lost the right to write with it: alone, or beside others with which
it shares the lake. Those take turns, a transaction each.
"""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import Refused, StorageUnavailable, StoreHeld

SCHEME = "postgresql://"
READERS = 5
#: "pfleet" in hexadecimal; the second key is the schema, so that several stores may share a database.
_LOCK_KEY = 0x70666C65
#: Of the turn to write, held for a transaction, and of the start, held by one collector at a time.
_TURN_KEY, _START_KEY = _LOCK_KEY + 1, _LOCK_KEY + 2
_SCHEMA = "hashtext(coalesce(current_schema(), ''))"
#: So long a collector waits for the lock: the server needs a moment to see that a killed one is gone.
_LOCK_WAIT_S = 10
#: The start of another may bring the schema up to date, and look through the lake.
_START_WAIT_S = 60
#: A collector that stands still in the middle of a turn loses it after so long.
_TURN_S = 10
_CONNECT_S = 5
_VERSION_LEAST = 120000
#: A peer that does not answer for so long is given up, on both sides, unless the address says otherwise.
_SILENCE_S = 20
#: A server that works on a long query sends nothing meanwhile.
_READ_S = 60
_DISK_FULL, _READ_ONLY = "53100", "25006"
_LOCK_TIMEOUT = "55P03"
_DATA = "22"
#: Serialisation failures and deadlocks: the same transaction may go well a moment later.
_PASSING = ("40001", "40P01")
#: Connections, resources, an operator's shutdown, the server's own input and output.
_AWAY = ("08", "53", "57", "58")
_log = logging.getLogger(__name__)


def checked_url(address: str) -> sa.URL:
    """The URL of a database from an `address` such as `postgresql://user@host/database`; raises Refused."""
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        raise Refused(
            f"'{hidden(address)}' is not the address of a PostgreSQL database; write "
            "postgresql://USER@HOST/DATABASE."
        ) from None
    if "@" in (url.host or ""):
        raise Refused("An @ within the password of the store's address must be written as %40.")
    if not url.database and "dbname" not in url.query and "service" not in url.query:
        raise Refused(f"'{hidden(address)}' names no database; write postgresql://USER@HOST/DATABASE.")
    if "password" in url.query:
        secret = url.query["password"]
        url = url.difference_update_query(["password"]).set(password=str(secret))
    return url.set(drivername="postgresql+psycopg")


def hidden(address: str) -> str:
    """The `address` as it may be logged and shown: without a password."""
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        return SCHEME + "..."
    if "@" in (url.host or ""):  # the rest of a password
        return SCHEME + "..."
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def _options(url: sa.URL) -> dict[str, Any]:
    """What psycopg is told beside the `url`, unless that says otherwise."""
    silence_s = _silence_s(url)
    options = {
        "connect_timeout": _CONNECT_S,
        "keepalives_idle": max(int(silence_s / 2), 1),
        "keepalives_interval": max(int(silence_s / 4), 1),
        "keepalives_count": 2,
        "tcp_user_timeout": int(silence_s * 1000),
        "application_name": "paretofleet",
    }
    return {name: value for name, value in options.items() if name not in url.query}


def connection_options(address: str) -> dict[str, Any]:
    """What psycopg takes to connect to the database at `address` as a collector does; raises Refused."""
    url = checked_url(address)
    _, options = url.get_dialect()().create_connect_args(url)
    return {**_options(url), **options}


def hold_start(address: str) -> sa.Connection:
    """A connection that holds the right to start over the shared store at `address` until it is closed.

    Raises Refused, and StorageUnavailable where the server is out of reach or another start takes too long.
    """
    url = checked_url(address)
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=_options(url))

    @sa.event.listens_for(engine, "connect", insert=True)
    def _prepare(connection: Any, _record: Any) -> None:
        _check_server(connection.info, address)

    try:
        connection = engine.connect()
        connection.exec_driver_sql(f"SET lock_timeout = '{_START_WAIT_S}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_START_KEY}, {_SCHEMA})")
        connection.commit()
    except sa.exc.DBAPIError as error:
        engine.dispose()
        if _state(error) == _LOCK_TIMEOUT:
            raise StorageUnavailable(
                f"Another collector has been starting over {hidden(address)} for {_START_WAIT_S} s; look at "
                "its log, and start this one again."
            ) from None
        raise start_failure(error, address) from None
    return connection


def open_engine(
    address: str, *, writes: bool, shared: bool = False, wait_s: float | None = None
) -> sa.Engine:
    """An engine over the database at `address`; a commit is on the server's disk when it returns.

    One that `writes` has a single connection, which holds the store's lock: alone, or `shared` with others of
    which each transaction waits for its turn. Connecting raises StoreHeld, after `wait_s` seconds, by default
    10, where another collector does not let it in. Others read, each transaction one consistent state. Raises
    Refused for an address that is none.
    """
    url = checked_url(address)
    silence_s = _silence_s(url)
    engine = sa.create_engine(
        url,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        execution_options={} if writes else {"postgresql_readonly": True},
        pool_size=1 if writes else READERS,
        max_overflow=0 if writes else -1,
        pool_pre_ping=True,
        connect_args=_options(url),
    )

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        from paretofleet_collector.store.postgres_waits import BoundedConnection

        return BoundedConnection.connect(*arguments, **options)

    # Before SQLAlchemy's own look at the server, which a wrong encoding ends with a traceback.
    @sa.event.listens_for(engine, "connect", insert=True)
    def _prepare(connection: Any, _record: Any) -> None:
        connection.answer_s = silence_s
        _check_server(connection.info, address)
        with connection.cursor() as cursor:
            _prepare_session(cursor, silence_s)
            if writes:
                _hold(cursor, address, shared=shared, wait_s=_LOCK_WAIT_S if wait_s is None else wait_s)
        connection.commit()
        # A migration takes as long as it takes; see `bound_waits`.
        connection.answer_s = None if writes else _READ_S

    if writes and shared:
        # What was committed before the turn came is seen by every statement after this one.
        @sa.event.listens_for(engine, "begin")
        def _take_turn(connection: sa.Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN_KEY}, {_SCHEMA})")

    return engine


def bound_waits(engine: sa.Engine) -> None:
    """Has the `engine` that writes give up a server that is silent for longer than a slice of writes may."""
    silence_s = _silence_s(engine.url)

    @sa.event.listens_for(engine, "checkout")
    def _bound(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.answer_s = silence_s


def _silence_s(url: sa.URL) -> float:
    """After how many seconds a silent server is given up: the address's `tcp_user_timeout`, in ms there."""
    said = str(url.query.get("tcp_user_timeout", ""))
    return int(said) / 1000 if said.isdigit() and int(said) else float(_SILENCE_S)


def _prepare_session(cursor: Any, silence_s: float) -> None:
    """Sets what must not depend on the server's configuration."""
    for setting, value in (
        ("synchronous_commit", "on"),
        ("tcp_keepalives_idle", str(max(int(silence_s / 2), 1))),
        ("tcp_keepalives_interval", str(max(int(silence_s / 4), 1))),
        ("tcp_keepalives_count", "2"),
        ("statement_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("timezone", "UTC"),
    ):
        cursor.execute("SELECT set_config(%s, %s, false)", (setting, value))


def _hold(cursor: Any, address: str, *, shared: bool, wait_s: float) -> None:
    """Takes the store's lock for as long as the connection lives; raises StoreHeld."""
    from psycopg.errors import LockNotAvailable

    cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{max(int(wait_s * 1000), 1)}ms",))
    function = "pg_advisory_lock_shared" if shared else "pg_advisory_lock"
    try:
        cursor.execute(f"SELECT {function}({_LOCK_KEY}, {_SCHEMA})")
    except LockNotAvailable:
        others = (
            "works with the store {} and keeps its lake for itself" if shared else "works with the store {}"
        )
        raise StoreHeld(
            f"Another collector {others.format(hidden(address))}; stop it, or give this one a database of "
            "its own with --store (several share a store where all have --lake s3://..)."
        ) from None
    cursor.execute("SELECT set_config('lock_timeout', '0', false)")
    if shared:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false)", (f"{_TURN_S}s",)
        )


def _check_server(server: Any, address: str) -> None:
    """Raises Refused where a server, by what it said at the connection, cannot hold a store."""
    if server.server_version < _VERSION_LEAST:
        raise Refused(
            f"The PostgreSQL server of {hidden(address)} is version {server.server_version // 10000}; "
            f"a store needs {_VERSION_LEAST // 10000} or newer."
        )
    encoding = server.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Refused(
            f"The database {hidden(address)} has the encoding {encoding}; make one with "
            "`createdb --encoding UTF8 --template template0`."
        )


def warn_of_server(connection: sa.Connection) -> None:
    """Warns where a power cut could take from the server behind `connection` what was acknowledged."""
    if connection.exec_driver_sql("SHOW fsync").scalar() != "on":
        _log.warning("the PostgreSQL server runs with fsync=off: a power cut may take acknowledged samples")


def is_passing(error: BaseException) -> bool:
    """Whether what an `error` ended may go well at once: a serialisation failure or a deadlock."""
    return _state(error) in _PASSING


def failure_of(error: sa.exc.DBAPIError) -> Exception:
    """What an `error` of the server is to whoever waits.

    StorageUnavailable where it is out of reach, Refused where a value cannot be stored, else `error` itself.
    """
    state = _state(error)
    if state == _DISK_FULL:
        return StorageUnavailable(
            "The disk of the PostgreSQL server is full; free some space there, nothing was stored."
        )
    if state == _READ_ONLY:
        return StorageUnavailable(
            "The PostgreSQL server takes no writes (is it a standby?); nothing was stored."
        )
    if state.startswith(_DATA) or isinstance(error, sa.exc.DataError):
        return Refused(f"A value cannot be stored: {_first_line(error)}.")
    is_away = state.startswith(_AWAY) or error.connection_invalidated or state in (*_PASSING, _LOCK_TIMEOUT)
    if is_away or (not state and isinstance(error, sa.exc.OperationalError)):
        return StorageUnavailable(
            f"The collector's PostgreSQL server cannot be used now ({_first_line(error)}); nothing was "
            "stored, the collector goes on as soon as it answers."
        )
    return error


def start_failure(error: sa.exc.DBAPIError, address: str) -> Exception:
    """Why the collector cannot start with the store at `address`, by the `error` of opening it."""
    if isinstance(failure_of(error), StorageUnavailable):
        return StorageUnavailable(
            f"The store {hidden(address)} cannot be reached ({_first_line(error)}); start its server, or "
            "check the address, the user and the password."
        )
    return Refused(f"{hidden(address)} cannot be used as the collector's store: {_first_line(error)}.")


def _state(error: BaseException) -> str:
    """The SQLSTATE of an error; empty where the server said nothing."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def _first_line(error: sa.exc.DBAPIError) -> str:
    text = str(error.orig).strip() or type(error.orig).__name__
    return text.splitlines()[0].rstrip(".")
