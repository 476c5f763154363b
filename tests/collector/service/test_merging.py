"""Small sealed files become one: every sample once and unchanged, whoever reads or deletes meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lakes import files_in, forget_copies, read, spoil
from paretofleet_collector.errors import CollectorError, StorageUnavailable
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.service import adoption, merging, reports, sweeps
from paretofleet_collector.service.assembly import assemble
from paretofleet_collector.service.merging import Merger
from paretofleet_collector.store import adopted, discarded, runs, sealed
from paretofleet_collector.store import sweeps as store_sweeps
from rig import Rig

RUNS = 6


@pytest.fixture
def small(rig) -> tuple[Rig, str]:
    """A collector with a sealed sweep of 6 runs, and the sweep's name."""
    session = rig.joined()
    name = rig.submit(batch_sizes=tuple(range(1, RUNS + 1))).name
    for _ in range(RUNS):
        rig.upload(session, rig.lease(session))
    rig.seal()
    return rig, name


def merge(rig: Rig) -> int:
    return rig.do(Merger(rig.context, rig.context.worker).merge_due())


def listed(rig: Rig) -> list[sealed.SealedFile]:
    return rig.context.store.read_now(sealed.files)


def pulled(rig: Rig, name: str) -> dict[str, bytes]:
    """The files that `report samples` brings, by name."""

    async def work() -> dict[str, bytes]:
        return {
            shown: await asyncio.to_thread(path.read_bytes)
            async for shown, path in reports.sample_files(rig.context, name)
        }

    return rig.do(work())


def tidied(rig: Rig) -> int:
    """Stops the collector and starts it again; how many files it set aside."""
    rig.stop()

    async def start() -> int:
        collector = assemble(rig.context.config)
        try:
            return await collector.enter()
        finally:
            await collector.close()

    number = rig.do(start())
    rig.start()
    return number


def test_merged_files_bring_the_very_files_that_were_sealed(small):
    rig, name = small
    before = pulled(rig, name)
    assert merge(rig) == RUNS
    files = listed(rig)
    assert len({file.path for file in files}) == 1
    assert [file.first_row for file in files] == [22 * number for number in range(RUNS)]
    assert pulled(rig, name) == before
    assert rig.do(reports.rebuild(rig.context, name)).changed == 0
    with rig.context.lake.copy_of(files[0].path) as path:
        assert pq.read_metadata(path).num_rows == 22 * RUNS
    assert merge(rig) == 0
    assert list((rig.context.lake.root / "tmp").iterdir()) == []


def test_old_files_stay_for_their_readers_and_go_after_a_while(small):
    rig, name = small
    stream = reports.sample_files(rig.context, name)
    rig.do(anext(stream))
    merge(rig)
    assert len(files_in(rig.context.lake)) == RUNS + 1
    rig.do(merging.delete_discarded(rig.context))
    assert len(files_in(rig.context.lake)) == RUNS + 1
    rig.clock[0] += merging.GRACE_S + 1
    rig.do(merging.delete_discarded(rig.context))
    assert len(files_in(rig.context.lake)) == 1
    assert rig.context.store.read_now(discarded.before) == []

    async def rest() -> int:
        return len([path.stat() async for _, path in stream])

    assert rig.do(rest()) == RUNS - 1  # a reader that is slower than that finds them in the new file


def test_a_damaged_file_is_left_alone_and_the_others_are_merged(small):
    rig, _ = small
    damaged = listed(rig)[2]
    spoil(rig.context.lake, damaged.path, read(rig.context.lake, damaged.path)[:-1])
    assert merge(rig) == RUNS - 1
    assert damaged in listed(rig)
    assert rig.context.lake.has(damaged.path)


def test_a_crash_before_the_list_is_changed_leaves_the_old_files(small, monkeypatch):
    rig, name = small
    before, files = pulled(rig, name), listed(rig)

    def crash(*_: object) -> None:
        raise CollectorError("here it dies")

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_list_anew", crash)
        with pytest.raises(CollectorError):
            merge(rig)
    assert (listed(rig), pulled(rig, name)) == (files, before)
    assert merge(rig) == RUNS
    assert pulled(rig, name) == before


def test_a_crash_before_the_list_is_changed_stops_no_start(small, monkeypatch):
    rig, name = small
    before = pulled(rig, name)

    def crash(*_: object) -> None:
        raise CollectorError("here it dies")

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_list_anew", crash)
        with pytest.raises(CollectorError):
            merge(rig)
    assert tidied(rig) == 1
    assert pulled(rig, name) == before


def test_a_lake_that_is_out_of_reach_is_no_damage_and_is_merged_later(small, monkeypatch):
    rig, name = small
    before, lake = pulled(rig, name), rig.context.lake
    if not lake.shown.startswith("s3:"):
        pytest.skip("a folder is always in reach")
    forget_copies(lake)
    rig.do(rig.context.worker.close())  # the next one has the wrong credentials
    with monkeypatch.context() as patch:
        patch.setattr(type(lake), "address", lake.address.replace("127.0.0.1:", "127.0.0.2:1"), raising=False)
        merger = Merger(rig.context, rig.context.worker)
        with pytest.raises(StorageUnavailable):
            rig.do(merger.merge_due())
    assert rig.do(merger.merge_due()) == RUNS
    assert pulled(rig, name) == before


