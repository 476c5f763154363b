"""The store: what is acknowledged is on the disk, groups share a commit, schemas are brought up to date."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from paretofleet_collector import store as store_package
from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.model.entities import Configuration, PlannedConfiguration, Repeats, Variant
from paretofleet_collector.store import Store, models, sweeps
from paretofleet_collector.store.base import METADATA
from paretofleet_collector.store.engine import FILE_NAME, open_engine, reclaim
from paretofleet_collector.store.models import VARIANTS

PLANNED = PlannedConfiguration(
    Configuration(1, "d", "latency", {}, "native", "quick", "onnxruntime", "cpu", None, "copy+compute", "ab"),
    "box",
    "tiny",
    "file",
    "cpu",
)


def variant(number: int) -> Variant:
    return Variant(f"m{number}", "file", f"{number:064x}", 1)


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.at(tmp_path)
    yield opened
    opened.close()


def test_the_migrations_make_the_schema_that_the_code_knows(store):
    with store._reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_file_is_opened_for_durability_and_for_giving_space_back(store):
    def pragmas(connection: sa.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "auto_vacuum", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert store.submit(pragmas).result() == ["wal", 2, 2, 1]


def test_a_failing_write_undoes_only_itself(store):
    gate = threading.Event()
    store.submit(lambda _: gate.wait(5))

    def broken(connection: sa.Connection) -> None:
        models.add(connection, variant(2))
        raise Refused("no")

    good = store.submit(lambda connection: models.add(connection, variant(1)))
    bad = store.submit(broken)
    also = store.submit(lambda connection: models.add(connection, variant(3)))
    gate.set()
    assert good.result().model == "m1"
    assert also.result().model == "m3"
    with pytest.raises(Refused):
        bad.result()
    assert [one.model for one in store.read_now(models.listing)] == ["m1", "m3"]


def test_what_waits_is_committed_together(tmp_path):
    commits = []
    store = Store.at(tmp_path, lambda: commits.append(1))
    gate = threading.Event()
    store.submit(lambda _: gate.wait(5))
    waiting = [store.submit(lambda connection, n=n: models.add(connection, variant(n))) for n in range(100)]
    gate.set()
    for future in waiting:
        future.result()
    store.close()
    assert len(commits) <= 3


def test_readers_cannot_write(store):
    with pytest.raises(sa.exc.OperationalError):
        store.read_now(lambda connection: models.add(connection, variant(1)))


def test_after_closing_nothing_is_taken_and_what_was_queued_is_there(tmp_path):
    store = Store.at(tmp_path)
    for number in range(20):
        store.submit(lambda connection, n=number: models.add(connection, variant(n)))
    store.close()
    with pytest.raises(CollectorError):
        store.submit(lambda _: None)
    again = Store.at(tmp_path)
    assert len(again.read_now(models.listing)) == 20
    again.close()


def test_an_acknowledged_write_survives_a_kill(tmp_path):
    script = f"""
import os, signal, sys
from pathlib import Path
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.store import Store, models
store = Store.at(Path({str(tmp_path)!r}))
for number in range(1000):
    store.submit(lambda c: models.add(c, Variant(f"m{{number}}", "file", f"{{number:064x}}", 1))).result()
    print(number, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(child.stdout.readline()) for _ in range(30)]
    child.kill()
    acknowledged += [int(line) for line in child.communicate()[0].split()]
    store = Store.at(tmp_path)
    there = {one.model for one in store.read_now(models.listing)}
    store.close()
    assert {f"m{number}" for number in acknowledged} <= there


def test_a_newer_schema_is_refused_and_untouched(tmp_path):
    Store.at(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(Refused, match="newer collector"):
        Store.at(tmp_path)


def test_an_older_schema_is_copied_before_it_is_migrated(tmp_path, monkeypatch):
    from alembic import command

    Store.at(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute(
            "INSERT INTO variants (sha256, model, variant, size_bytes, recipe, weights_precision)"
            " VALUES ('a', 'm', 'v', 1, '', '')"
        )
    connection.close()
    monkeypatch.setattr("alembic.script.ScriptDirectory.get_current_head", lambda _: "9999")
    upgraded = []
    monkeypatch.setattr(command, "upgrade", lambda _, to: upgraded.append(to))
    Store.at(tmp_path).close()
    assert upgraded == ["head"]
    (copy,) = (tmp_path / "backups").glob("*.sqlite3")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT model FROM variants").fetchall() == [("m",)]
    connection.close()


def test_a_database_of_the_first_schema_keeps_its_sweeps(tmp_path):
    from alembic import command
    from alembic.config import Config

    engine = open_engine(tmp_path / FILE_NAME, writes=True)
    config = Config()
    config.set_main_option("script_location", str(Path(store_package.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO sweeps (sweep_id, number, request_id, name, state, spec_json, runs_min, runs_max,"
            " seed, created_unix_s) VALUES ('s', 1, 'r', 'old', 'running', '{}', 5, 20, 1, 0)"
        )
    engine.dispose()
    opened = Store.at(tmp_path)
    found = opened.read_now(lambda connection: sweeps.find(connection, "old"))
    opened.close()
    assert found.repeats == Repeats(5, 20, None, 1)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"x" * 8192)
    with pytest.raises(Refused, match="cannot be used as the collector's database"):
        Store.at(tmp_path)


def test_a_model_file_has_one_name(store):
    store.submit(lambda connection: models.add(connection, variant(1))).result()
    again = store.submit(lambda connection: models.add(connection, variant(1)))
    assert again.result() == variant(1)
    other_name = Variant("other", "file", f"{1:064x}", 1)
    with pytest.raises(Refused, match="already as model 'm1'"):
        store.submit(lambda connection: models.add(connection, other_name)).result()
    other_file = Variant("m1", "file", f"{2:064x}", 1)
    with pytest.raises(Refused, match="choose another name"):
        store.submit(lambda connection: models.add(connection, other_file)).result()


def test_taken_sweep_names_get_a_number(store):
    def add(connection: sa.Connection) -> str:
        sweep_id = sweeps.insert(
            connection,
            request_id=str(
                connection.execute(sa.select(sa.func.count()).select_from(sweeps.SWEEPS)).scalar()
            ),
            name="edge",
            spec_json="{}",
            repeats=Repeats(1, 1, None, 1),
            planned=(PLANNED,),
            now=1.0,
        )
        return sweeps.find(connection, sweep_id).name

    assert [store.submit(add).result() for _ in range(3)] == ["edge", "edge-2", "edge-3"]


def test_space_of_deleted_rows_is_given_back(tmp_path):
    store = Store.at(tmp_path)
    blob = "x" * 100_000
    for number in range(30):
        big = Variant(f"m{number}", "file", f"{number:064x}", 1, recipe=blob)
        store.submit(lambda connection, big=big: models.add(connection, big)).result()
    store.submit(lambda connection: connection.execute(VARIANTS.delete())).result()
    with store._writing.connect() as connection:
        assert reclaim(connection) is False
    store.close()
    assert (tmp_path / FILE_NAME).stat().st_size < 1_000_000
