"""A store that is lost, older, copied badly or damaged, and the ways back: nothing sealed is lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lakes import forget_copies, make_orphan, read, samples_in, spoil, wrong
from paretofleet_collector.config import Config
from paretofleet_collector.errors import Refused
from paretofleet_collector.jobs.seal import seal
from paretofleet_collector.service import adoption, backup, doctor, lake_age, reports, sweeps
from paretofleet_collector.service.assembly import assemble
from paretofleet_collector.service.restoring import restore, set_database_aside
from paretofleet_collector.store import Store, chunks, runs, sealed
from paretofleet_collector.store.engine import FILE_NAME
from paretofleet_collector.store.sqlite import damage_of
from rig import Rig, samples_of


@pytest.fixture
def full(rig) -> Rig:
    """A collector with a sealed sweep of 3 runs, whose name is `first`."""
    rig.measure("first")
    return rig


def tidied(rig: Rig) -> int:
    async def work() -> int:
        collector = assemble(rig.context.config)
        try:
            return await collector.enter()
        finally:
            await collector.close()

    return rig.do(work())


def rows_of(rig: Rig, name: str) -> list[dict[str, Any]]:
    _, path = rig.do(reports.report_file(rig.context, name))
    rows = pq.read_table(path).to_pylist()
    path.unlink()
    return sorted(rows, key=lambda row: row["batch_size"])


def database(rig: Rig, name: str = FILE_NAME) -> Path:
    return rig.home / name


@pytest.mark.parametrize("loss", ["deleted", "older", "without its log"])
def test_a_store_that_does_not_list_its_lake_does_not_start_and_adoption_loses_nothing(rig, tmp_path, loss):
    copy = tmp_path / "copy.sqlite3"
    if loss == "without its log":
        # In a process of its own: closing the file here would end SQLite's locks.
        subprocess.run(["cp", str(database(rig)), str(copy)], check=True)
    rig.measure("first")
    if loss == "older":
        backup.snapshot(database(rig), copy)
    rig.measure("second")
    before, here = rows_of(rig, "second"), samples_in(rig.context.lake)
    config = rig.stop()
    forget_copies(rig.context.lake)
    for path in rig.home.glob(f"{FILE_NAME}*"):
        path.unlink()
    if copy.exists():
        shutil.copy(copy, database(rig))
    with pytest.raises(Refused, match=r"is empty or older than its lake.*doctor --adopt"):
        tidied(rig)
    assert samples_in(rig.context.lake) == here
    sentences = list(adoption.adopt(config))
    assert sum("is listed again" in sentence for sentence in sentences) == (3 if loss == "older" else 6)
    assert tidied(rig) == 0
    rig.start()
    files = rig.context.store.read_now(sealed.files)
    assert {file.run_id: file.samples for file in files} == here == samples_in(rig.context.lake)
    names = {file.path.split("/")[1] for file in files}
    assert len(names) == 2
    second = before[0]["run_ids"][0]
    sweep_id = next(file.path.split("/")[1] for file in files if file.run_id == second)
    for old, new in zip(before, rows_of(rig, sweep_id), strict=True):
        for column in ("configuration_id", "status", "run_ids", "batch_latency_mean_s", "device", "target"):
            assert new[column] == old[column], column


def test_adoption_lists_nothing_twice_and_leaves_what_it_cannot_verify(full):
    lake = full.context.lake
    (first, second, third) = full.context.store.read_now(sealed.files)
    whole = read(lake, second.path)
    make_orphan(lake, "twin.parquet", read(lake, first.path))
    make_orphan(lake, "short.parquet", whole[:-40])
    make_orphan(lake, "flipped.parquet", whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    config = full.stop()
    sentences = {text.partition(" ")[0].rpartition("/")[2]: text for text in adoption.adopt(config)}
    assert "is listed already" in sentences["twin.parquet"]
    assert "cannot be verified" in sentences["short.parquet"]
    assert "cannot be verified" in sentences["flipped.parquet"] or "listed" in sentences["flipped.parquet"]
    full.start()
    assert full.context.store.read_now(sealed.files) == [first, second, third]
    assert len(lake.orphans()) == 3


@pytest.mark.parametrize("is_same", [True, False])
def test_adoption_deletes_staged_chunks_only_where_the_file_holds_them(rig, is_same):
    """A store that was older granted the number again: what came since is another attempt of that run."""
    session = rig.joined()
    name = rig.submit(name="first").name
    grant = rig.lease(session)
    made = rig.upload(session, grant)
    rig.seal()
    (file,) = rig.context.store.read_now(sealed.files)
    older = (
        "UPDATE attempts SET state = 'open', ok = NULL, facts_json = '{}'",
        "UPDATE runs SET state = 'running', lease_until_unix_s = 1e9",
        "UPDATE sweeps SET state = 'running', ended_unix_s = NULL",
        "DELETE FROM manifest",
        "DELETE FROM summaries",
        "DELETE FROM streams",
    )

    def make_older(connection: Any) -> None:
        for statement in older:
            connection.exec_driver_sql(statement)

    rig.do(rig.context.store.write(make_older))
    begun = made if is_same else samples_of(grant.key, seconds=0.02)
    for chunk in begun[:2]:
        assert rig.send(session, chunk).verdict.name == "COMMITTED"
    (sentence,) = adoption.adopt(rig.stop())
    rig.start()
    staged = rig.context.store.read_now(lambda connection: list(chunks.staged(connection, grant.key)))
    if is_same:
        assert "is listed again" in sentence
        assert (staged, rig.context.store.read_now(sealed.files)) == ([], [file])
        assert rig.sweep(name).runs_by_state == {"sealed": 1}
    else:
        assert f"stays: run {grant.key.run_id} has other samples of attempt 1 in the store" in sentence
        assert sorted(chunk.stream for chunk in staged) == ["iterations", "marks"]
        assert rig.context.store.read_now(sealed.files) == []
        assert rig.context.lake.has(f"orphans/{file.path}")


def test_restoring_over_a_database_needs_a_word_and_deletes_nothing(full, tmp_path):
    target = tmp_path / "backup"
    backup.back_up(full.context.config, target)
    full.measure("second")
    files = full.context.store.read_now(sealed.files)
    config = full.stop()
    with pytest.raises(Refused, match="--replace"):
        restore(target, full.home, lake=config.lake)
    restore(target, full.home, lake=config.lake, replace=True)
    (aside,) = (full.home / "backups").glob("replaced-*")
    assert damage_of(aside / FILE_NAME) == ""
    with pytest.raises(Refused, match="older than its lake"):
        tidied(full)
    assert sum("listed again" in text for text in adoption.adopt(config)) == 3
    full.start()
    assert {file.run_id for file in full.context.store.read_now(sealed.files)} == {
        file.run_id for file in files
    }


def test_no_log_of_another_database_is_played_into_a_restored_one(full, tmp_path):
    target, killed = tmp_path / "backup", tmp_path / "killed"
    backup.back_up(full.context.config, target)
    full.measure("second")
    killed.mkdir()
    log = killed / f"{FILE_NAME}-wal"
    subprocess.run(["cp", str(database(full, log.name)), str(log)], check=True)
    assert log.stat().st_size
    restore(target, killed, lake=full.context.config.lake)
    assert not log.exists()
    assert damage_of(killed / FILE_NAME) == ""
    (aside,) = (killed / "backups").glob("replaced-*")
    assert (aside / log.name).stat().st_size


def test_the_log_of_a_database_that_is_missing_stops_the_start_and_stays(full, tmp_path):
    killed = tmp_path / "killed"
    killed.mkdir()
    log = killed / f"{FILE_NAME}-wal"
    subprocess.run(["cp", str(database(full, log.name)), str(log)], check=True)
    whole = log.read_bytes()
    with pytest.raises(Refused, match="put the database back"):
        lake_age.check_not_lost(Config(home=killed))
    with pytest.raises(Refused, match="put the database back"):
        list(adoption.adopt(Config(home=killed)))
    assert log.read_bytes() == whole
    log.write_bytes(b"")
    lake_age.check_not_lost(Config(home=killed))


def test_two_databases_that_are_set_aside_in_one_second_are_both_kept(tmp_path):
    kept = []
    for text in ("first", "second"):
        (tmp_path / FILE_NAME).write_text(text)
        kept.append(set_database_aside(tmp_path) / FILE_NAME)
    assert [path.read_text() for path in kept] == ["first", "second"]


def test_salvaging_again_after_it_broke_off_makes_no_empty_database(full, monkeypatch):
    config = full.stop()
    salvaged = full.home / "salvaged.sqlite3"
    with monkeypatch.context() as patch:
        patch.setattr(doctor.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            doctor.save_readable(config)
    shutil.copy(salvaged, full.home / "copy")
    for path in full.home.glob(f"{FILE_NAME}*"):
        path.unlink()
    with pytest.raises(Refused, match="backups"):
        doctor.save_readable(config)
    assert not database(full).exists()
    assert salvaged.exists()


def damage_page(path: Path, table: str) -> None:
    """Overwrites the page at the root of a table or an index with noise."""
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


@pytest.mark.parametrize("table", ["ix_runs_state", "chunks", "summaries"])
def test_damaged_pages_are_said_at_the_start_and_the_rest_is_saved(full, table):
    session = full.joined(instance=99_999)
    full.submit(name="open")
    grant = full.lease(session)
    full.upload(session, grant)
    files = full.context.store.read_now(sealed.files)
    config = full.stop()
    damage_page(database(full), table)
    with pytest.raises(Refused, match=r"is damaged.*restore DIR --replace.*doctor --salvage"):
        Store.at(full.home)
    assert "salvage" in wrong(config)["database"]
    lost = doctor.save_readable(config)
    assert set(lost) <= {table}
    full.start()
    assert full.context.store.read_now(sealed.files) == files
    assert full.state(grant.key) == "uploaded"
    staged = full.context.store.read_now(lambda connection: len(list(chunks.staged(connection, grant.key))))
    assert staged == (0 if table == "chunks" else 3)
    assert "database" not in wrong(config)


def test_what_is_saved_is_as_it_was_written_or_counted_as_lost(full):
    """A text that is no UTF-8 any more may not come back as another id, name or number."""
    (first, second, third) = full.context.store.read_now(sealed.files)
    config = full.stop()
    with sqlite3.connect(database(full)) as connection:
        connection.execute(
            "UPDATE manifest SET sha256 = CAST(X'ff' || substr(sha256, 2) AS TEXT) WHERE run_id = ?",
            (second.run_id,),
        )
        connection.execute(
            "UPDATE runs SET message = CAST(X'666fff' AS TEXT) WHERE run_id = ?", (third.run_id,)
        )
    connection.close()
    assert doctor.save_readable(config) == {"manifest": 1}
    full.start()
    assert full.context.store.read_now(sealed.files) == [first, third]
    run = full.context.store.read_now(lambda connection: runs.get(connection, third.run_id))
    assert (run.state, run.message) == ("sealed", "fo\N{REPLACEMENT CHARACTER}")


def test_what_the_doctor_says_of_a_healthy_home_and_of_a_flipped_chunk(full):
    assert wrong(full.context.config) == {}
    session = full.joined(instance=99_999)
    full.submit(name="open")
    grant = full.lease(session)
    full.upload(session, grant)
    flip = "UPDATE chunks SET crc32 = crc32 + 1 WHERE stream = 'marks'"
    full.do(full.context.store.write(lambda connection: connection.exec_driver_sql(flip) and None))
    (sentence,) = wrong(full.context.config).values()
    assert f"run {grant.key.run_id}, attempt 1: 1 chunks differ from their checksum (marks 0)" in sentence


def test_a_file_that_a_crash_left_unlisted_stops_no_start(full):
    session = full.joined(instance=99_999)
    full.submit(name="open")
    grant = full.lease(session)
    full.upload(session, grant)
    run = full.context.store.read_now(lambda connection: runs.get(connection, grant.key.run_id))
    place = lake_age.samples_file(run.sweep_id, run.run_id, run.attempt)
    spoil(full.context.lake, place, b"half")
    full.stop()
    assert tidied(full) == 1
    full.start()
    full.seal()
    assert full.state(grant.key) == "sealed"


@pytest.mark.parametrize("first", ["the file", "the deletion"])
def test_a_collector_killed_between_a_seal_and_its_list_starts_though_the_sweep_was_deleted(rig, first):
    session = rig.joined()
    rig.submit(name="gone")
    grant = rig.lease(session)
    rig.upload(session, grant)
    store, lake = rig.context.store, rig.context.lake
    place = seal(store.address, lake.address, grant.key.run_id, grant.key.attempt)["path"]
    content = read(lake, place)
    rig.do(sweeps.cancel(rig.context, "gone"))
    rig.do(sweeps.delete(rig.context, "gone"))
    if first == "the deletion":
        spoil(lake, place, content)
    rig.stop()  # nothing was told of the file, as after a kill
    assert tidied(rig) == 0
    rig.start()
