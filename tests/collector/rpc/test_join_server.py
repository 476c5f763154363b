"""The small server at which devices and people join: one machine cannot keep the others out."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from paretofleet_agent.uplink import joining
from paretofleet_collector.identity import authority
from paretofleet_collector.rpc import listeners
from paretofleet_collector.rpc.guard import host_of
from paretofleet_proto.v1 import join_pb2, join_pb2_grpc
from rig import Rig

ELSEWHERE = "127.0.0.2"
PATIENCE_S = 60.0


@pytest.fixture
def known(rig: Rig) -> Rig:
    """A collector with an identity, whose join server listens on loopback."""
    authority.add(rig.home, authority.make_authority("c"))
    rig.context.authorities = authority.load(rig.home)
    object.__setattr__(rig.context.config, "join_listen", "127.0.0.1:0")
    return rig


def connection(rig: Rig, address: str) -> Any:
    """A connection of its own."""
    return grpc.aio.secure_channel(
        address,
        grpc.ssl_channel_credentials(rig.context.authorities[0].certificate_pem),
        options=[
            ("grpc.ssl_target_name_override", authority.SERVER_NAME),
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )


async def relay(address: str, stop: asyncio.Event) -> tuple[str, asyncio.Server]:
    """A port that leads to `address` and comes there from another machine's address."""
    host, _, port = address.rpartition(":")

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            target.write(data)
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(host, int(port), local_addr=(ELSEWHERE, 0))
        pumps = [asyncio.create_task(pump(reader, there[1])), asyncio.create_task(pump(there[0], writer))]
        await stop.wait()
        for task in pumps:
            task.cancel()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}", server


async def answer(channel: Any) -> str:
    """What the join server says to somebody who asks for its authorities: nothing, or why not."""
    try:
        await join_pb2_grpc.JoinStub(channel).Authorities(join_pb2.AuthoritiesRequest(), timeout=PATIENCE_S)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"
    return ""


def test_a_machine_that_holds_calls_open_is_refused_more_and_others_join(known: Rig) -> None:
    async def work() -> tuple[str, str]:
        server, address = listeners.join_server(known.context)
        await server.start()
        stop = asyncio.Event()
        around, relaying = await relay(address, stop)
        greedy = [connection(known, address) for _ in range(4)]
        # Calls whose request never comes, over several connections.
        held = [
            channel.stream_unary("/paretofleet.v1.Join/Enrol")()
            for channel in greedy
            for _ in range(listeners.JOIN_CALLS // 4)
        ]
        one_more, other = connection(known, address), connection(known, around)
        refused = ""
        for _ in range(1000):
            refused = refused or await answer(one_more)
            await asyncio.sleep(0.02)
            if refused:
                break
        answered = await answer(other)
        for call in held:
            call.cancel()
        for channel in (*greedy, one_more, other):
            await channel.close()
        stop.set()
        relaying.close()
        await server.stop(0)
        return refused, answered

    refused, answered = known.do(work())
    assert refused.startswith("RESOURCE_EXHAUSTED")
    assert f"This machine has {listeners.JOIN_CALLS_OF_ONE} calls under way" in refused
    assert answered == ""


def test_an_agent_that_is_refused_for_too_many_calls_of_its_machine_asks_again(known: Rig, caplog) -> None:
    caplog.set_level("INFO")
    pem = known.context.authorities[0].certificate_pem.decode()
    sha256 = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    async def until(happened: Callable[[], bool]) -> None:
        for _ in range(int(PATIENCE_S / 0.02)):
            if happened():
                break
            await asyncio.sleep(0.02)

    async def work() -> str:
        server, address = listeners.join_server(known.context)
        await server.start()
        greedy = connection(known, address)
        held = [
            greedy.stream_unary("/paretofleet.v1.Join/Enrol")() for _ in range(listeners.JOIN_CALLS_OF_ONE)
        ]
        one_more, refusals = connection(known, address), []
        while not refusals:
            refusals += filter(None, [await answer(one_more)])
        patient = time.monotonic() + PATIENCE_S
        asking = asyncio.create_task(asyncio.to_thread(joining.fetch_authority, address, sha256, patient))
        await until(lambda: "calls under way" in caplog.text or asking.done())
        for call in held:
            call.cancel()
        given = await asking
        for channel in (greedy, one_more):
            await channel.close()
        await server.stop(0)
        return given

    assert known.do(work()).strip() == pem.strip()
    assert f"This machine has {listeners.JOIN_CALLS_OF_ONE} calls under way" in caplog.text


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("ipv4:192.0.2.1:1", "ipv4:192.0.2.1:2", True),
        ("ipv4:192.0.2.1:1", "ipv4:192.0.2.2:1", False),
        ("ipv6:%5B2001:db8::1%5D:1", "ipv6:%5B2001:db8::ffff%5D:2", True),
        ("ipv6:[2001:db8::1]:1", "ipv6:[2001:db8::ffff:1:2:3]:2", True),
        ("ipv6:[2001:db8::1]:1", "ipv6:[2001:db8:0:1::1]:1", False),
        ("ipv6:[::ffff:192.0.2.1]:1", "ipv6:[::ffff:192.0.2.2]:1", False),
        ("ipv6:[fe80::1%25eth0]:1", "ipv6:[fe80::2%25eth0]:1", True),
    ],
)
def test_a_machine_is_known_by_its_address_and_in_ipv6_by_its_network(
    one: str, other: str, is_same: bool
) -> None:
    hosts = [host_of(SimpleNamespace(peer=lambda text=text: text)) for text in (one, other)]
    assert (hosts[0] == hosts[1]) is is_same
