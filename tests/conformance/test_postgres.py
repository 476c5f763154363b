"""What only a server brings: connections break, transactions collide, another collector comes."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import psycopg
import pytest
from paretofleet_collector.errors import Refused, StorageUnavailable
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.store import Store, models
from paretofleet_collector.store import postgres as postgres_store

PATIENCE_S = 60.0


def variant(number: int) -> Variant:
    return Variant(f"m{number}", "file", f"{number:064x}", 1)


def add(store: Store, number: int) -> None:
    store.submit(lambda connection: models.add(connection, variant(number))).result()


def names(store: Store) -> list[str]:
    return sorted(each.model for each in store.read_now(models.listing))


def cut(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'paretofleet' AND datname = current_database()"
        )


@pytest.fixture
def url(postgres) -> str:
    return postgres.new_store()


@pytest.fixture
def store(url):
    opened = Store(url)
    yield opened
    opened.close()


def test_a_connection_cut_between_writes_costs_nothing(store, url):
    add(store, 1)
    assert names(store) == ["m1"]
    cut(url)
    add(store, 2)
    assert names(store) == ["m1", "m2"]


def test_a_connection_cut_within_a_write_is_no_acknowledgement_and_the_next_is_stored(store, url):
    inside, gate = threading.Event(), threading.Event()

    def slow(connection):
        models.add(connection, variant(1))
        inside.set()
        gate.wait(PATIENCE_S)
        models.add(connection, variant(2))

    future = store.submit(slow)
    assert inside.wait(PATIENCE_S)
    cut(url)
    gate.set()
    with pytest.raises(StorageUnavailable, match="nothing was stored"):
        future.result(PATIENCE_S)
    assert not store.is_writable
    store.probe()
    add(store, 3)
    assert store.is_writable
    assert names(store) == ["m3"]


def test_a_serialisation_failure_is_tried_again_and_nobody_hears_of_it(store, url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE tries")
        connection.execute(
            "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'collision' USING ERRCODE = '40001'; END IF;"
            " RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER collide BEFORE INSERT ON variants FOR EACH ROW EXECUTE FUNCTION collide()"
        )
    gate = threading.Event()
    store.submit(lambda _: gate.wait(60))
    waiting = [store.submit(lambda connection, n=n: models.add(connection, variant(n))) for n in range(5)]
    gate.set()
    assert [future.result(PATIENCE_S).model for future in waiting] == ["m0", "m1", "m2", "m3", "m4"]
    assert names(store) == ["m0", "m1", "m2", "m3", "m4"]


def test_what_collides_for_ever_is_refused_and_passes(store, url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'collision' USING ERRCODE = '40P01'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER collide BEFORE INSERT ON variants FOR EACH ROW EXECUTE FUNCTION collide()"
        )
    with pytest.raises(StorageUnavailable, match="nothing was stored"):
        add(store, 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TRIGGER collide ON variants")
    add(store, 1)
    assert names(store) == ["m1"]


def test_a_second_collector_is_refused_and_one_that_lost_its_connection_does_not_write(
    store, url, monkeypatch
):
    monkeypatch.setattr(postgres_store, "_LOCK_WAIT_S", 1)
    with pytest.raises(StorageUnavailable, match="Another collector works with the store"):
        Store(url)
    add(store, 1)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        cut(url)
        try:
            successor = Store(url)
            break
        except StorageUnavailable:
            assert time.monotonic() < deadline
    with pytest.raises(StorageUnavailable, match="Another collector"):
        add(store, 2)
    add(successor, 3)
    assert names(successor) == ["m1", "m3"]
    successor.close()
    add(store, 4)
    assert names(store) == ["m1", "m3", "m4"]


def test_a_server_that_is_killed_takes_nothing_that_was_acknowledged(postgres):
    store = Store(postgres.new_store())
    stopped, acknowledged, refused = threading.Event(), [], []

    def write() -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            try:
                add(store, number)
                acknowledged.append(f"m{number}")
            except StorageUnavailable as error:
                refused.append(str(error))
                time.sleep(0.02)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(2):
            before = len(acknowledged)
            while len(acknowledged) < before + 20:
                time.sleep(0.01)
            postgres.kill()
            postgres.start()
        before = len(acknowledged)
        while len(acknowledged) < before + 20:
            time.sleep(0.01)
    finally:
        stopped.set()
        thread.join()
    assert refused
    assert set(acknowledged) <= set(names(store))
    store.close()


def test_a_server_that_stands_still_is_given_up_and_gone_on_with(url, postgres, monkeypatch):
    """It keeps its sockets open and answers nothing: no statement of it ends, and none must be waited for."""
    monkeypatch.setattr(postgres_store, "_READ_S", 2)
    store = Store(f"{url}&tcp_user_timeout=2000&connect_timeout=2")
    add(store, 1)
    assert names(store) == ["m1"]

    def write_while_it_stops(connection):
        postgres.signal(signal.SIGSTOP)
        models.add(connection, variant(2))

    try:
        with pytest.raises(StorageUnavailable, match="has not answered for 2 s"):
            store.submit(write_while_it_stops).result(PATIENCE_S)
        with pytest.raises(StorageUnavailable, match="cannot be used now"):
            store.submit(lambda connection: models.add(connection, variant(2))).result(PATIENCE_S)
        assert not store.is_writable
        with pytest.raises(StorageUnavailable):
            names(store)
    finally:
        postgres.signal(signal.SIGCONT)
    until = time.monotonic() + PATIENCE_S
    while not store.is_writable and time.monotonic() < until:
        with contextlib.suppress(StorageUnavailable):
            add(store, 3)
    assert names(store) == ["m1", "m3"], "what was under way was not committed"
    store.close()


def test_a_query_that_takes_longer_than_a_silence_and_sends_meanwhile_is_no_silence(url, monkeypatch):
    monkeypatch.setattr(postgres_store, "_READ_S", 2)
    store = Store(url)
    query = "SELECT repeat('x', 100000), pg_sleep(0.01) FROM generate_series(1, 400)"
    assert len(store.read_now(lambda connection: connection.exec_driver_sql(query).all())) == 400
    store.close()


def test_a_server_that_takes_no_writes_is_named(url, postgres):
    database = url.partition("@/")[2].partition("?")[0]
    postgres.execute("postgres", f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    store = Store(url)
    with pytest.raises(StorageUnavailable, match="standby"):
        add(store, 1)
    store.close()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("postgresql://", "names no database"),
        ("postgresql://u@h:port/d", "is not the address of a PostgreSQL database"),
        ("postgresql://u:x@secret@h/d", "must be written as %40"),
        ("postgresql://u:secret@/d?host=/nowhere", "cannot be reached"),
        ("postgresql://u@/d?host=/nowhere&password=secret", "cannot be reached"),
        ("postgresql://u:secret@127.0.0.1:1/d", "cannot be reached"),
        ("postgresql://u:secret@/d?nonsense=1", "cannot be used as the collector's store"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_sentence_without_its_password(address, sentence):
    with pytest.raises((Refused, StorageUnavailable), match=sentence) as caught:
        Store(address)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_in_another_encoding_is_refused(postgres):
    postgres.execute("postgres", "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(Refused, match="encoding SQL_ASCII"):
        Store(postgres.url("ascii"))
