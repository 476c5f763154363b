"""A full disk: nothing is acknowledged that was not stored, nothing half-written stays, and it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paretofleet_analysis.errors import ReportError
from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.jobs import __main__ as worker_process
from paretofleet_collector.model.messages import UploadVerdict
from paretofleet_collector.store import chunks
from rig import build, chunk, end_of, samples_of


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    path = tmp_path / "small"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no tmpfs here: {done.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_chunks_are_refused_while_full_and_stored_once_after(small_disk):
    loop = asyncio.new_event_loop()
    rig = build(small_disk, loop, [1000.0])
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (1 << 20))
    taken, refused = 0, None
    for seq in range(100):
        try:
            answer = rig.send(session, chunk(key, "iterations", seq, range(4096), range(4096)))
        except StorageUnavailable as error:
            refused = (seq, str(error))
            break
        assert answer.verdict is UploadVerdict.COMMITTED
        taken += 1
    assert refused is not None
    assert "full" in refused[1]
    stored = rig.context.store.read_now(lambda connection: len(list(chunks.staged(connection, key))))
    assert stored == taken
    filler.unlink()
    answer = rig.send(session, chunk(key, "iterations", taken, range(10), range(10)))
    assert answer.verdict is UploadVerdict.COMMITTED
    rig.context.store.close()
    loop.close()


def test_a_run_that_cannot_be_sealed_stays_uploaded_until_there_is_room(small_disk, monkeypatch):
    monkeypatch.setattr("paretofleet_collector.service.backoff.MOST_S", 0.2)
    loop = asyncio.new_event_loop()
    rig = build(small_disk, loop, [1000.0])
    session = rig.joined()
    rig.submit()
    grant = rig.lease(session)
    made = samples_of(grant.key, chunks=2, each=4096)
    for one in made:
        rig.send(session, one)
    rig.end(session, end_of(grant.key, made))
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)

    async def one_round(seconds: float) -> None:
        from paretofleet_collector.service.sealing import Sealer

        task = asyncio.create_task(Sealer(rig.context, rig.context.worker).run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    rig.do(one_round(3.0))
    assert rig.state(grant.key) == "uploaded"
    assert list((small_disk / "lake" / "tmp").iterdir()) == []
    assert list((small_disk / "lake" / "samples").rglob("*.parquet")) == []
    filler.unlink()
    rig.seal()
    assert rig.state(grant.key) == "sealed"
    rig.do(rig.context.worker.close())
    rig.context.store.close()
    loop.close()


def test_a_database_without_room_is_a_full_disk_to_the_worker(monkeypatch, caplog):
    """SQLite says so in words, not by the error number of the system."""

    def seal() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(worker_process, "_jobs", lambda _: {"seal": seal})
    assert worker_process._answer('{"kind": "seal", "arguments": {}}')["error"] == "StorageUnavailable"
    assert caplog.records == []


def test_a_report_without_room_is_a_full_disk_to_the_worker(monkeypatch, caplog):
    """The analysis wraps the system's error in one of its own."""

    def write() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ReportError("cannot write the report") from error

    monkeypatch.setattr(worker_process, "_jobs", lambda _: {"report": write})
    assert worker_process._answer('{"kind": "report", "arguments": {}}')["error"] == "StorageUnavailable"
    assert caplog.records == []


def test_a_collector_that_finds_no_room_at_its_start_says_so_and_nothing_else(small_disk):
    command = [sys.executable, "-m", "paretofleet_collector", "collector", "serve"]
    command += ["--home", str(small_disk / "home"), "--listen", "127.0.0.1:0"]
    with (small_disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1
    assert "no room on the disk" in done.stderr
    assert len(done.stderr.splitlines()) == 1
