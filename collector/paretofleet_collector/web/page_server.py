"""The live page's server: in the collector's process and loop, on loopback; long work runs in threads."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any

import uvicorn

from paretofleet_collector.errors import Refused
from paretofleet_collector.service import home, page_access
from paretofleet_collector.service.context import Context
from paretofleet_collector.web.application import application
from paretofleet_collector.web.site import Site

#: Seconds for what is being answered when the collector ends; streams are cut.
STOP_S = 1
#: Connections beyond these are refused: each tab holds one stream.
CONNECTIONS_MAX = 1024
_log = logging.getLogger(__name__)


@asynccontextmanager
async def serving(context: Context, address: str) -> AsyncIterator[str]:
    """Serves the live page of `context` at `address`, HOST:PORT on loopback, while the block runs.

    Port 0 picks a free one. Yields the address that was bound. Raises Refused.
    """
    listening, bound = _bound(address)
    door = page_access.open_door(context.config.home, bound)
    site = Site(context)
    config = uvicorn.Config(
        application(site, door),
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=STOP_S,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    server: Any = uvicorn.Server(config)
    server.capture_signals = nullcontext  # the collector has handlers of its own
    task = asyncio.create_task(server.serve(sockets=[listening]))
    task.add_done_callback(_complain)
    context.page_door = door
    try:
        yield bound
    finally:
        context.page_door = None
        server.should_exit = True
        with suppress(Exception):
            await task
        await site.hub.close()
        listening.close()


def _complain(task: asyncio.Task[None]) -> None:
    """The page may fail; nothing else does for it."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("the live page is served no more", exc_info=task.exception())


def _bound(address: str) -> tuple[socket.socket, str]:
    """A socket that listens at `address`, and where it does; raises Refused."""
    place = home.checked_address(address, has_identity=False)
    if place is None:
        raise Refused(f"'{address}' is no address for the live page; write HOST:PORT or `off`.")
    host, port = place
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise Refused(
            f"The live page cannot be served at {address}: {error.strerror}; choose another with --web, "
            "as --web 127.0.0.1:0, or leave it out with --web off."
        ) from None
    written = f"[{host}]" if ":" in host else host
    return made, f"{written}:{made.getsockname()[1]}"
