"""`paretofleet login`: this user joins a collector elsewhere."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from paretofleet_collector.cli.session import notify
from paretofleet_collector.errors import Refused

EXAMPLE = "Example: paretofleet login collector.lan:7412 TOKEN"


def login(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="The collector's join server.")],
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="From `paretofleet token create --role ..`; - reads it.")
    ],
    name: Annotated[str, typer.Option(help="Your name there; by default the token's.")] = "",
) -> None:
    """Join a collector on another machine by a token; its commands then work from here."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from paretofleet_collector.rpc.login import login as join

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused(f"'{address}' is not HOST:PORT of a join server, such as collector.lan:7412.")
    made = join(address, sys.stdin.readline() if token == "-" else token, name)  # noqa: S105
    notify(f"joined as {made.name} ({made.role}); try `paretofleet --collector {made.address} devices list`")
