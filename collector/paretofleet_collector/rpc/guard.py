"""What stands before every call: who has too many, what cannot be read or is too large, who is too slow."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc

from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import sentence
from paretofleet_collector.rpc.convert.checking import fault_of
from paretofleet_collector.service.admission import Admission

#: Messages of a stream whose items are answered one by one, also what is wrong with them.
_ANSWERED_SINGLY = frozenset({"UploadRequest"})
_UNREAD = object()
_CALLER: ContextVar[str] = ContextVar("caller")


@dataclass(frozen=True)
class Patience:
    """Seconds that a client has: for the request of a call, for the next one of a stream, to take a reply."""

    request_s: float = 10.0
    next_s: float = 60.0
    reply_s: float = 60.0


@dataclass(frozen=True)
class Unreadable:
    """In place of a message that is none, with the reason."""

    why: str


class Guard(grpc.aio.ServerInterceptor):
    """Wraps every handler of a server.

    All of them take a stream of requests: a call whose only request is late is seen, and ended, at once.
    """

    def __init__(
        self,
        admission: Admission,
        patience: Patience = Patience(),
        client: Callable[[Any], str] | None = None,
    ) -> None:
        """`client` says by whom the calls are counted, by default `client_of`."""
        self._client_of = client or client_of
        self._admission = admission
        self._patience = patience
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The handler of a call, guarded; None for a method that is not served."""
        method = str(handler_call_details.method)
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._wrapped[method] = self._guarded(method.rpartition("/")[2], handler)
        return self._wrapped[method]

    def _guarded(self, name: str, handler: Any) -> Any:
        behaviour: Any = next(filter(callable, (getattr(handler, kind) for kind in _KINDS)))

        async def admitted(requests: Any, call: Any) -> Any:
            await self._enter(name, call)
            if not handler.request_streaming:
                return await self._only(name, requests, call)
            return self._each(name, requests, call)

        async def single(requests: Any, call: Any) -> Any:
            request, client = await admitted(requests, call), self._client_of(call)
            _CALLER.set(str(call.peer()))
            async with self._admission.turn(client):
                try:
                    return await behaviour(request, call)
                except grpc.aio.AbortError:
                    await self._admission.slow_down(client)
                    raise

        async def stream(requests: Any, call: Any) -> None:
            request = await admitted(requests, call)
            if inspect.isasyncgenfunction(behaviour):
                await self._write(name, behaviour(request, call), call)
            else:
                await behaviour(request, call)

        serialisers = {
            "request_deserializer": _lenient(handler.request_deserializer),
            "response_serializer": _encoder(handler.response_serializer),
        }
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, **serialisers)
        return grpc.stream_unary_rpc_method_handler(single, **serialisers)

    async def _enter(self, name: str, call: Any) -> None:
        client = self._client_of(call)
        why = self._admission.enter(client)
        if why:
            await self._refuse(name, call, grpc.StatusCode.RESOURCE_EXHAUSTED, why)
        call.add_done_callback(lambda _: self._admission.leave(client))

    async def _only(self, name: str, requests: AsyncIterator[Any], call: Any) -> Any:
        """The one request of a call."""
        request = _UNREAD
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.request_s):
                request = await anext(requests, None)
        if request is None or request is _UNREAD:
            why = f"No request came (within {self._patience.request_s:g} s); the call was ended."
            await self._refuse(name, call, grpc.StatusCode.INVALID_ARGUMENT, why)
        fault = _fault(request)
        if fault:
            await self._refuse(name, call, grpc.StatusCode.INVALID_ARGUMENT, fault)
        return request

    async def _each(self, name: str, requests: AsyncIterator[Any], call: Any) -> AsyncIterator[Any]:
        """The requests of a stream; raises Refused at the first that is late or exceeds its limits."""
        while True:
            try:
                async with asyncio.timeout(self._patience.next_s):
                    request = await anext(requests, None)
            except TimeoutError:
                raise Refused(f"Nothing came for {self._patience.next_s:g} s; the call was ended.") from None
            if request is None:
                return
            fault = _fault(request)
            if fault:
                self._log(name, call, fault)
                raise Refused(fault)
            yield request

    async def _refuse(self, name: str, call: Any, code: grpc.StatusCode, why: str) -> None:
        self._log(name, call, why)
        await self._admission.slow_down(self._client_of(call))
        await call.abort(code, sentence(why))

    def _log(self, name: str, call: Any, why: str) -> None:
        """Logs a refusal; its kind is the call and what the sentence begins with, mostly a field."""
        self._admission.log_refusal(call.peer(), f"{name} {why.partition(' ')[0]}", sentence(why))

    async def _write(self, name: str, replies: Any, call: Any) -> None:
        """Sends the replies; a client that does not read them is let go, and what made them ended."""
        try:
            async for reply in replies:
                try:
                    async with asyncio.timeout(self._patience.reply_s):
                        await call.write(reply)
                except TimeoutError:
                    why = f"This client read nothing for {self._patience.reply_s:g} s; the call was ended."
                    self._log(name, call, why)
                    # An abort would wait for the client too.
                    call.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
                    call.set_details(why)
                    return
        finally:
            await replies.aclose()


_KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def caller_now() -> str:
    """The connection of the call that is being served in this task, as gRPC names it; empty outside one."""
    return _CALLER.get("")


def host_of(call: Any) -> str:
    """The machine that made a `call`, by its address; of IPv6 the network of 64 bits, all of it one's own."""
    peer = str(call.peer())
    kind, _, rest = peer.partition(":")
    # The brackets of IPv6 come percent-encoded; a zone stands behind a percent sign, too.
    address = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        host = ipaddress.ip_address(address)
    except ValueError:
        return peer
    wide = isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is None
    return f"{kind}:{ipaddress.ip_network((host, 64), strict=False) if wide else host}"


def client_of(call: Any) -> str:
    """Who made a `call`: the name in its certificate where there is one, else its connection."""
    names = call.auth_context().get("x509_subject_alternative_name")
    return str(names[0].decode(errors="replace")) if names else str(call.peer())


def _fault(request: Any) -> str:
    if isinstance(request, Unreadable):
        return request.why
    return "" if request.DESCRIPTOR.name in _ANSWERED_SINGLY else fault_of(request)


def _encoder(serialize: Callable[[Any], bytes] | None) -> Callable[[Any], bytes] | None:
    """The same `serialize`; a message that is bytes is encoded already."""
    if serialize is None:
        return None

    def encode(message: Any) -> bytes:
        return message if isinstance(message, bytes) else serialize(message)

    return encode


def _lenient(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """The same `deserialize`, with Unreadable where it raises."""
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except Exception as error:  # noqa: BLE001 - DecodeError, and what other builds of protobuf raise
            return Unreadable(f"Unreadable: {len(data):,} bytes are no message of this call ({error}).")

    return read
