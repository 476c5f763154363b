"""The store as a SQLite file: opened, copied, kept small. What any store does: tests/conformance/."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from paretofleet_collector import store as store_package
from paretofleet_collector.errors import Refused, Taken
from paretofleet_collector.model.entities import Configuration, PlannedConfiguration, Repeats, Variant
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.store import Store, configurations, models, sweeps
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


def test_the_file_is_opened_for_durability_and_for_giving_space_back(store):
    def pragmas(connection: sa.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "auto_vacuum", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert store.submit(pragmas).result() == ["wal", 2, 2, 1]


def written_bytes() -> int:
    """What this process has handed to the system to write so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("wchar:")).split()[1])


def test_what_is_deleted_again_is_written_to_log_and_file_and_nowhere_else(tmp_path):
    size, number = 256 << 10, 64
    store = Store.at(tmp_path)
    rows = [{"sha256": f"{each:064x}", "blob": os.urandom(size)} for each in range(number)]
    store.submit(lambda connection: connection.exec_driver_sql("CREATE TABLE b (sha256, blob)") and None)
    before = written_bytes()
    for row in rows:
        store.submit(
            lambda connection, row=row: (
                connection.execute(sa.text("INSERT INTO b VALUES (:sha256, :blob)"), row) and None
            )
        ).result()
    store.submit(lambda connection: connection.exec_driver_sql("DELETE FROM b") and None).result()
    store.close()
    with open_engine(tmp_path / FILE_NAME, writes=True).connect() as connection:
        while reclaim(connection):
            pass
    assert written_bytes() - before < 2.5 * size * number


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
    known = store_package.engine._schemas()
    monkeypatch.setattr(store_package.engine, "_schemas", lambda: [*known, "9999"])
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


def test_an_accuracy_that_comes_with_a_stored_file_is_kept_and_never_changed(store):
    def add(top1: float | None) -> Variant:
        of = (
            {}
            if top1 is None
            else {"top1": top1, "top1_n": 500, "top1_source": "user", "accuracy_group": "g"}
        )
        return store.submit(lambda connection: models.add(connection, replace(variant(1), **of))).result()

    assert add(None).top1 is None
    assert (add(71.0).top1, add(71.0).top1_source) == (71.0, "user")
    assert add(None).top1 == 71.0
    with pytest.raises(Taken, match=r"with top1 71 of 500 items already.*models set m1@file --top1 99 "):
        add(99.0)
    assert [each.top1 for each in store.read_now(models.listing)] == [71.0]


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
        sweep_id = sweeps.begin(connection, "{}", Repeats(1, 1, None, 1), Remarks(), 1.0)
        configurations.insert(connection, configurations.rows_of(sweep_id, (PLANNED,), 0))
        sweeps.publish(connection, sweep_id, f"request of {sweep_id}", "edge")
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


def test_items_that_are_written_together_fail_alone(store):
    calls = []

    def batch(connection: sa.Connection, items: Sequence[int]) -> list[int | Exception]:
        calls.append(tuple(items))
        for item in items:
            models.add(connection, variant(item))
            if item == 3:
                raise Refused("not this one")
        return [Refused("nor this") if item == 4 else item for item in items]

    gate = threading.Event()
    store.submit(lambda _: gate.wait(60))
    waiting = [store.submit_together(batch, number) for number in range(6)]
    gate.set()
    outcomes = [future.exception(60) or future.result() for future in waiting]
    assert [str(each) for each in outcomes] == ["0", "1", "2", "not this one", "nor this", "5"]
    assert calls == [(0, 1, 2, 3, 4, 5), *[(number,) for number in range(6)]]
    names = {each.model for each in store.read_now(models.listing)}
    assert names == {"m0", "m1", "m2", "m4", "m5"}
