"""Several collectors over one database: they take turns, start one by one, and keep out who is alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from paretofleet_collector.errors import Refused, StorageUnavailable, StoreHeld
from paretofleet_collector.store import Store
from paretofleet_collector.store import postgres as postgres_store
from paretofleet_collector.store.base import METADATA

PATIENCE_S = 60.0
WRITES = 50
COUNTER = sa.table("counter", sa.column("n"))
VERSION = sa.table("alembic_version", sa.column("version_num"))


def opened(url: str) -> Store:
    store = Store(url, shared=True)
    store.end_start()
    return store


@pytest.fixture
def url(postgres) -> str:
    return postgres.new_store()


@pytest.fixture
def pair(url):
    stores = [opened(url), opened(url)]
    yield stores
    for each in stores:
        each.close()


def test_what_one_reads_before_it_writes_no_other_changes_meanwhile(pair):
    pair[0].submit(lambda there: there.exec_driver_sql("CREATE TABLE counter AS SELECT 0 AS n")).result()

    def count(connection) -> None:
        number = connection.execute(sa.select(COUNTER.c.n)).scalar_one()
        time.sleep(0.001)
        connection.execute(COUNTER.update().values(n=number + 1))

    for future in [store.submit(count) for _ in range(WRITES) for store in pair]:
        future.result(PATIENCE_S)
    for store in pair:
        assert store.read_now(lambda there: there.execute(sa.select(COUNTER.c.n)).scalar_one()) == 2 * WRITES
    assert [store.is_alone for store in pair] == [True, False]


def test_who_keeps_a_lake_for_itself_and_who_shares_one_do_not_meet(url, monkeypatch):
    alone = Store(url)
    with monkeypatch.context() as patch:
        patch.setattr(postgres_store, "_LOCK_WAIT_S", 1)
        with pytest.raises(StoreHeld, match="keeps its lake for itself"):
            Store(url, shared=True)
    alone.close()
    shared = opened(url)
    with monkeypatch.context() as patch:
        patch.setattr(postgres_store, "_LOCK_WAIT_S", 1)
        with pytest.raises(StoreHeld, match="several share a store where all have --lake s3://"):
            Store(url)
    shared.close()
    Store(url).close()


def test_of_two_that_start_at_once_over_an_empty_database_one_makes_the_schema(postgres):
    url = postgres.new_database()
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(opened, (url, url)))
    assert sorted(store.is_alone for store in stores) == [False, True]
    with stores[1]._reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [("0001", "is of an older version .* stop them all"), ("9999", "was written by a newer collector")],
)
def test_beside_others_no_schema_is_changed(url, schema, sentence):
    first = opened(url)
    change = VERSION.update().values(version_num=schema)
    first.submit(lambda there: there.execute(change)).result()
    with pytest.raises(Refused, match=sentence):
        Store(url, shared=True)
    first.close()


def test_a_collector_that_stands_still_in_its_turn_loses_it(url, monkeypatch):
    monkeypatch.setattr(postgres_store, "_TURN_S", 1)
    still, other = opened(url), opened(url)
    begun, gate = threading.Event(), threading.Event()

    def stand(connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (n int)")
        begun.set()
        gate.wait(PATIENCE_S)
        connection.exec_driver_sql("CREATE TABLE whole (n int)")

    lost = still.submit(stand)
    assert begun.wait(PATIENCE_S)
    other.submit(lambda there: there.exec_driver_sql("CREATE TABLE half (n text)")).result(PATIENCE_S)
    gate.set()
    with pytest.raises(StorageUnavailable, match="nothing was stored"):
        lost.result(PATIENCE_S)
    still.submit(lambda there: there.exec_driver_sql("SELECT n FROM half")).result(PATIENCE_S)
    still.close()
    other.close()
