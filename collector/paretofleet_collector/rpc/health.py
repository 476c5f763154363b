"""Whether the collector of a folder on this machine serves, asked over its local socket."""

from __future__ import annotations

from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from paretofleet_collector.config import UNIX, socket_path
from paretofleet_collector.errors import Unreachable

ANSWER_S = 5.0


def can_store(home: Path) -> bool:
    """Whether the collector whose folder is `home` can store what comes; raises Unreachable."""
    with grpc.insecure_channel(f"{UNIX}{socket_path(home)}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S)
        except grpc.RpcError as error:
            raise Unreachable(
                f"No collector answers in {home} ({error.code().name.lower()}); start it with "
                f"`paretofleet collector serve --home {home}`."
            ) from None
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
