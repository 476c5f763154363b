"""Acknowledged is for ever: whatever fails at the seal, the samples are sealed or stay staged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from paretofleet_collector.errors import CollectorError, StorageUnavailable
from paretofleet_collector.jobs import seal
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.files import Lake
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.service import backoff, reports, sweeps
from paretofleet_collector.service.sealing import Sealer
from paretofleet_collector.store import chunks, runs, sealed
from paretofleet_collector.store.attempts import ATTEMPTS
from rig import Rig, build, chunk, end_of, samples_of


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "MOST_S", 0.2)


@contextlib.contextmanager
def mounted(path: Path) -> Iterator[None]:
    """A small file system of its own at a folder."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no tmpfs here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def uploaded(rig: Rig, facts: dict | None = None, **shape) -> tuple[str, AttemptKey, int]:
    """A sweep with one run that was uploaded; its name, the attempt and how many chunks are staged."""
    session = rig.joined()
    sweep = rig.submit()
    grant = rig.lease(session)
    made = samples_of(grant.key, **shape)
    for one in made:
        rig.send(session, one)
    rig.end(session, end_of(grant.key, made, facts=facts))
    return sweep.name, grant.key, len(made)


def staged(rig: Rig, key: AttemptKey) -> int:
    return rig.context.store.read_now(lambda connection: len(list(chunks.staged(connection, key))))


def seal_until(rig: Rig, happened: Callable[[], bool]) -> None:
    """The collector's background task, until that has happened; it must still be at work then."""

    async def work() -> None:
        task = asyncio.create_task(Sealer(rig.context, rig.context.worker).run())
        for _ in range(2400):
            await asyncio.sleep(0.05)
            if happened():
                break
        assert happened()
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    rig.do(work())


def put_facts(connection: sa.Connection, key: AttemptKey, facts: dict) -> None:
    changed = {"environment": {"kernel": "6"}, **facts}
    where = ATTEMPTS.c.run_id == key.run_id
    connection.execute(ATTEMPTS.update().where(where).values(facts_json=json.dumps(changed)))


ODD_FACTS = {
    "a digit too many": {"load_ns": 10**3999},
    "a lone surrogate": {"flags": ["\ud800"], "environment": {"kernel": "\udfff"}},
    "a number for flags": {"flags": 7},
    "flags of another kind": {"flags": [[1], {"a": 2}]},
    "a text for a time": {"load_ns": "soon"},
    "a text for bytes": {"memory_peak_bytes": "lots"},
    "a list of what ran": {"effective": [1, 2]},
    "sensors that are none": {"sensors": [{"stream": "power:x/y", "schema": "nonsense"}]},
    "a number for sensors": {"sensors": 3},
    "a start that is no time": {"started_unix_s": "yesterday"},
    "a boot that is no text": {"boot_id": {"no": "id"}},
}


def test_samples_of_odd_facts_are_sealed_and_the_report_says_why_they_have_no_values(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=tuple(range(1, len(ODD_FACTS) + 2)))
    odd = dict(enumerate(ODD_FACTS, start=1))
    for _ in range(len(ODD_FACTS) + 1):
        grant = rig.lease(session)
        made = samples_of(grant.key)
        for one in made:
            rig.send(session, one)
        rig.end(session, end_of(grant.key, made))
        facts = ODD_FACTS.get(odd.get(grant.planned.configuration.batch_size, ""))
        if facts is not None:  # as an earlier version took them, or a disk made them
            rig.do(
                rig.context.store.write(lambda connection, k=grant.key, f=facts: put_facts(connection, k, f))
            )
        rig.clock[0] += 1
    rig.seal()
    files = rig.context.store.read_now(sealed.files)
    assert [file.samples for file in files] == [22] * (len(ODD_FACTS) + 1)
    assert all(pq.read_table(rig.home / "lake" / file.path).num_rows == 22 for file in files)
    states = {
        each.configuration.batch_size: each
        for each in rig.do(sweeps.show(rig.context, sweep.name)).configurations
    }
    _, report = rig.do(reports.report_file(rig.context, sweep.name))
    rows = {row["batch_size"]: row for row in pq.read_table(report).to_pylist()}
    assert rig.sweep(sweep.name).state == "finished_with_failures"
    for size, row in rows.items():
        odd_fact, state = odd.get(size), states[size]
        if odd_fact is None:
            assert (row["status"], row["reason"], row["runs"]) == ("ok", None, 1)
            continue
        assert (row["status"], row["reason"], row["runs"]) == ("failed", runs.NOT_SUMMARISED, 0), odd_fact
        assert (state.reason, dict(state.runs_by_state)) == (runs.NOT_SUMMARISED, {"sealed": 1})
        assert "sealed" in state.message
        assert f"report rebuild {sweep.name}" in state.message


