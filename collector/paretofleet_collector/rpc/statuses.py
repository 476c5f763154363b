"""What an error of the collector is as a status of gRPC, and the way back at the command's side."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any

import grpc

from paretofleet_collector.errors import (
    CollectorError,
    ModelRefused,
    NotFound,
    Refused,
    SessionRefused,
    StorageUnavailable,
    Taken,
    Unreachable,
)
from paretofleet_collector.plain_text import sentence

_SESSION_CODES = {
    "unknown": grpc.StatusCode.ABORTED,
    "replaced": grpc.StatusCode.ABORTED,
    "copied": grpc.StatusCode.PERMISSION_DENIED,
    "removed": grpc.StatusCode.PERMISSION_DENIED,
    "outdated": grpc.StatusCode.FAILED_PRECONDITION,
    "unidentified": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    # Passes by itself once the clock is right.
    "skewed": grpc.StatusCode.ABORTED,
}
_CODES: tuple[tuple[type[CollectorError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Taken, grpc.StatusCode.ALREADY_EXISTS),
    (ModelRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (Refused, grpc.StatusCode.INVALID_ARGUMENT),
    (StorageUnavailable, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (CollectorError, grpc.StatusCode.INTERNAL),
)
_ERRORS: dict[grpc.StatusCode, type[CollectorError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Refused,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.OUT_OF_RANGE: Refused,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Taken,
    grpc.StatusCode.UNAUTHENTICATED: Refused,
    grpc.StatusCode.PERMISSION_DENIED: Refused,
    grpc.StatusCode.ABORTED: Refused,
}
_log = logging.getLogger(__name__)


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status and the sentence that an `error` becomes on the wire; never a traceback.

    The sentence can be printed and is short enough for the header in which it travels.
    """
    if isinstance(error, SessionRefused):
        return _SESSION_CODES[error.why], sentence(str(error))
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code, sentence(str(error))
    _log.error("a call failed", exc_info=error)
    return (
        grpc.StatusCode.INTERNAL,
        f"The collector failed inside ({type(error).__name__}); its log says more.",
    )


#: What gRPC says of a name without an address, by version.
_NO_HOST = ("DNS resolution failed", "errors resolving")


def error_of(failure: Any, address: str) -> CollectorError:
    """The error that the status of a failed call (a grpc.RpcError) to `address` stands for.

    `failure` brings the server's sentence, where it is one of the collector's; `address` is HOST:PORT.
    """
    code, details = failure.code(), failure.details() or ""
    if code in _ERRORS:
        return _ERRORS[code](details)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unreachable(_no_answer(address, details))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CollectorError(f"the collector at {address} did not answer in time; look at its log")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return CollectorError(
            f"what answers at {address} is not a collector of this version; upgrade the older side"
        )
    if details and code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL):
        return CollectorError(details)
    return CollectorError(f"the collector at {address} failed ({details or code.name}); look at its log")


def _no_answer(address: str, details: str) -> str:
    """Why nothing answers at `address`, HOST:PORT, by the `details` of a call, and what to do."""
    if any(each in details for each in _NO_HOST):
        return (
            f"there is no host {address.rpartition(':')[0]}: its name has no address here; mind the "
            "spelling, or give its number, as in --collector 192.168.1.20:7411"
        )
    return (
        f"no collector answers at {address}; start one with `paretofleet up`, "
        "or name another with --collector HOST:PORT"
    )


def single_reply(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Serves a `method` with a single reply, whose errors become statuses."""

    @wraps(method)
    async def wrapped(self: Any, request: Any, call: Any) -> Any:
        try:
            return await method(self, request)
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            await call.abort(*status_of(error))

    return wrapped


def stream_of_replies(method: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    """Serves a `method` with a stream of replies, whose errors become statuses."""

    @wraps(method)
    async def wrapped(self: Any, request: Any, call: Any) -> AsyncIterator[Any]:
        try:
            async for reply in method(self, request):
                yield reply
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            await call.abort(*status_of(error))

    return wrapped
