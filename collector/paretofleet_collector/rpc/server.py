"""The gRPC side of the collector: servicers without logic, statuses for errors, start and stop."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from functools import wraps
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from paretofleet_proto.v1 import control_pb2, control_pb2_grpc, fleet_pb2, fleet_pb2_grpc

from paretofleet_collector.config import Config
from paretofleet_collector.errors import (
    CollectorError,
    ModelRefused,
    NotFound,
    Refused,
    SessionRefused,
    StorageFull,
    Taken,
)
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake.files import FOLDER, Lake
from paretofleet_collector.model.messages import Answer
from paretofleet_collector.rpc import convert
from paretofleet_collector.service import agents, catalogue, home
from paretofleet_collector.service import sweeps as sweep_handlers
from paretofleet_collector.service.context import Changes, Context
from paretofleet_collector.service.sealing import Sealer
from paretofleet_collector.store import Store, models, sealed

CALLS_MAX = 2048
STREAM_IDLE_S = 60.0
STOP_S = 3.0
HEALTH_S = 1.0
PART_BYTES = 512 * 1024
_OPTIONS = (
    # Two servers on one port would share its calls in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.max_send_message_length", 512 << 20),
    # Agents ping every 20 s, also between calls; the default would send them away for it.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)
_SESSION_CODES = {
    "unknown": grpc.StatusCode.ABORTED,
    "replaced": grpc.StatusCode.ABORTED,
    "copied": grpc.StatusCode.PERMISSION_DENIED,
    "removed": grpc.StatusCode.PERMISSION_DENIED,
    "outdated": grpc.StatusCode.FAILED_PRECONDITION,
}
_CODES: tuple[tuple[type[CollectorError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Taken, grpc.StatusCode.ALREADY_EXISTS),
    (ModelRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (Refused, grpc.StatusCode.INVALID_ARGUMENT),
    (StorageFull, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (CollectorError, grpc.StatusCode.INTERNAL),
)
_log = logging.getLogger(__name__)
Call = Any


def _status(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status and sentence that an error becomes on the wire; never a traceback."""
    if isinstance(error, SessionRefused):
        return _SESSION_CODES[error.why], str(error)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code, str(error)
    _log.error("a call failed", exc_info=error)
    return (
        grpc.StatusCode.INTERNAL,
        f"The collector failed inside ({type(error).__name__}); its log says more.",
    )


