"""Who reads the lake without the collector learns from a manifest which rows of which file are whose."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from lakes import read, spoil
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.files import manifest_file
from paretofleet_collector.service import garbage
from paretofleet_collector.service import sweeps as deleting
from paretofleet_collector.service.lake_age import unlisted_files
from paretofleet_collector.service.manifests import Manifests
from paretofleet_collector.service.merging import Merger, delete_discarded
from paretofleet_collector.store import sealed, sweeps
from rig import Rig

#: Of each sweep.
RUNS = 3


@pytest.fixture
def measured(rig) -> Rig:
    """A collector with the sealed sweeps `first` and `second`."""
    rig.measure("first")
    rig.measure("second")
    return rig


def write(rig: Rig) -> int:
    return rig.do(Manifests(rig.context, rig.context.worker).write_due())


def sweep_id(rig: Rig, name: str) -> str:
    return rig.context.store.read_now(lambda connection: sweeps.find(connection, name)).sweep_id


def manifest(rig: Rig, name: str) -> list[dict[str, Any]]:
    with rig.context.lake.copy_of(manifest_file(sweep_id(rig, name))) as path:
        return pq.read_table(path).to_pylist()


def test_each_sealed_run_is_in_the_manifest_of_its_sweep_with_what_it_is(measured):
    rig = measured
    assert write(rig) == 2
    rows = manifest(rig, "first")
    assert [row["batch_size"] for row in sorted(rows, key=lambda row: row["batch_size"])] == [1, 2, 4]
    listed = {file.run_id: file for file in rig.context.store.read_now(sealed.files)}
    for row in rows:
        file = listed[row["run_id"]]
        assert (row["path"], row["sha256"], row["samples"]) == (file.path, file.sha256, file.samples)
        assert (row["sweep"], row["model"], row["device"]) == ("first", "tiny", "box")
        assert row["time_column"] == "t_ns"
        assert row["retired_at"] is None
        assert row["rule_version"]


def test_only_what_has_changed_is_written_again_also_by_the_next_start(measured):
    rig = measured
    keeper = Manifests(rig.context, rig.context.worker)
    assert rig.do(keeper.write_due()) == 2
    assert rig.do(keeper.write_due()) == 0
    rig.measure("third")
    assert rig.do(keeper.write_due()) == 1
    assert write(rig) == 0


def test_a_manifest_that_was_damaged_or_lost_is_made_again(measured):
    rig = measured
    write(rig)
    rows = manifest(rig, "first")
    spoil(rig.context.lake, manifest_file(sweep_id(rig, "first")), b"no parquet")
    rig.context.lake.remove(manifest_file(sweep_id(rig, "second")))
    assert write(rig) == 2
    assert manifest(rig, "first") == rows


def test_after_a_merge_the_manifest_says_where_in_the_new_file_each_run_begins(measured):
    rig = measured
    write(rig)
    assert rig.do(Merger(rig.context, rig.context.worker).merge_due()) == 2 * RUNS
    assert write(rig) == 2
    rows = manifest(rig, "first")
    assert {row["time_column"] for row in rows} == {samples.STEPS}
    sizes = [row["samples"] for row in rows]
    assert [row["first_row"] for row in rows] == [sum(sizes[:place]) for place in range(RUNS)]


def test_times_of_a_merged_file_are_what_duckdb_makes_of_its_steps(measured, tmp_path):
    rig = measured
    listed = rig.context.store.read_now(lambda connection: sealed.files(connection, sweep_id(rig, "first")))
    before = {}
    for file in listed:
        with rig.context.lake.copy_of(file.path) as path:
            before[file.run_id] = pq.read_table(path, columns=["t_ns"])["t_ns"].to_pylist()
    rig.do(Merger(rig.context, rig.context.worker).merge_due())
    write(rig)
    (path,) = {row["path"] for row in manifest(rig, "first")}
    copy = tmp_path / "merged.parquet"
    copy.write_bytes(read(rig.context.lake, path))
    sql = """SELECT run_id, sum(t_step_ns) OVER (
                 PARTITION BY run_id, attempt ORDER BY file_row_number)::BIGINT AS t_ns
             FROM read_parquet($file, file_row_number = true) ORDER BY file_row_number"""
    after: dict[str, list[int]] = {}
    for run_id, t_ns in duckdb.execute(sql, {"file": str(copy)}).fetchall():
        after.setdefault(run_id, []).append(t_ns)
    assert after == before


def test_a_run_without_samples_stays_in_the_manifest_with_its_rule(measured):
    rig = measured
    write(rig)
    scope = garbage.Scope(samples_older_than_days=0.0)
    removable = garbage.collect(rig.context.store, rig.context.lake, scope, rig.clock[0] + 1)
    garbage.remove(rig.context.store, rig.context.lake, removable)
    assert write(rig) == 2
    rows = manifest(rig, "first")
    assert [(row["path"], row["time_column"]) for row in rows] == [(None, None)] * RUNS
    assert all(row["retired_at"] and row["rule_version"] and row["samples"] for row in rows)


def test_the_manifest_of_a_deleted_sweep_goes(measured):
    rig = measured
    write(rig)
    path = manifest_file(sweep_id(rig, "first"))
    rig.do(deleting.delete(rig.context, "first"))
    rig.clock[0] += 1000
    rig.do(delete_discarded(rig.context))
    assert write(rig) == 1
    assert not rig.context.lake.has(path)
    assert rig.context.lake.files_below("manifest") == [manifest_file(sweep_id(rig, "second"))]


def test_a_start_leaves_the_manifests_where_they_are(measured):
    rig = measured
    write(rig)
    lake = rig.context.lake
    assert rig.context.store.read_now(lambda connection: unlisted_files(connection, lake)) == []
    lake.set_aside(lake.unlisted((), ()))
    assert len(lake.files_below("manifest")) == 2