def test_what_a_merge_left_of_a_sweep_that_is_deleted_later_stops_no_start(small, monkeypatch):
    rig, name = small

    def crash(*_: object) -> None:
        raise CollectorError("here it dies")

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_list_anew", crash)
        with pytest.raises(CollectorError):
            merge(rig)
    (left,) = [path for path in files_in(rig.context.lake) if "/merged-" in path]
    whole = read(rig.context.lake, left)
    rig.do(sweeps.delete(rig.context, name))
    rig.clock[0] += merging.GRACE_S + 1
    rig.do(merging.delete_discarded(rig.context))
    assert tidied(rig) == 0
    assert read(rig.context.lake, f"orphans/{left}") == whole, "it is kept"


def test_a_merge_during_a_deletion_that_broke_off_stops_no_start(small):
    rig, _ = small
    sweep_id = listed(rig)[0].path.split("/")[1]
    merge(rig)
    (merged,) = {file.path for file in listed(rig)}
    rig.do(rig.context.store.write(lambda connection: store_sweeps.hide(connection, sweep_id)))
    run_id = listed(rig)[0].run_id
    rig.do(rig.context.store.write(lambda connection: runs.delete(connection, [run_id])))
    lake = rig.context.lake
    spoil(lake, f"samples/{sweep_id}/merged-0123456789abcdef.parquet", read(lake, merged))
    assert tidied(rig) == 1


def test_a_run_without_samples_is_not_merged(small):
    rig, _ = small
    empty = listed(rig)[0]
    without = sealed.MANIFEST.update().where(sealed.MANIFEST.c.run_id == empty.run_id).values(samples=0)
    rig.do(rig.context.store.write(lambda connection: connection.execute(without) and None))
    small_files = rig.context.store.read_now(lambda connection: sealed.small(connection, 100))
    assert {file.path for _, file in small_files} == {file.path for file in listed(rig)} - {empty.path}


def test_a_sweep_that_is_deleted_takes_its_merged_file_along(small):
    rig, name = small
    merge(rig)
    rig.do(sweeps.delete(rig.context, name))
    rig.clock[0] += merging.GRACE_S + 1
    rig.do(merging.delete_discarded(rig.context))
    assert files_in(rig.context.lake) == []


def test_a_merged_file_is_listed_again_when_the_store_is_lost(small):
    rig, name = small
    before = {Path(shown).name: data for shown, data in pulled(rig, name).items()}
    merge(rig)
    rig.clock[0] += merging.GRACE_S + 1
    rig.do(merging.delete_discarded(rig.context))
    sweep_id = listed(rig)[0].path.split("/")[1]
    rig.stop()
    forget_copies(rig.context.lake)
    for path in rig.home.glob("collector.sqlite3*"):
        path.unlink()
    (sentence,) = adoption.adopt(rig.context.config)
    assert f"{RUNS} of {RUNS} runs" in sentence
    rig.start()
    assert {Path(shown).name: data for shown, data in pulled(rig, sweep_id).items()} == before


def lose_store(rig: Rig) -> None:
    rig.stop()
    forget_copies(rig.context.lake)
    for path in rig.home.glob("collector.sqlite3*"):
        path.unlink()


def test_an_adoption_that_breaks_off_in_a_merged_file_loses_none_of_its_runs(small, monkeypatch):
    rig, _ = small
    merge(rig)
    before = {(file.run_id, file.first_row) for file in listed(rig)}
    rig.clock[0] += merging.GRACE_S + 1
    rig.do(merging.delete_discarded(rig.context))
    lose_store(rig)
    adopt, calls = adopted.adopt, []

    def adopt_two(*args: Any) -> None:
        calls.append(args)
        if len(calls) > 2:
            raise CollectorError("here it dies")
        adopt(*args)

    with monkeypatch.context() as patch:
        patch.setattr(adopted, "adopt", adopt_two)
        with pytest.raises(CollectorError, match="here it dies"):
            list(adoption.adopt(rig.context.config))
    list(adoption.adopt(rig.context.config))
    rig.start()
    assert {(file.run_id, file.first_row) for file in listed(rig)} == before


def test_a_file_with_a_run_that_nothing_lists_is_not_merged_away(small):
    rig, _ = small
    lake, single = rig.context.lake, listed(rig)[2].path
    whole = read(lake, single)
    spoil(lake, single, whole[:-1])
    assert merge(rig) == RUNS - 1
    spoil(lake, single, whole)
    last = max((file for file in listed(rig) if "merged-" in file.path), key=lambda file: file.first_row)
    key = AttemptKey(last.run_id, last.attempt)
    rig.do(rig.context.store.write(lambda connection: sealed.unlist(connection, key)))
    assert merge(rig) == 0
    rig.clock[0] += merging.GRACE_S + 1
    rig.do(merging.delete_discarded(rig.context))
    assert lake.has(last.path)


def test_an_older_store_gets_the_facts_of_an_attempt_that_it_knew_the_beginning_of(small):
    rig, name = small
    facts = "SELECT facts_json FROM attempts ORDER BY run_id"
    before = rig.context.store.read_now(lambda c: c.exec_driver_sql(facts).scalars().all())
    assert all("{" in each for each in before)
    rows = [file.run_id for file in listed(rig)]

    def as_before_the_end(connection: Any) -> None:
        connection.exec_driver_sql("UPDATE attempts SET state = 'open', ok = NULL, facts_json = '{}'")
        connection.exec_driver_sql("UPDATE runs SET state = 'running'")
        connection.exec_driver_sql("DELETE FROM manifest")
        connection.exec_driver_sql("DELETE FROM summaries")

    rig.do(rig.context.store.write(as_before_the_end))
    rig.stop()
    list(adoption.adopt(rig.context.config))
    rig.start()
    assert rig.context.store.read_now(lambda c: c.exec_driver_sql(facts).scalars().all()) == before
    assert [file.run_id for file in listed(rig)] == rows
    assert rig.do(reports.rebuild(rig.context, name)).faults == ()
