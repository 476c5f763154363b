"""What a store does, whichever it is: what is acknowledged stays, groups share a commit, nobody sees half."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from paretofleet_collector.errors import CollectorError, NotFound, Refused, StorageUnavailable
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.store import Store, devices, engine, models, postgres, sweeps, writer
from paretofleet_collector.store.base import METADATA
from paretofleet_collector.store.models import VARIANTS


def variant(number: int, model: str = "") -> Variant:
    return Variant(model or f"m{number}", "file", f"{number:064x}", 1)


@pytest.fixture
def store(address):
    opened = Store(address)
    yield opened
    opened.close()


def test_the_migrations_make_the_schema_that_the_code_knows(store):
    with store._reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_schemas_that_are_known_without_alembic_are_its_own(store):
    with store._reading.connect() as connection:
        assert engine._current(connection) == engine._schemas()[-1]
    scripts = ScriptDirectory(engine._MIGRATIONS)
    assert engine._schemas() == sorted(each.revision for each in scripts.walk_revisions())
    assert engine._schemas()[-1] == scripts.get_current_head()


def test_a_failing_write_undoes_only_itself(store):
    gate = threading.Event()
    store.submit(lambda _: gate.wait(60))

    def broken(connection: sa.Connection) -> None:
        models.add(connection, variant(2))
        raise Refused("no")

    def wrong(connection: sa.Connection) -> None:
        connection.execute(VARIANTS.insert().values(sha256="f" * 64))

    good = store.submit(lambda connection: models.add(connection, variant(1)))
    bad = store.submit(broken)
    worse = store.submit(wrong)
    also = store.submit(lambda connection: models.add(connection, variant(3)))
    gate.set()
    assert [good.result().model, also.result().model] == ["m1", "m3"]
    with pytest.raises(Refused):
        bad.result()
    with pytest.raises(sa.exc.IntegrityError):
        worse.result()
    assert [each.model for each in store.read_now(models.listing)] == ["m1", "m3"]


def test_what_waits_is_committed_together(address, monkeypatch):
    monkeypatch.setattr(writer, "SLICE_S", 60.0)
    commits = []
    store = Store(address, lambda: commits.append(1))
    gate = threading.Event()
    store.submit(lambda _: gate.wait(60))
    waiting = [store.submit(lambda connection, n=n: models.add(connection, variant(n))) for n in range(100)]
    gate.set()
    for future in waiting:
        future.result()
    store.close()
    # The work that holds up the others, and what came behind it.
    assert len(commits) <= 2


def test_readers_cannot_write_and_see_one_state(store):
    with pytest.raises((sa.exc.DBAPIError, StorageUnavailable)):
        store.read_now(lambda connection: models.add(connection, variant(1)))

    def twice(connection: sa.Connection) -> tuple[int, int]:
        before = len(models.listing(connection))
        store.submit(lambda writing: models.add(writing, variant(1))).result()
        return before, len(models.listing(connection))

    assert store.read_now(twice) == (0, 0)
    assert len(store.read_now(models.listing)) == 1


def test_after_closing_nothing_is_taken_and_what_was_queued_is_there(address):
    store = Store(address)
    for number in range(20):
        store.submit(lambda connection, n=number: models.add(connection, variant(n)))
    store.close()
    with pytest.raises(CollectorError):
        store.submit(lambda _: None)
    again = Store(address)
    assert len(again.read_now(models.listing)) == 20
    again.close()


def test_an_acknowledged_write_survives_a_kill(address):
    script = f"""
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.store import Store, models
store = Store({address!r})
for number in range(1000):
    store.submit(lambda c: models.add(c, Variant(f"m{{number}}", "file", f"{{number:064x}}", 1))).result()
    print(number, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(child.stdout.readline()) for _ in range(30)]
    child.kill()
    acknowledged += [int(line) for line in child.communicate()[0].split()]
    store = Store(address)
    there = {each.model for each in store.read_now(models.listing)}
    store.close()
    assert {f"m{number}" for number in acknowledged} <= there


def test_a_newer_schema_is_refused_by_a_sentence_without_a_password(address):
    Store(address).close()
    engine = sa.create_engine(postgres.checked_url(address) if "://" in address else f"sqlite:///{address}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(Refused, match="newer collector"):
        Store(address)


@pytest.mark.parametrize("name", ["a\0b", "x" * 3000, "\ud800", "'; DROP TABLE sweeps; --"])
def test_a_hostile_name_is_a_sentence_and_harms_nothing(store, name):
    with pytest.raises((NotFound, Refused)):
        store.read_now(lambda connection: sweeps.find(connection, name))
    with pytest.raises((NotFound, Refused)):
        store.read_now(lambda connection: devices.find(connection, name, 0.0, 1.0))
    try:
        store.submit(lambda connection: models.add(connection, variant(1, name))).result()
    except Refused as error:
        assert str(error).count("\n") == 0  # noqa: PT017 - some of them may be stored
    store.submit(lambda connection: models.add(connection, variant(2))).result()
    assert variant(2) in store.read_now(models.listing)
    assert store.is_writable


def test_a_number_beyond_64_bits_is_a_sentence(store):
    huge = Variant("m", "file", "a" * 64, 1 << 70)
    with pytest.raises(Refused, match=r"larger than|out of range|cannot be stored"):
        store.submit(lambda connection: models.add(connection, huge)).result()
    assert store.is_writable