def test_a_fault_in_the_analysis_leaves_the_samples_and_a_rebuild_mends_the_row(rig, monkeypatch):
    def broken(*_, **__):
        return 1 / 0

    name, _, _ = uploaded(rig)
    arguments = {"database": rig.context.store.address, "lake": str(rig.home / "lake")}
    with monkeypatch.context() as patch:
        patch.setattr(seal, "summarize_run", broken)

        async def in_this_process(kind: str, **given: object) -> object:
            assert kind == "seal"
            return seal.seal(**{**arguments, **given})

        patch.setattr(rig.context.worker, "run", in_this_process)
        rig.seal()
    (state,) = rig.do(sweeps.show(rig.context, name)).configurations
    assert "ZeroDivisionError" in state.message
    rebuilt = rig.do(reports.rebuild(rig.context, name))
    assert (rebuilt.runs, rebuilt.changed, rebuilt.faults) == (1, 1, ())
    (state,) = rig.do(sweeps.show(rig.context, name)).configurations
    assert (state.reason, rig.sweep(name).state) == ("", "finished")
    _, report = rig.do(reports.report_file(rig.context, name))
    (row,) = pq.read_table(report).to_pylist()
    assert (row["status"], row["reason"], row["runs"]) == ("ok", None, 1)
    assert row["batch_latency_mean_s"] == pytest.approx(0.01)


def test_a_worker_that_dies_of_the_summary_seals_without_it(rig, monkeypatch):
    """As when the system's out-of-memory killer takes it each time."""
    name, key, _ = uploaded(rig)
    real = Worker.run
    deaths = []

    async def deadly(self: Worker, kind: str, **given: object) -> object:
        if kind == "seal" and given["summarise"]:
            await self.close()  # a process that starts is not done within a moment
            work = asyncio.create_task(real(self, kind, **given))
            while self._process is None:  # noqa: ASYNC110 - of its start nobody tells
                await asyncio.sleep(0.01)
            deaths.append(self._process.pid)
            os.kill(self._process.pid, signal.SIGKILL)
            return await work
        return await real(self, kind, **given)

    monkeypatch.setattr(Worker, "run", deadly)
    rig.seal()
    assert len(deaths) == 2
    assert (rig.state(key), staged(rig, key)) == ("sealed", 0)
    assert "worker process" in rig.do(sweeps.show(rig.context, name)).configurations[0].message
    assert rig.do(reports.rebuild(rig.context, name)).changed == 1


def test_a_worker_that_always_dies_costs_no_sample(rig, monkeypatch):
    _, key, count = uploaded(rig)

    tries = []

    async def dying(*_: object, **__: object) -> None:
        tries.append(1)
        raise CollectorError("The collector's worker process died; try again.")

    with monkeypatch.context() as patch:
        patch.setattr(rig.context.worker, "run", dying)
        seal_until(rig, lambda: len(tries) >= 5)
    assert (rig.state(key), staged(rig, key)) == ("uploaded", count)
    rig.seal()
    assert (rig.state(key), staged(rig, key)) == ("sealed", 0)


def test_a_read_only_lake_costs_no_sample_and_is_said_once(tmp_path, caplog):
    """Only the lake is on a disk of its own: what is open for writing cannot be made read-only here."""
    lake = tmp_path / "lake"
    lake.mkdir()
    with mounted(lake):
        rig = build(tmp_path, asyncio.new_event_loop(), [1000.0])
        name, key, count = uploaded(rig)
        subprocess.run(["mount", "-o", "remount,ro", str(lake)], check=True)
        seal_until(rig, lambda: "Read-only file system" in rig.context.lake_fault)
        rig.do(rig.context.check_lake())
        assert "Read-only file system" in rig.context.lake_fault
        assert (rig.state(key), staged(rig, key)) == ("uploaded", count)
        subprocess.run(["mount", "-o", "remount,rw", str(lake)], check=True)
        rig.do(rig.context.check_lake())
        assert rig.context.lake_fault == ""
        assert caplog.text.count("Read-only file system") == 1
        rig.seal()
        assert (rig.state(key), staged(rig, key)) == ("sealed", 0)
        assert rig.do(reports.rebuild(rig.context, name)).faults == ()
        rig.do(rig.context.worker.close())
        rig.context.store.close()
        rig.loop.close()


