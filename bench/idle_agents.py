"""Agents that only wait, many of them in one process: each a channel of its own, as the product's have."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import time
from collections.abc import Callable
from contextlib import suppress

import grpc
import psutil
from paretofleet_proto.v1 import fleet_pb2 as pb
from paretofleet_proto.v1 import fleet_pb2_grpc

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 1000))
BACKOFF_S = 5.0
POLL_S = 0.05


def allow_many() -> None:
    """Lets this process open as many files as it may, and keeps gRPC quiet."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


class IdleAgent:
    """A device that waits for work."""

    def __init__(self, address: str, number: int) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._stub = fleet_pb2_grpc.FleetStub(self._channel)
        self._name = f"idle-{number}"
        self._session = pb.Session(device_id=f"device-{number}", session_id=f"session-{number}")
        self.hellos = 0
        self.notices = 0
        self.heartbeat_s = float("nan")
        self.beats_s: list[float] = []

    async def run(self) -> None:
        """Lives until cancelled; after a loss it comes back with full jitter."""
        while True:
            with suppress(grpc.RpcError, asyncio.TimeoutError):
                self.heartbeat_s = await self._greet()
                beats = asyncio.create_task(self._beat())
                try:
                    async for _ in self._stub.Listen(pb.ListenRequest(session=self._session)):
                        self.notices += 1
                finally:
                    beats.cancel()
                    await asyncio.gather(beats, return_exceptions=True)
            await asyncio.sleep(random.uniform(0, BACKOFF_S))

    async def close(self) -> None:
        """Ends the connection."""
        await self._channel.close()

    async def _greet(self) -> float:
        self._session.instance += 1
        device_id = self._session.device_id
        await self._stub.Join(pb.JoinRequest(device_id=device_id, name=self._name), timeout=30)
        hello = pb.HelloRequest(session=self._session, boot_id="boot", wire_version=1, machine=self._name)
        welcome = await self._stub.Hello(hello, timeout=30)
        self.hellos += 1
        return float(welcome.heartbeat_s)

    async def _beat(self) -> None:
        await asyncio.sleep(random.uniform(0, self.heartbeat_s))
        while True:
            begin_s = time.perf_counter()
            await self._stub.Progress(pb.ProgressRequest(session=self._session), timeout=30)
            self.beats_s.append(time.perf_counter() - begin_s)
            await asyncio.sleep(self.heartbeat_s)


async def until(condition: Callable[[], bool], limit_s: float) -> float:
    """Waits until `condition()` is true, `limit_s` at most; the seconds that took."""
    begin_s = time.perf_counter()
    for _ in range(round(limit_s / POLL_S)):
        if condition():
            break
        await asyncio.sleep(POLL_S)
    return time.perf_counter() - begin_s


async def leave(agents: list[IdleAgent], tasks: list[asyncio.Task[None]]) -> None:
    """Ends the `agents` and the `tasks` that they live in."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(agent.close() for agent in agents))
    agents.clear()
    tasks.clear()
    gc.collect()  # what closes the sockets of a channel


async def cores(process: psutil.Process, seconds: float) -> float:
    """Cores that the process used on average."""
    before, begin_s = process.cpu_times(), time.perf_counter()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.perf_counter() - begin_s)
