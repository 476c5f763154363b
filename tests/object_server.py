"""A server of the tests' own that speaks S3; it keeps nothing durably."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

SECRET = "moto-secret-key"  # noqa: S105 - to be looked for in messages


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """Host and port of the running server."""
    server = pytest.importorskip("moto.server")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield running.get_host_and_port()
    running.stop()


def set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "moto")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def new_lake(server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty lake in a bucket of its own, and the credentials in the environment."""
    set_credentials(monkeypatch)
    host, port = server
    bucket = f"fleet-{secrets.token_hex(4)}"
    # A session of its own: the default one keeps the keys of whoever asked first in this process.
    session = pytest.importorskip("boto3").Session()
    client = session.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}/team?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
