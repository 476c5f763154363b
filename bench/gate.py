"""What it costs a call that the collector asks who makes it: the same call with the gate and without.

    python bench/gate.py [--short] [--calls 4000] [--rounds 9]

Two servers in this process over one context, both with the guard and mutual TLS, one of them with the gate;
the client is a process of its own and makes health checks, the cheapest call there is, one after the other.
Rounds alternate. What counts is this process's CPU time a call; a ratio near 1 means that the gate is free.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "collector"))

from paretofleet_collector.identity import authority
from paretofleet_collector.model.messages import Enrolment
from paretofleet_collector.model.views import TokenView
from paretofleet_collector.rpc.gate import Gate
from paretofleet_collector.rpc.guard import Guard
from paretofleet_collector.rpc.listeners import ServerKeys
from paretofleet_collector.service import access, enrolment
from rig import Rig, build


def client(home: Path, ports: list[str], calls: int) -> None:
    """Makes `calls` calls to the port whose number among `ports` comes in a line, and says when it has."""
    roots, key, certificate = ((home / name).read_bytes() for name in ("roots", "key", "certificate"))
    options = [("grpc.ssl_target_name_override", authority.SERVER_NAME)]
    made = grpc.ssl_channel_credentials(roots, key, certificate)
    stubs = [
        health_pb2_grpc.HealthStub(grpc.secure_channel(f"127.0.0.1:{port}", made, options=options))
        for port in ports
    ]
    for line in sys.stdin:
        stub = stubs[int(line)]
        for _ in range(calls):
            stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
        print("done", flush=True)


async def enrolled(rig: Rig, home: Path) -> None:
    """Makes the collector's identity, and a viewer's files in `home`."""
    authority.add(rig.home, authority.make_authority("c"))
    rig.context.authorities = authority.load(rig.home)
    view = TokenView("viewer", "vera", "", approve=False, uses=1)
    _, text = await access.create_token(rig.context, view, 60.0)
    key_pem, request_pem = authority.make_request()
    made = await enrolment.enrol(rig.context, Enrolment(text, request_pem, "", "vera", "", {}))
    (home / "roots").write_text(enrolment.bundle(rig.context))
    (home / "key").write_bytes(key_pem)
    (home / "certificate").write_text(made.certificate_pem)


async def served(rig: Rig, interceptors: list[Any]) -> tuple[Any, int]:
    """A running server with those interceptors, and its port."""
    server = grpc.aio.server(interceptors=interceptors)
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_secure_port(
        "127.0.0.1:0", ServerKeys(rig.context, asks_for_certificates=True).credentials()
    )
    await server.start()
    return server, port


async def measure(rig: Rig, home: Path, calls: int, rounds: int) -> tuple[list[float], list[float]]:
    """CPU seconds of each round without the gate and with it."""
    await enrolled(rig, home)
    guard = Guard(rig.context.admission)
    servers = [
        await served(rig, [guard]),
        await served(rig, [Guard(rig.context.admission), Gate(rig.context)]),
    ]
    command = [__file__, "--client", str(home), *(str(port) for _, port in servers), "--calls", str(calls)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * rounds + 2):
        begin_s = time.process_time()
        process.stdin.write(f"{number % 2}\n".encode())
        await process.stdout.readline()
        if number >= 2:  # the first round of each only warms up
            taken[number % 2].append(time.process_time() - begin_s)
    process.stdin.close()
    await process.wait()
    for server, _ in servers:
        await server.stop(0)
    await rig.context.worker.close()
    return taken


def main() -> int:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--client", nargs=3, metavar=("HOME", "PORT", "PORT"))
    options = parser.parse_args()
    if options.client:
        client(Path(options.client[0]), options.client[1:], options.calls)
        return 0
    calls, rounds = (500, 3) if options.short else (options.calls, options.rounds)
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "home").mkdir()
        rig = build(Path(home) / "home", loop, [1000.0])
        without, with_gate = loop.run_until_complete(measure(rig, Path(home), calls, rounds))
        rig.context.store.close()
    ratios = sorted(b / a for a, b in zip(without, with_gate, strict=True))
    for name, taken in (("without the gate", without), ("with it", with_gate)):
        print(f"{name:18} {1e6 * statistics.median(taken) / calls:7.1f} us of the server's CPU a call")
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} over {rounds} rounds)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
