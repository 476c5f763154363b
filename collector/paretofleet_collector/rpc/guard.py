"""What stands before every call: who has too many, what cannot be read or is too large, who does not read."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import sentence
from paretofleet_collector.rpc.convert.checking import fault_of
from paretofleet_collector.service.admission import Admission

#: A client that takes no reply for so long is let go.
WRITE_S = 60.0
#: Messages of a stream whose items are answered one by one, also what is wrong with them.
_ANSWERED_SINGLY = frozenset({"UploadRequest"})
#: (requests are a stream, replies are one) to the handler's method and to what makes such a handler.
_KINDS = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


@dataclass(frozen=True)
class Unreadable:
    """In place of a message that is none, with the reason."""

    why: str


class Guard(grpc.aio.ServerInterceptor):
    """Wraps every handler of a server. `write_s`: seconds that a client has to take a reply."""

    def __init__(self, admission: Admission, write_s: float = WRITE_S) -> None:
        self._admission = admission
        self._write_s = write_s
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
        kind = (handler.request_streaming, handler.response_streaming)
        behaviour = getattr(handler, _KINDS[kind][0])

        async def admit(request: Any, call: Any) -> Any:
            await self._enter(name, call)
            if handler.request_streaming:
                return _checked(request, lambda why: self._log(name, call, why))
            await self._check(name, request, call)
            return request

        async def single(request: Any, call: Any) -> Any:
            return await behaviour(await admit(request, call), call)

        async def stream(request: Any, call: Any) -> None:
            admitted = await admit(request, call)
            if inspect.isasyncgenfunction(behaviour):
                await self._write(name, behaviour(admitted, call), call)
            else:
                await behaviour(admitted, call)

        return _KINDS[kind][1](
            stream if handler.response_streaming else single,
            request_deserializer=_lenient(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    async def _enter(self, name: str, call: Any) -> None:
        peer = call.peer()
        why = self._admission.enter(peer)
        if why:
            await self._refuse(name, call, grpc.StatusCode.RESOURCE_EXHAUSTED, why)
        call.add_done_callback(lambda _: self._admission.leave(peer))

    async def _check(self, name: str, request: Any, call: Any) -> None:
        fault = request.why if isinstance(request, Unreadable) else fault_of(request)
        if fault:
            await self._refuse(name, call, grpc.StatusCode.INVALID_ARGUMENT, fault)

    async def _refuse(self, name: str, call: Any, code: grpc.StatusCode, why: str) -> None:
        self._log(name, call, why)
        await call.abort(code, sentence(why))

    def _log(self, name: str, call: Any, why: str) -> None:
        """Logs a refusal; its kind is the call and what the sentence begins with, mostly a field."""
        self._admission.log_refusal(call.peer(), f"{name} {why.partition(' ')[0]}", sentence(why))

    async def _write(self, name: str, replies: Any, call: Any) -> None:
        """Sends the replies; a client that does not read them is let go, and what made them ended."""
        try:
            async for reply in replies:
                try:
                    await asyncio.wait_for(call.write(reply), self._write_s)
                except TimeoutError:
                    why = f"This client read nothing for {self._write_s:g} s; the call was ended."
                    self._log(name, call, why)
                    # An abort would wait for the client too.
                    call.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
                    call.set_details(why)
                    return
        finally:
            await replies.aclose()


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


async def _checked(requests: AsyncIterator[Any], log: Callable[[str], None]) -> AsyncIterator[Any]:
    """The `requests` of a stream; raises Refused, and calls `log`, at the first that exceeds its limits."""
    async for request in requests:
        if isinstance(request, Unreadable):
            fault = request.why
        else:
            fault = "" if request.DESCRIPTOR.name in _ANSWERED_SINGLY else fault_of(request)
        if fault:
            log(fault)
            raise Refused(fault)
        yield request
