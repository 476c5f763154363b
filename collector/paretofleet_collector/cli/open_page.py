"""`paretofleet open`: the collector's live page in a browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from paretofleet_collector.cli.session import address_of, collector_client, notify
from paretofleet_collector.config import UNIX

EXAMPLE = "Example: paretofleet open --print"


def open_page(
    context: typer.Context,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the link, open no browser.", show_default=False)
    ] = False,
) -> None:
    """Open the live page of the collector in a browser, or print its link.

    The link opens the page once, within ten minutes, as whoever typed this.
    """
    with collector_client(context) as client:
        link = _link(*client.open_page())
    if not only_print and _has_screen():
        import webbrowser

        if webbrowser.open(link):
            notify("the live page opens in your browser")
            return
    print(link)
    address = address_of(context)
    if not address.startswith(UNIX):
        place, port = address.rpartition(":")[0], link.partition("/#")[0].rpartition(":")[2]
        notify(f"from another machine first run `ssh -N -L {port}:127.0.0.1:{port} {place}`")


def page_link(address: str) -> str:
    """A link that opens the live page of the collector at `address` once; raises Refused without a page."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from paretofleet_collector.rpc.client import Client

    with Client(address) as client:
        return _link(*client.open_page())


def _link(place: str, token: str) -> str:
    return f"http://{place}/#{token}"


def _has_screen() -> bool:
    """Whether a browser would have a place to open, and somebody sits before it."""
    is_remote = "SSH_CONNECTION" in os.environ
    has_display = not sys.platform.startswith("linux") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return has_display and not is_remote
