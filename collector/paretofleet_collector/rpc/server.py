"""Start and stop of the gRPC server, and its health."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from paretofleet_proto.v1 import control_pb2_grpc, fleet_pb2_grpc, join_pb2_grpc

from paretofleet_collector.config import LOCAL, SQLITE, Config
from paretofleet_collector.errors import Refused
from paretofleet_collector.identity import authority
from paretofleet_collector.model import limits
from paretofleet_collector.rpc import listeners, metrics_server
from paretofleet_collector.rpc.control_servicer import ControlServicer
from paretofleet_collector.rpc.fleet_servicer import FleetServicer
from paretofleet_collector.rpc.gate import Gate
from paretofleet_collector.rpc.guard import Guard
from paretofleet_collector.rpc.join_servicer import AccessServicer, IdentityServicer
from paretofleet_collector.service import backoff, enrolment, home
from paretofleet_collector.service.assembly import assemble
from paretofleet_collector.service.context import Context

#: Each of 5,000 agents listens, and uploads or asks at times.
CALLS_MAX = 16_384
STOP_S = 3.0
HEALTH_S = 1.0
#: While nothing can be written, that is tried at least so often.
PROBE_S = 15.0
_OPTIONS = (
    # Two servers on one port would share its calls in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", limits.MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", 512 << 20),
    # Agents ping every 20 s, also between calls; the default would send them away for it.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Beyond the calls that a client may have, and are refused with a sentence, the transport lets it wait.
    ("grpc.max_concurrent_streams", 2 * limits.CALLS_MAX),
    # Who connects and says nothing, or has no call for so long, is let go.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 300_000),
)
_log = logging.getLogger(__name__)
#: Serves the live page of a collector at an address while its block runs; yields where.
Page = Callable[[Context, str], AbstractAsyncContextManager[str]]


def serve(config: Config, page: Page | None = None) -> int:
    """Serves by `config` until SIGTERM or SIGINT and returns 0; with a `page`, also that.

    Raises Refused or StorageUnavailable when it cannot start.
    """
    os.umask(0o077)
    has_identity = bool(authority.load(config.home))
    address = home.checked_address(config.listen, has_identity=has_identity)
    with home.hold_home(config.home):
        if address is not None:
            home.check_free(*address)
        try:
            asyncio.run(_serve(config, page))
        except OSError as error:
            reason = error.strerror or error
            raise Refused(f"The collector cannot work in {config.home}: {reason}.") from error
    return 0


async def _serve(config: Config, page: Page | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    collector = assemble(config)
    context = collector.context
    gate = Gate(context)
    # The guard stands outside: who is refused by the gate has counted as a call.
    interceptors = [Guard(context.admission), gate]
    server = grpc.aio.server(interceptors=interceptors, options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
    servers = [server]
    try:
        set_aside = await collector.enter()
        await enrolment.check_not_lost(context)
        checks = _add_servicers(server, context)
        place = listeners.listen(server, context)
        if context.authorities:
            small, joining = listeners.join_server(context)
            servers.append(small)
        for each in servers:
            await each.start()
        if context.authorities:
            home.write_atomically(config.home / home.JOIN_ENDPOINT, joining + "\n")
        home.note_started(config.home, place.local)
        home.write_atomically(config.home / home.ENDPOINT, place.address + "\n")
        tasks = [
            asyncio.create_task(work)
            for work in (*collector.works(), _watch_health(context, checks), gate.watch())
        ]
        async with _beside(context, page):
            _say_where(context, place.address)
            if set_aside:
                _log.warning("%d files that the store does not list were moved to lake/orphans", set_aside)
            if context.authorities:
                _log.info("devices and people join at %s", joining)
            elif place.address != place.local:
                _log.warning(
                    "every user of this machine can use %s; without --listen only the local socket is there",
                    place.address,
                )
            await _until(stop, tasks)
        await checks.enter_graceful_shutdown()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        context.notices.close()
        await asyncio.gather(*(each.stop(STOP_S) for each in servers))
    finally:
        # Also where the start failed: a server that was never stopped complains when it is collected.
        for each in servers:
            await each.stop(0)
        for name in (home.ENDPOINT, home.JOIN_ENDPOINT):
            (config.home / name).unlink(missing_ok=True)
        home.remove_socket(config.home)
        await collector.close()


@asynccontextmanager
async def _beside(context: Context, page: Page | None) -> AsyncIterator[None]:
    """Serves metrics, and the live page where there is one, while the block runs."""
    with metrics_server.serving(context, context.config.metrics) as metrics:
        _log.info("metrics at %s", metrics or "no address")
        if page is None:
            yield
            return
        async with page(context, context.config.web) as address:
            _log.info("the live page at http://%s", address)
            yield


class _Health(health.HealthServicer):  # type: ignore[misc]
    """What the library serves; it lacks a call of the wire, which would fail with a traceback in the log."""

    async def List(self, _: Any, call: Any) -> None:  # noqa: N802
        await call.abort(grpc.StatusCode.UNIMPLEMENTED, "Ask for one service by Check.")


def _add_servicers(server: Any, context: Context) -> Any:
    """Gives the server what it serves; returns its health."""
    checks = _Health()
    fleet_pb2_grpc.add_FleetServicer_to_server(FleetServicer(context), server)  # type: ignore[no-untyped-call]
    control_pb2_grpc.add_ControlServicer_to_server(ControlServicer(context), server)  # type: ignore[no-untyped-call]
    join_pb2_grpc.add_IdentityServicer_to_server(IdentityServicer(context), server)  # type: ignore[no-untyped-call]
    join_pb2_grpc.add_AccessServicer_to_server(AccessServicer(context), server)  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    return checks


def _say_where(context: Context, address: str) -> None:
    """Where it listens, for which starters wait, and where everything is."""
    config = context.config
    store = "SQLite" if config.store == SQLITE else "PostgreSQL"
    for line in (
        f"listening on {address}",
        f"keeps all in {config.home}",
        f"its store in {store}",
        f"its lake in {context.lake.shown}",
        "`paretofleet logs` says what it does",
    ):
        print(line, file=sys.stderr, flush=True)  # noqa: T201


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the signal; a background task that ends before it is a fault that must not stay silent."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {waiting}:
        task.result()


async def _watch_health(context: Context, checks: Any) -> None:
    """Keeps the health service at what disk and store allow; what is wrong is logged once, and its end."""
    names = ("", "paretofleet.v1.Fleet", "paretofleet.v1.Control")
    before: str | None = None
    failures = 0
    asked_s = time.monotonic()
    while True:
        fault = context.write_fault()
        if bool(fault) != bool(before) or before is None:
            serving = health_pb2.HealthCheckResponse.SERVING
            status = health_pb2.HealthCheckResponse.NOT_SERVING if fault else serving
            for name in names:
                await checks.set(name, status)
            if fault:
                _log.error("NOT_SERVING, nothing is stored: %s", fault)
            elif before is not None:
                _log.warning("the collector stores again")
        before = fault
        if not context.store.is_writable:
            context.store.probe()
        failures = failures + 1 if context.lake_fault else 0
        if failures:
            await asyncio.sleep(min(backoff.delay_s(failures), PROBE_S))
            await context.check_lake()
        else:
            await asyncio.sleep(HEALTH_S)
            if context.config.lake != LOCAL and time.monotonic() - asked_s > PROBE_S:
                await context.check_lake()
                asked_s = time.monotonic()
