"""The bytes of a file over loopback without any of our code: a bare socket, and plain gRPC messages."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import socket
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import grpc

MESSAGE_BYTES = 1 << 20
METHOD = "/control.Control/Fetch"


@contextlib.contextmanager
def served(serve: Callable[[Path, Connection], None], file: Path) -> Iterator[tuple[int, int]]:
    """A process that serves the `file`: its port and its number."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(file, there), daemon=True)
    process.start()
    try:
        yield here.recv(), process.pid or 0
    finally:
        process.terminate()
        process.join()


def serve_socket(file: Path, answer: Connection) -> None:
    """Sends the file to each who connects, read and sent piece by piece."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer.send(server.getsockname()[1])
        while True:
            with server.accept()[0] as client, file.open("rb", buffering=0) as source:
                while data := source.read(MESSAGE_BYTES):
                    client.sendall(data)


def serve_grpc(file: Path, answer: Connection) -> None:
    """Sends the file to each who calls, as messages that nothing encodes."""
    asyncio.run(_serve_grpc(file, answer))


async def _serve_grpc(file: Path, answer: Connection) -> None:
    async def fetch(_request: bytes, call: grpc.aio.ServicerContext) -> None:
        with file.open("rb", buffering=0) as source:
            while data := source.read(MESSAGE_BYTES):
                await call.write(data)

    server = grpc.aio.server()
    handlers = {"Fetch": grpc.unary_stream_rpc_method_handler(fetch)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("control.Control", handlers),))
    answer.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()


def fetch_socket(port: int) -> int:
    """The number of bytes that came, into one buffer."""
    buffer, size = bytearray(MESSAGE_BYTES), 0
    with socket.create_connection(("127.0.0.1", port)) as client:
        while length := client.recv_into(buffer):
            size += length
    return size


def fetch_grpc(channel: grpc.Channel) -> int:
    """The number of bytes that came."""
    total = 0
    for data in channel.unary_stream(METHOD)(b""):
        total += len(data)
    return total
