"""Who makes a call, and whether that one may: asked before every call, and of streams while they last."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc

from paretofleet_collector.errors import CollectorError, SessionRefused
from paretofleet_collector.identity import peers
from paretofleet_collector.identity.authority import URI
from paretofleet_collector.identity.peers import LOCAL, Peer
from paretofleet_collector.rpc.statuses import status_of
from paretofleet_collector.service import access
from paretofleet_collector.service.context import Context

#: Open streams are looked at so often; a revocation is heard of at once.
WATCH_S = 2.0
#: (requests are a stream, replies are one) to the handler's method and to what makes such a handler.
_KINDS = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}
_PEER: ContextVar[Peer] = ContextVar("peer")
_log = logging.getLogger(__name__)


def peer_now() -> Peer:
    """Who makes the call that is being served in this task."""
    return _PEER.get(Peer(LOCAL))


class Gate(grpc.aio.ServerInterceptor):
    """Lets calls in by certificate and role; users of the local socket, and of open loopback, may all.

    Rows of certificates are kept in memory until `context.certificates_changed`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows: dict[str, Any] = {}
        self._forgotten = 0
        self._endings: set[asyncio.Task[None]] = set()
        self._open: dict[Any, Peer] = {}
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The handler of a call, behind the gate; None for a method that is not served."""
        method = str(handler_call_details.method)
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            service, _, name = method.rpartition("/")
            self._wrapped[method] = self._behind(service.rpartition(".")[2], name, handler)
        return self._wrapped[method]

    async def watch(self) -> None:
        """Ends the streams of those whose certificate was revoked or expired, until cancelled."""
        changed = self._context.certificates_changed
        while True:
            try:
                await asyncio.wait_for(changed.wait(), WATCH_S)
                changed.clear()
                self._forget()
            except TimeoutError:
                pass
            await self._context.latest.keep()
            for call, peer in list(self._open.items()):
                try:
                    self._check(await self._row(peer.certificate_id))
                except SessionRefused as error:
                    self._open.pop(call, None)
                    self._end(call, error)
                except CollectorError as error:
                    _log.warning("certificates of open streams could not be read: %s", error)
                    break

    def _forget(self) -> None:
        self._rows.clear()
        self._forgotten += 1

    def _end(self, call: Any, error: SessionRefused) -> None:
        """Ends a stream without waiting for its client, who may read nothing: the others' turn comes too."""

        async def end() -> None:
            await asyncio.gather(call.abort(*status_of(error)), return_exceptions=True)

        task = asyncio.create_task(end())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _check(self, row: Any, late_s: float = 0.0) -> None:
        peers.check_certificate(row, self._context.now(), self._context.latest(), late_s)
        peers.check_authority(row, {each.sha256 for each in self._context.authorities})

    def _behind(self, service: str, name: str, handler: Any) -> Any:
        kind = (handler.request_streaming, handler.response_streaming)
        behaviour = getattr(handler, _KINDS[kind][0])

        async def single(request: Any, call: Any) -> Any:
            await self._admit(service, name, request, call, is_stream=any(kind))
            return await behaviour(request, call)

        async def stream(request: Any, call: Any) -> Any:
            await self._admit(service, name, request, call, is_stream=True)
            async for reply in behaviour(request, call):
                yield reply

        by_itself = not handler.response_streaming or not inspect.isasyncgenfunction(behaviour)
        return _KINDS[kind][1](
            single if by_itself else stream,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _admit(
        self, service: str, name: str, request: Any, call: Any, *, is_stream: bool = False
    ) -> None:
        try:
            peer = await self._peer_of(call, late=service == "Identity")
            peers.check_role(peer, service, name)
            device_id = _device_of(request)
            if device_id is not None:
                peers.check_device(peer, device_id)
        except SessionRefused as error:
            self._context.admission.log_refusal(call.peer(), error.why, str(error))
            await self._context.latest.keep(at_once=True)
            await call.abort(*status_of(error))
            raise
        _PEER.set(peer)
        if is_stream and peer.certificate_id:
            self._open[call] = peer
            call.add_done_callback(lambda _: self._open.pop(call, None))

    async def _peer_of(self, call: Any, *, late: bool) -> Peer:
        """Who makes a call; raises SessionRefused. `late`: an expired certificate is let in to be renewed."""
        if call.peer().startswith("unix:"):
            return Peer(LOCAL)
        names = call.auth_context().get("peer_uri", [])
        certificate_id = next((n.decode()[len(URI) :] for n in names if n.decode().startswith(URI)), "")
        if not certificate_id:
            if not self._context.authorities:
                return Peer(LOCAL)
            raise SessionRefused(
                "This connection has no certificate of the collector; join first.", "unidentified"
            )
        row = await self._row(certificate_id)
        late_s = self._context.config.certificate_s if late else 0.0
        self._check(row, late_s)
        pems = call.auth_context().get("x509_pem_cert", [b""])
        peers.check_presented(row, pems[0].decode(errors="replace"))
        newest = self._context.authorities[-1].sha256 if self._context.authorities else ""
        return Peer(row.role, row.subject, certificate_id, peers.renew_unix_s(row, newest))

    async def _row(self, certificate_id: str) -> Any:
        row = self._rows.get(certificate_id)
        if row is None:
            forgotten = self._forgotten
            row = await access.certificate(self._context, certificate_id)
            # What was read before a revocation, and comes after it, is not kept.
            if row is not None and forgotten == self._forgotten:
                self._rows[certificate_id] = row
        return row


def _device_of(request: Any) -> str | None:
    """The device as which a message speaks; None where it says nothing, or more messages follow."""
    session = getattr(request, "session", None)
    device_id = getattr(request if session is None else session, "device_id", None)
    return None if device_id is None else str(device_id)
