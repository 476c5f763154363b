"""Options of gRPC have names that its library knows: it says nothing of those that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpc._cython import cygrpc
from paretofleet_agent.uplink import channels
from paretofleet_collector.rpc import listeners, login, server


@pytest.mark.parametrize(
    "options",
    [server._OPTIONS, listeners._JOIN_OPTIONS, login.OPTIONS, channels.OPTIONS],
    ids=["server", "join server", "command", "agent"],
)
def test_the_library_knows_every_option(options):
    library = Path(cygrpc.__file__).read_bytes()
    assert [name for name, _ in options if name.encode() + b"\0" not in library] == []
