"""Clients that mean no good, each in a way of its own, and one that means well beside them."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from live_collector import LiveCollector
from paretofleet_proto.v1 import control_pb2, fleet_pb2

LOCAL = (("grpc.use_local_subchannel_pool", 1),)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Rude until the event is set, then gone.
Rude = Callable[[LiveCollector, threading.Event], None]


def connected(collector: LiveCollector, *options: tuple[str, Any]) -> grpc.Channel:
    """A connection of its own."""
    return grpc.insecure_channel(collector.address, options=(*LOCAL, *options))


def call_again_and_again(call: Callable[[grpc.Channel], Any]) -> Rude:
    """As many calls at once as one connection carries, and none is waited for."""

    def rude(collector: LiveCollector, stop: threading.Event) -> None:
        with connected(collector) as channel:
            under_way: list[Any] = []
            while not stop.is_set():
                under_way = [each for each in under_way if not each.done()]
                while len(under_way) < 100:
                    under_way.append(call(channel))
                stop.wait(0.005)
            for each in under_way:
                each.cancel()

    return rude


def _unary(method: str, request: Any) -> Callable[[grpc.Channel], Any]:
    data = request.SerializeToString()
    return lambda channel: channel.unary_unary(f"/paretofleet.v1.{method}").future(data, timeout=60)


def never_read(method: str, request: Any) -> Rude:
    """Streams of which no reply is ever taken."""

    def rude(collector: LiveCollector, stop: threading.Event) -> None:
        with connected(collector) as channel:
            calls = [
                channel.unary_stream(f"/paretofleet.v1.{method}")(request.SerializeToString())
                for _ in range(60)
            ]
            stop.wait()
            for each in calls:
                each.cancel()

    return rude


def half_open(collector: LiveCollector, stop: threading.Event) -> None:
    """Calls that never send their request."""
    with connected(collector) as channel:
        calls = [
            channel.stream_stream(f"/paretofleet.v1.{method}")(iter(stop.wait, True))
            for method in ("Fleet/Upload", "Fleet/Progress", "Control/AddModel", "Control/ShowSweep")
            for _ in range(15)
        ]
        stop.wait()
        for each in calls:
            each.cancel()


def flood_uploads(item: Callable[[], fleet_pb2.UploadRequest]) -> Rude:
    """An upload without pause, in the session of a device of its own, whose answers nobody reads."""
    names = itertools.count()

    def rude(collector: LiveCollector, stop: threading.Event) -> None:
        with connected(collector) as channel:
            session = collector.joined(f"flooder-{os.getpid()}-{id(item)}-{next(names)}", channel)
            request = item()

            def requests() -> Iterator[bytes]:
                yield fleet_pb2.UploadRequest(session=session).SerializeToString()
                data = request.SerializeToString()
                while not stop.is_set():
                    yield data

            call = channel.stream_stream("/paretofleet.v1.Fleet/Upload")(requests())
            stop.wait()
            call.cancel()

    return rude


def ping(collector: LiveCollector, stop: threading.Event) -> None:
    """Keepalive pings a hundred times a second."""
    options = (("grpc.keepalive_time_ms", 10), ("grpc.keepalive_permit_without_calls", 1))
    while not stop.is_set():
        with connected(collector, *options, ("grpc.http2.max_pings_without_data", 0)) as channel:
            with suppress(grpc.RpcError):
                collector.control(channel).ListDevices(control_pb2.ListDevicesRequest(), timeout=5)
            stop.wait(0.5)


def connect_and_say_nothing(collector: LiveCollector, stop: threading.Event) -> None:
    """Connections without a word, with half a greeting, with rubbish."""
    host, _, port = collector.address.rpartition(":")
    sockets = []
    for at in range(60):
        one = socket.create_connection((host, int(port)), timeout=5)
        with suppress(OSError):
            one.sendall((b"", PREFACE[:10], b"\xff" * 5000, PREFACE + b"\x00\x00\xff\x63")[at % 4])
        sockets.append(one)
    while not stop.wait(0.05):
        for one in sockets:
            with suppress(OSError):
                one.sendall(b"\x00")
    for one in sockets:
        one.close()


def large_metadata(channel: grpc.Channel) -> Any:
    """A call with headers far beyond what is accepted."""
    call = channel.unary_unary("/paretofleet.v1.Control/ListDevices")
    return call.future(b"", metadata=[(f"k{at}", "v" * 1000) for at in range(200)], timeout=60)


def _damaged() -> fleet_pb2.UploadRequest:
    attempt = fleet_pb2.AttemptRef(run_id="0" * 16, attempt=1)
    chunk = fleet_pb2.Chunk(
        attempt=attempt, stream="iterations", schema="iterations/1", n=1 << 16, columns=bytes(1 << 20)
    )
    return fleet_pb2.UploadRequest(chunk=chunk)


def _endless_facts() -> fleet_pb2.UploadRequest:
    attempt = fleet_pb2.AttemptRef(run_id="0" * 16, attempt=1)
    facts = json.dumps({"a": [[]] * 250_000})
    return fleet_pb2.UploadRequest(end=fleet_pb2.AttemptEnd(attempt=attempt, ok=True, facts_json=facts))


_BOMB = json.dumps({"models": ["x"] * 1000, "batch_sizes": list(range(1, 1001)), "x": [[]] * 200_000})
_HELD = [fleet_pb2.AttemptRef(run_id=f"{at:016x}", attempt=1) for at in range(256)]
_NOBODY = fleet_pb2.Session(device_id="nobody", instance=1, session_id="x")
_numbers = itertools.count()


def _join(channel: grpc.Channel) -> Any:
    number = next(_numbers)
    request = fleet_pb2.JoinRequest(device_id=f"spam-{number}", name=f"spam-{number}", device_class="cpu")
    return _unary("Fleet/Join", request)(channel)


RUDE: Mapping[str, Rude] = {
    "calls without end": call_again_and_again(
        _unary("Control/ListDevices", control_pb2.ListDevicesRequest())
    ),
    "plans without end": call_again_and_again(
        _unary("Control/PlanSweep", control_pb2.PlanSweepRequest(spec_json=_BOMB))
    ),
    "heartbeats of nobody": call_again_and_again(
        _unary("Fleet/Progress", fleet_pb2.ProgressRequest(session=_NOBODY, held=_HELD))
    ),
    "devices without end": call_again_and_again(_join),
    "large headers": call_again_and_again(large_metadata),
    "watches that nobody reads": never_read("Control/WatchSweep", control_pb2.SweepRequest(sweep="of-good")),
    "half-open calls": half_open,
    "damaged chunks without end": flood_uploads(_damaged),
    "facts without end": flood_uploads(_endless_facts),
    "pings without end": ping,
    "silent connections": connect_and_say_nothing,
}


@dataclass
class Answers:
    """How long a client that means well waited for each answer, in seconds, and what went wrong."""

    waited_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def quantile_s(self, q: float) -> float:
        """A quantile of the waits; 0 where there are none."""
        ordered = sorted(self.waited_s)
        return ordered[min(int(q * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class GoodClient:
    """Heartbeats and acknowledged chunks, in turn, on one connection."""

    def __init__(self, collector: LiveCollector, name: str = "good") -> None:
        self._channel = connected(collector)
        self._fleet = collector.fleet(self._channel)
        self._session = collector.joined(name, self._channel)
        self._grant = collector.granted(self._session, name)

    def close(self) -> None:
        self._channel.close()

    def work(self, seconds: float, least: int = 0) -> Answers:
        """Asks for so long, and until there are so many answers or a failure, without a pause of note.

        The first chunk of the run is sent again each time.
        """
        answers = Answers()
        until = time.monotonic() + seconds
        progress = fleet_pb2.ProgressRequest(session=self._session, running=self._grant.attempt)
        while time.monotonic() < until or (len(answers.waited_s) < least and not answers.failures):
            begin = time.monotonic()
            try:
                self._fleet.Progress(progress, timeout=60)
                answers.waited_s.append(time.monotonic() - begin)
                begin = time.monotonic()
                (reply,) = self._fleet.Upload(iter([self._chunk()]), timeout=60)
                answers.waited_s.append(time.monotonic() - begin)
                if reply.verdict != fleet_pb2.UploadReply.COMMITTED:
                    answers.failures.append(str(reply))
            except grpc.RpcError as error:
                answers.failures.append(f"{error.code().name}: {error.details()}")
            time.sleep(0.01)
        return answers

    def _chunk(self) -> fleet_pb2.UploadRequest:
        from paretofleet_collector.model.entities import AttemptKey
        from rig import samples_of

        made = samples_of(AttemptKey(self._grant.attempt.run_id, self._grant.attempt.attempt))[1]
        names = ("stream", "seq", "schema", "n", "columns", "crc32")
        fields = {name: getattr(made, name) for name in names}
        return fleet_pb2.UploadRequest(
            session=self._session, chunk=fleet_pb2.Chunk(attempt=self._grant.attempt, **fields)
        )


class RudeProcess:
    """Rude clients in a process of their own, so that they take no time of the one that means well."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )

    def start(self, kind: str) -> None:
        """Begins to be rude in one way; returns when it is."""
        self._say(kind)

    def stop(self) -> None:
        """Ends it."""
        self._say("")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(60)

    def _say(self, line: str) -> None:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n", "the rude client is gone"


def main(address: str) -> None:
    """Is rude to the collector at `address` as standard input says: a kind, then an empty line to end it."""
    collector = LiveCollector(Path(), address)
    stop, thread = threading.Event(), threading.Thread()
    for line in sys.stdin:
        kind = line.strip()
        if kind:
            stop = threading.Event()
            thread = threading.Thread(target=RUDE[kind], args=(collector, stop))
            thread.start()
            time.sleep(0.3)
            was_rude = thread.is_alive()
        else:
            was_rude = thread.is_alive()
            stop.set()
            thread.join()
        sys.stdout.write("done\n" if was_rude else "gone\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
