"""`paretofleet login`: this user joins a collector elsewhere."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from paretofleet_collector.cli.session import notify
from paretofleet_collector.errors import Refused, misused

EXAMPLE = "Example: paretofleet login collector.lan:7412 -"


def login(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="The collector's join server.")],
    token: Annotated[
        str,
        typer.Argument(
            metavar="TOKEN",
            help="From `paretofleet token create --role ..`; - reads it, unseen by others.",
            envvar="PARETOFLEET_TOKEN",
            show_envvar=True,
        ),
    ] = "-",  # noqa: S107
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the token from this file, yours alone.")
    ] = None,
    name: Annotated[str, typer.Option(help="Your name there; by default the token's.")] = "",
) -> None:
    """Join a collector on another machine by a token; its commands then work from here."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from paretofleet_collector.rpc.login import login as join

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise misused(f"'{address}' is not HOST:PORT of a join server, such as collector.lan:7412.")
    made = join(address, _text(token, token_file), name)
    notify(f"joined as {made.name} ({made.role}); try `paretofleet --collector {made.address} devices list`")


def _text(token: str, token_file: Path | None) -> str:
    """The token, wherever it stands; warns where every user could read it."""
    if token_file is not None:
        try:
            return token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"The token file {token_file} cannot be read ({error}).") from None
    if token == "-":  # noqa: S105
        return getpass.getpass("token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if token in sys.argv:
        notify(
            "every user of this machine can read arguments, the token too: give - and type it, or use "
            "--token-file or PARETOFLEET_TOKEN"
        )
    return token