def _one(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A call with one answer, whose errors become statuses."""

    @wraps(method)
    async def wrapped(self: Any, request: Any, call: Call) -> Any:
        try:
            return await method(self, request)
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            await call.abort(*_status(error))

    return wrapped


def _many(method: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    """A call with a stream of answers, whose errors become statuses."""

    @wraps(method)
    async def wrapped(self: Any, request: Any, call: Call) -> AsyncIterator[Any]:
        try:
            async for reply in method(self, request):
                yield reply
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            await call.abort(*_status(error))

    return wrapped


class FleetServicer:
    """What agents call."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @_one
    async def Join(self, request: fleet_pb2.JoinRequest) -> fleet_pb2.JoinReply:  # noqa: N802
        return fleet_pb2.JoinReply(name=await agents.join(self._context, convert.join_of(request)))

    @_one
    async def Hello(self, request: fleet_pb2.HelloRequest) -> fleet_pb2.HelloReply:  # noqa: N802
        return convert.welcome(await agents.hello(self._context, convert.hello_of(request)))

    @_one
    async def Lease(self, request: fleet_pb2.LeaseRequest) -> fleet_pb2.LeaseReply:  # noqa: N802
        return convert.leased(await agents.lease(self._context, convert.session_of(request.session)))

    @_one
    async def Progress(self, request: fleet_pb2.ProgressRequest) -> fleet_pb2.ProgressReply:  # noqa: N802
        held = await agents.progress(self._context, convert.progress_of(request))
        return fleet_pb2.ProgressReply(held=convert.held(held))

    @_many
    async def Upload(self, requests: AsyncIterator[Any]) -> AsyncIterator[fleet_pb2.UploadReply]:  # noqa: N802
        # Chunks are read on while earlier ones are being committed, so that they share a commit.
        answers: asyncio.Queue[Future[Answer] | Exception | None] = asyncio.Queue(
            self._context.config.window_chunks
        )
        reader = asyncio.create_task(self._read_upload(requests, answers))
        try:
            while (item := await answers.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield convert.answer(await asyncio.wrap_future(item))
        finally:
            reader.cancel()

    async def _read_upload(
        self, requests: AsyncIterator[Any], answers: asyncio.Queue[Future[Answer] | Exception | None]
    ) -> None:
        try:
            first = await asyncio.wait_for(anext(requests, None), STREAM_IDLE_S)
            if first is None:
                await answers.put(None)
                return
            session = convert.session_of(first.session)
            await agents.open_upload(self._context, session)
            request = first
            while request is not None:
                if request.WhichOneof("item") == "chunk":
                    item = agents.upload_chunk(self._context, session, convert.chunk_of(request.chunk))
                    await answers.put(item)
                elif request.WhichOneof("item") == "end":
                    item = agents.upload_end(self._context, session, convert.end_of(request.end))
                    await answers.put(item)
                request = await asyncio.wait_for(anext(requests, None), STREAM_IDLE_S)
            await answers.put(None)
        except TimeoutError:
            await answers.put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the answers are given
            await answers.put(error)

    @_many
    async def FetchModel(self, request: fleet_pb2.FetchModelRequest) -> AsyncIterator[fleet_pb2.ModelPart]:  # noqa: N802
        path = await agents.model_path(
            self._context, convert.session_of(request.session), request.sha256, request.offset
        )
        async for data in _read(path, request.offset):
            yield fleet_pb2.ModelPart(data=data)


class ControlServicer:
    """What the command calls."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @_one
    async def ListDevices(self, _: Any) -> control_pb2.ListDevicesReply:  # noqa: N802
        devices = await catalogue.list_devices(self._context)
        return control_pb2.ListDevicesReply(devices=[convert.device(one) for one in devices])

    @_one
    async def ChangeDevice(self, request: control_pb2.ChangeDeviceRequest) -> control_pb2.Device:  # noqa: N802
        labels = dict(request.labels)
        return convert.device(
            await catalogue.change_device(self._context, request.device, request.action, labels)
        )

    @_one
    async def ListModels(self, _: Any) -> control_pb2.ListModelsReply:  # noqa: N802
        variants = await catalogue.list_models(self._context)
        return control_pb2.ListModelsReply(variants=[convert.variant(one) for one in variants])

    @_one
    async def AddModel(self, requests: AsyncIterator[Any]) -> control_pb2.Variant:  # noqa: N802
        first = await anext(requests, None)
        if first is None or first.WhichOneof("item") != "header":
            raise Refused("A model file is announced by a header; upgrade the command.")
        data = (request.data async for request in requests)
        added = await catalogue.add_model(self._context, convert.new_model_of(first.header), data)
        return convert.variant(added)

    @_one
    async def AddZooModel(self, request: control_pb2.AddZooModelRequest) -> control_pb2.Variant:  # noqa: N802
        return convert.variant(await catalogue.add_zoo_model(self._context, request.name))

    @_one
    async def PlanSweep(self, request: control_pb2.PlanSweepRequest) -> control_pb2.PlanSweepReply:  # noqa: N802
        return convert.plan_reply(await sweep_handlers.plan_sweep(self._context, request.spec_json))

    @_one
    async def SubmitSweep(self, request: control_pb2.SubmitSweepRequest) -> control_pb2.SubmitSweepReply:  # noqa: N802
        sweep, refusals = await sweep_handlers.submit(self._context, request.request_id, request.spec_json)
        return control_pb2.SubmitSweepReply(sweep=convert.sweep(sweep), refusals=convert.refusals(refusals))

    @_one
    async def ListSweeps(self, _: Any) -> control_pb2.ListSweepsReply:  # noqa: N802
        sweeps = await sweep_handlers.list_sweeps(self._context)
        return control_pb2.ListSweepsReply(sweeps=[convert.sweep(one) for one in sweeps])

    @_one
    async def ShowSweep(self, request: control_pb2.SweepRequest) -> control_pb2.ShowSweepReply:  # noqa: N802
        return convert.sweep_detail(*await sweep_handlers.show(self._context, request.sweep))

    @_many
    async def WatchSweep(self, request: control_pb2.SweepRequest) -> AsyncIterator[control_pb2.SweepProgress]:  # noqa: N802
        async for progress in sweep_handlers.watch(self._context, request.sweep):
            yield convert.sweep_progress(progress)

    @_one
    async def CancelSweep(self, request: control_pb2.SweepRequest) -> control_pb2.Sweep:  # noqa: N802
        return convert.sweep(await sweep_handlers.cancel(self._context, request.sweep))

    @_one
    async def RetrySweep(self, request: control_pb2.SweepRequest) -> control_pb2.Sweep:  # noqa: N802
        return convert.sweep(await sweep_handlers.retry(self._context, request.sweep))

    @_one
    async def DeleteSweep(self, request: control_pb2.SweepRequest) -> control_pb2.DeleteSweepReply:  # noqa: N802
        runs, files = await sweep_handlers.delete(self._context, request.sweep)
        return control_pb2.DeleteSweepReply(runs=runs, files=files)

    @_many
    async def PullReport(self, request: control_pb2.SweepRequest) -> AsyncIterator[control_pb2.FilePart]:  # noqa: N802
        name, path = await catalogue.report_file(self._context, request.sweep)
        try:
            async for part in _parts(name, path):
                yield part
        finally:
            path.unlink(missing_ok=True)

    @_many
    async def PullSamples(self, request: control_pb2.SweepRequest) -> AsyncIterator[control_pb2.FilePart]:  # noqa: N802
        for name, path in await catalogue.sample_files(self._context, request.sweep):
            async for part in _parts(name, path):
                yield part

    @_one
    async def RebuildReport(self, request: control_pb2.SweepRequest) -> control_pb2.RebuildReportReply:  # noqa: N802
        return control_pb2.RebuildReportReply(**vars(await catalogue.rebuild(self._context, request.sweep)))


async def _read(path: Path, offset: int = 0) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while data := await asyncio.to_thread(file.read, PART_BYTES):
            yield data


async def _parts(name: str, path: Path) -> AsyncIterator[control_pb2.FilePart]:
    """A file as parts: its name in the first, the SHA-256 of the whole in a last one without data."""
    digest = hashlib.sha256()
    async for data in _read(path):
        digest.update(data)
        yield control_pb2.FilePart(path=name, data=data)
        name = ""
    yield control_pb2.FilePart(path=name, is_last=True, sha256=digest.hexdigest())


def serve(config: Config) -> int:
    """Serves until SIGTERM or SIGINT and returns 0; raises Refused or StorageFull when it cannot start."""
    host, port = home.checked_address(config.listen)
    with home.occupied(config.home):
        home.check_free(host, port)
        try:
            asyncio.run(_serve(config, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
        except OSError as error:
            reason = error.strerror or error
            raise Refused(f"The collector cannot work in {config.home}: {reason}.") from error
    return 0


async def _serve(config: Config, address: str) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    changes = Changes(loop)
    lake = Lake(config.home / FOLDER)
    store = Store.at(config.home, changes.bump)
    context = Context(config, store, lake, Worker(), changes, home.collector_id(config.home))
    sealing = Worker()
    sealer = Sealer(context, sealing)
    context.poke_sealer = sealer.poke
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
    checks = health.HealthServicer()
    try:
        lake.clean(
            {file.path for file in await store.read(sealed.files)},
            {variant.sha256 for variant in await store.read(models.listing)},
        )
        fleet_pb2_grpc.add_FleetServicer_to_server(FleetServicer(context), server)  # type: ignore[no-untyped-call]
        control_pb2_grpc.add_ControlServicer_to_server(ControlServicer(context), server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        port = _listen(server, address)
        await server.start()
        bound = f"{address.rpartition(':')[0]}:{port}"
        home.write_whole(config.home / home.ENDPOINT, bound + "\n")
        tasks = [asyncio.create_task(sealer.run()), asyncio.create_task(_watch_health(context, checks))]
        print(f"listening on {bound}", file=sys.stderr, flush=True)  # noqa: T201 - the line that starters wait for
        await _until(stop, tasks)
        await checks.enter_graceful_shutdown()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop(STOP_S)
    finally:
        # Also where the start failed: a server that was never stopped complains when it is collected.
        await server.stop(0)
        (config.home / home.ENDPOINT).unlink(missing_ok=True)
        await asyncio.gather(context.heavy.close(), sealing.close())
        store.close()


def _listen(server: Any, address: str) -> int:
    """Binds the address and returns its port; raises Refused."""
    try:
        return int(server.add_insecure_port(address))
    except RuntimeError:
        raise Refused(f"The collector cannot listen on {address}; choose another with --listen.") from None


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the signal; a background task that ends before it is a fault that must not stay silent."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {waiting}:
        task.result()


async def _watch_health(context: Context, checks: Any) -> None:
    """Keeps the health service at what the disk allows."""
    names = ("", "paretofleet.v1.Fleet", "paretofleet.v1.Control")
    before = None
    while True:
        has_room = context.has_room()
        if has_room != before:
            serving = health_pb2.HealthCheckResponse.SERVING
            status = serving if has_room else health_pb2.HealthCheckResponse.NOT_SERVING
            for name in names:
                await checks.set(name, status)
            if before is not None:
                _log.warning("disk %s", "has room again" if has_room else "is nearly full: nothing is stored")
        before = has_room
        await asyncio.sleep(HEALTH_S)
