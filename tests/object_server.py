"""A server of the tests' own that speaks S3; it keeps nothing durably."""

from __future__ import annotations

import http.client
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
    # Not by boto3, whose client takes a tenth of a second of the processor for each test.
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("PUT", f"/{bucket}")
    assert connection.getresponse().status == 200
    connection.close()
    return f"s3://{bucket}/team?endpoint_override={host}:{port}&scheme=http&region=us-east-1"


def remove_bucket(server: tuple[str, int], bucket: str) -> None:
    """Deletes a bucket with all that is in it, as an operator may by mistake."""
    host, port = server
    session = pytest.importorskip("boto3").Session()
    client = session.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    for each in client.list_objects_v2(Bucket=bucket).get("Contents", []):
        client.delete_object(Bucket=bucket, Key=each["Key"])
    client.delete_bucket(Bucket=bucket)
