"""Sealing: a run's samples become one file and one summary, once, whatever is killed in between."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from paretofleet_analysis.runs.summary import RULE_VERSION
from paretofleet_collector.errors import CollectorError, NotFound, Refused
from paretofleet_collector.jobs import seal
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake import samples
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.model.views import Deleted
from paretofleet_collector.service import lake_age, reports, sweeps
from paretofleet_collector.store import chunks, sealed
from rig import Rig, build, chunk, samples_of


def files_of(rig: Rig) -> list[Path]:
    return sorted((rig.home / "lake" / "samples").rglob("*.parquet"))


def pulled(rig: Rig, name: str) -> list[tuple[str, Path]]:
    async def work() -> list[tuple[str, Path]]:
        return [each async for each in reports.sample_files(rig.context, name)]

    return rig.do(work())


def tidy(rig: Rig) -> list[str]:
    """What a start does with the lake; returns what is set aside then."""
    store, lake = rig.context.store, rig.context.lake
    lake.set_aside(store.read_now(lambda connection: lake_age.unlisted_files(connection, lake)))
    return lake.orphans()


def measured(rig: Rig, **shape) -> tuple[str, AttemptKey, list]:
    session = rig.joined()
    sweep = rig.submit()
    grant = rig.lease(session)
    return sweep.name, grant.key, rig.upload(session, grant, **shape)


def test_every_sample_is_in_the_file_once_with_its_phase(rig):
    name, key, made = measured(rig, chunks=3, each=100)
    rig.seal()
    assert rig.state(key) == "sealed"
    assert rig.sweep(name).state == "finished"
    (path,) = files_of(rig)
    table = pq.read_table(path)
    assert table.num_rows == sum(one.n for one in made)
    iterations = [row for row in table.to_pylist() if row["stream"] == "iterations"]
    assert [row["t_ns"] for row in iterations] == [number * 10_000_000 for number in range(300)]
    assert {row["phase"] for row in iterations} == {"measure"}
    assert {row["value"] for row in iterations} == {10_000_000}
    stored = rig.context.store.read_now(sealed.files)
    assert [(file.run_id, file.samples) for file in stored] == [(key.run_id, table.num_rows)]
    assert rig.context.store.read_now(lambda connection: list(chunks.staged(connection, key))) == []


def test_streams_survive_the_way_to_the_file_and_back(tmp_path):
    key = AttemptKey("run", 1)
    given = [
        *samples_of(key),
        chunk(key, "power:ina/x", 0, [5, 6], [-1, 2**40]),
        chunk(key, "state", 0, [1, 2], [2, 3], texts='{}"é"'.encode()[:5]),
    ]
    streams = samples.decode(given)
    path = tmp_path / "x.parquet"
    assert samples.write_parquet(path, streams, "run", 1, {}) == sum(one.n for one in given)
    again = samples.read_parquet(path)
    assert set(again) == set(streams)
    for name, stream in streams.items():
        assert np.array_equal(stream.first, again[name].first)
        assert np.array_equal(stream.second, again[name].second)
        assert (stream.schema, stream.texts) == (again[name].schema, again[name].texts)


def test_a_crash_between_file_and_commit_loses_and_doubles_nothing(rig):
    _, key, made = measured(rig)
    arguments = (rig.context.store.address, str(rig.context.lake.root), key.run_id, key.attempt)
    written = seal.seal(*arguments)
    assert len(files_of(rig)) == 1
    # Here the collector dies. The next one finds a file that nothing lists and a run that is uploaded.
    rig.context.store.close()
    again = build(rig.home, rig.loop, rig.clock)
    assert tidy(again) == [f"orphans/{written['path']}"]
    assert files_of(again) == []
    again.seal()
    assert again.state(key) == "sealed"
    assert pq.read_table(files_of(again)[0]).num_rows == sum(one.n for one in made)
    assert [file.sha256 for file in again.context.store.read_now(sealed.files)] == [written["sha256"]]
    rig.context = again.context


def test_a_worker_killed_in_the_middle_is_started_again(rig):
    _, key, _ = measured(rig)

    async def kill_then_work() -> None:
        worker = Worker()
        with pytest.raises(NotFound):
            await worker.run(
                "seal",
                database=rig.context.store.address,
                lake=str(rig.home / "lake"),
                run_id="x",
                attempt=1,
            )
        worker._process.kill()
        await worker._process.wait()
        with pytest.raises(NotFound):
            await worker.run(
                "seal",
                database=rig.context.store.address,
                lake=str(rig.home / "lake"),
                run_id="x",
                attempt=1,
            )
        waiting = asyncio.create_task(
            worker.run("report", database="x", lake=str(rig.home / "lake"), sweep_id="x")
        )
        await asyncio.sleep(0)
        worker._process.kill()
        with pytest.raises(CollectorError):
            await waiting
        await worker.close()

    rig.do(kill_then_work())
    rig.seal()
    assert rig.state(key) == "sealed"


def test_a_summary_is_computed_again_from_the_file(rig):
    name, key, _ = measured(rig)
    rig.seal()
    assert rig.do(reports.rebuild(rig.context, name)).changed == 0

    def spoil(connection) -> None:
        summary = json.loads(connection.exec_driver_sql("SELECT summary_json FROM summaries").scalar())
        sealed.replace_summary(connection, key.run_id, {**summary, "batch_latency_mean_s": 7.0})

    rig.do(rig.context.store.write(spoil))
    rebuilt = rig.do(reports.rebuild(rig.context, name))
    assert (rebuilt.runs, rebuilt.changed, rebuilt.rule_version) == (1, 1, RULE_VERSION)
    assert rig.do(reports.rebuild(rig.context, name)).changed == 0


def test_a_summary_that_another_processor_rounds_in_its_own_way_is_the_same_summary(rig):
    _, key, _ = measured(rig)
    rig.seal()

    def rounded(connection) -> tuple[bool | None, bool | None]:
        summary = json.loads(connection.exec_driver_sql("SELECT summary_json FROM summaries").scalar())
        mean = summary["batch_latency_mean_s"]
        last, more = math.nextafter(mean, math.inf), mean * (1 + 1e-6)
        return tuple(
            sealed.replace_summary(connection, key.run_id, {**summary, "batch_latency_mean_s": value})
            for value in (last, more)
        )

    assert rig.do(rig.context.store.write(rounded)) == (False, True)


def test_the_report_holds_what_ran_what_failed_and_what_is_pending(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2, 4), runs_min=2, runs_max=2)
    seen: dict[int, int] = {}
    while len(seen) < 2:
        grant = rig.lease(session)
        size = grant.planned.configuration.batch_size
        seen[size] = seen.get(size, 0) + 1
        if size == 4:
            rig.fail(session, grant, "oom")
        else:
            rig.upload(session, grant, seconds=0.01 * size)
            rig.seal()
    name, path = rig.do(reports.report_file(rig.context, sweep.name))
    assert name == f"{sweep.name}.parquet"
    rows = {row["batch_size"]: row for row in pq.read_table(path).to_pylist()}
    path.unlink()
    assert set(rows) == {1, 2, 4}
    for size, row in rows.items():
        if size not in seen:
            assert row["status"] == "pending"
        elif size == 4:
            assert (row["status"], row["reason"]) == ("failed", "oom")
        else:
            assert row["batch_latency_mean_s"] == pytest.approx(0.01 * size)
            assert (row["top1"], row["parameters"]) == (None, 1)


def test_samples_are_pulled_by_file_and_deleted_with_their_sweep(rig):
    name, _, _ = measured(rig)
    with pytest.raises(NotFound, match="no sealed samples"):
        pulled(rig, name)
    with pytest.raises(Refused, match="cancel it first"):
        rig.do(sweeps.delete(rig.context, name))
    rig.seal()
    ((shown, path),) = pulled(rig, name)
    assert shown.startswith(f"{name}/")
    assert path.exists()
    assert rig.do(sweeps.delete(rig.context, name)) == Deleted(runs=1, files=1)
    assert files_of(rig) == []
    with pytest.raises(NotFound, match=f"no sweep '{name}'"):
        rig.sweep(name)


def test_a_run_deleted_while_it_is_sealed_leaves_no_file(rig):
    name, key, _ = measured(rig)
    rig.do(sweeps.cancel(rig.context, name))
    assert rig.state(key) == "uploaded"
    rig.do(sweeps.delete(rig.context, name))
    rig.seal()
    assert files_of(rig) == []