def test_a_file_that_may_not_grow_leaves_nothing_in_the_lake(tmp_path):
    lake = Lake(tmp_path)
    lengths = np.random.default_rng(1).integers(0, 2**50, 65_536)
    streams = samples.decode([chunk(AttemptKey("r", 1), "iterations", 0, np.arange(65_536), lengths)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageUnavailable, match="File too large"):
            lake.put("samples/s/x", lambda path: samples.write_parquet(path, streams, "r", 1, {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def flip(rig: Rig, statement: str) -> None:
    rig.do(rig.context.store.write(lambda connection: connection.exec_driver_sql(statement) and None))


def test_a_damaged_or_lost_chunk_is_seen():
    key = AttemptKey("run", 1)
    good = [each for each in samples_of(key, chunks=3) if each.stream == "iterations"]
    marks = {"iterations": 3}
    assert seal.damage_in(good, marks) == ""
    assert "1 chunks are not there (iterations 1)" in seal.damage_in([good[0], good[2]], marks)
    assert "iterations 2" in seal.damage_in(good[:2], marks)
    assert "marks 0" in seal.damage_in(good, {**marks, "marks": 1})
    for harm in ({"n": 9}, {"schema": "power/1"}, {"seq": 3}, {"columns": b"\1" + good[1].columns[1:]}):
        assert "differ from their checksum" in seal.damage_in([good[0], replace(good[1], **harm)], marks)


def test_chunks_that_the_disk_damaged_are_not_sealed_but_measured_again(rig):
    name, key, count = uploaded(rig)
    flip(
        rig,
        "UPDATE chunks SET columns = CAST(x'01' || substr(columns, 2) AS BLOB)"
        " WHERE stream = 'iterations' AND seq = 1",
    )
    rig.seal()
    assert rig.state(key) == "pending"
    assert rig.context.store.read_now(sealed.files) == []
    assert staged(rig, key) == count
    session = rig.joined(instance=2)
    grant = rig.lease(session)
    assert grant.key == AttemptKey(key.run_id, key.attempt + 1)
    assert rig.context.store.read_now(lambda connection: runs.tries(connection, key.run_id)) == 0
    rig.upload(session, grant)
    rig.seal()
    assert (rig.state(key), rig.sweep(name).state) == ("sealed", "finished")
    assert staged(rig, key) == count


def test_samples_of_a_failed_run_stay(rig):
    session = rig.joined()
    rig.submit()
    for _ in range(3):
        grant = rig.lease(session)
        made = samples_of(grant.key)
        for one in made:
            rig.send(session, one)
        rig.end(session, end_of(grant.key, made, "crashed"))
    assert rig.state(grant.key) == "failed"
    assert [staged(rig, AttemptKey(grant.key.run_id, number)) for number in (1, 2, 3)] == [len(made)] * 3


def test_a_truncated_file_is_left_out_with_a_sentence_and_the_others_come(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2, 4))
    for _ in range(3):
        rig.upload(session, rig.lease(session))
    rig.seal()
    files = rig.context.store.read_now(sealed.files)
    broken = rig.home / "lake" / files[1].path
    broken.write_bytes(broken.read_bytes()[:-100])
    (rig.home / "lake" / files[2].path).unlink()
    came: list[str] = []

    async def pull() -> None:
        async for shown, _ in reports.sample_files(rig.context, sweep.name):
            came.append(shown)

    with pytest.raises(CollectorError, match="2 of 3 files were left out") as problem:
        rig.do(pull())
    assert [Path(shown).name for shown in came] == [Path(files[0].path).name]
    assert files[1].run_id in str(problem.value)
    assert "is missing in the lake" in str(problem.value)
    rebuilt = rig.do(reports.rebuild(rig.context, sweep.name))
    assert (rebuilt.runs, rebuilt.changed, len(rebuilt.faults)) == (3, 0, 2)
    assert "its SHA-256 is not that" in rebuilt.faults[0]
    _, report = rig.do(reports.report_file(rig.context, sweep.name))
    assert [row["status"] for row in pq.read_table(report).to_pylist()] == ["ok"] * 3


def test_waits_double_up_to_a_bound(monkeypatch):
    monkeypatch.undo()
    assert [backoff.delay_s(number) for number in (1, 2, 3, 4, 100, 10_000)] == [1, 2, 4, 8, 120, 120]
