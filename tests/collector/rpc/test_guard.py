"""What stands before every call, in a server of this process; the hostile client is in threads of gRPC."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from paretofleet_collector.errors import NotFound
from paretofleet_collector.model import limits
from paretofleet_collector.rpc.guard import Guard, Patience
from paretofleet_collector.rpc.statuses import single_reply, stream_of_replies
from paretofleet_collector.service.admission import (
    LOG_AGAIN_S,
    LOG_LINES_MAX,
    REFUSED_MAX,
    REFUSED_WAIT_S,
    Admission,
)
from paretofleet_proto.v1 import control_pb2 as pb
from paretofleet_proto.v1 import control_pb2_grpc, fleet_pb2

#: Of a server whose calls nobody shall lose, and of one whose patience is what matters.
PATIENCE_S, IMPATIENT_S = 60.0, 0.5


class Servicer(control_pb2_grpc.ControlServicer):
    """Shows a sweep, watches one for ever with large messages, or waits until it is let go."""

    def __init__(self) -> None:
        self.watching = 0
        self.gate = asyncio.Event()

    @single_reply
    async def ShowSweep(self, request: Any) -> Any:  # noqa: N802
        if request.sweep == "wait":
            await self.gate.wait()
        if request.sweep != "there":
            raise NotFound(f"There is no sweep '\ud800\x1b{request.sweep * 2000}'.")
        return pb.ShowSweepReply(spec_json="{}")

    @stream_of_replies
    async def WatchSweep(self, _: Any) -> Any:  # noqa: N802
        self.watching += 1
        try:
            while True:
                yield pb.SweepProgress(event="x" * 100_000)
        finally:
            self.watching -= 1


@dataclass
class Guarded:
    address: str
    admission: Admission
    servicer: Servicer
    loop: asyncio.AbstractEventLoop
    channels: list[grpc.Channel] = field(default_factory=list)

    def channel(self) -> grpc.Channel:
        """A connection that no other client shares."""
        made = grpc.insecure_channel(self.address, options=(("grpc.use_local_subchannel_pool", 1),))
        self.channels.append(made)
        return made

    def stub(self) -> Any:
        return control_pb2_grpc.ControlStub(self.channel())


@pytest.fixture
def guarded(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    patience_s = getattr(request, "param", PATIENCE_S)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[Any, Guarded]:
        admission, servicer = Admission(calls_max=4, turns_max=5), Servicer()
        server = grpc.aio.server(
            interceptors=[
                Guard(admission, Patience(request_s=patience_s, next_s=patience_s, reply_s=patience_s))
            ]
        )
        control_pb2_grpc.add_ControlServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, Guarded(f"127.0.0.1:{port}", admission, servicer, loop)

    server, made = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    yield made
    for channel in made.channels:
        channel.close()
    asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def status_of(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def until(happened: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_no_sentence_is_too_long_or_too_odd_to_arrive(guarded):
    for name in ("gone", "é", "%"):
        code, sentence = status_of(
            lambda name=name: guarded.stub().ShowSweep(pb.SweepRequest(sweep=name), timeout=60)
        )
        assert code is grpc.StatusCode.NOT_FOUND
        assert sentence.startswith(f"There is no sweep '??{name}{name}")


def test_bytes_that_are_no_message_are_refused_without_a_traceback(guarded, caplog):
    for data in (b"\xff\xff\xff", b"\x0a\x02\xff\xfe", b"\x0a\xff"):
        call = guarded.channel().unary_unary("/paretofleet.v1.Control/ShowSweep")
        code, sentence = status_of(lambda call=call, data=data: call(data, timeout=60))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert f"{len(data)} bytes are no message of this call" in sentence
    assert [record.name for record in caplog.records] == ["paretofleet_collector.service.admission"]


def test_a_refusal_names_the_field_its_size_and_the_limit_and_is_logged_once(guarded, caplog):
    stub = guarded.stub()
    for _ in range(3):
        code, sentence = status_of(lambda: stub.ShowSweep(pb.SweepRequest(sweep="x" * 129), timeout=60))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert sentence == "SweepRequest.sweep has 129 bytes; at most 128 are accepted."
    assert len(caplog.records) == 1
    assert stub.ShowSweep(pb.SweepRequest(sweep="there"), timeout=60).spec_json == "{}"


def test_a_connection_has_so_many_calls_and_others_have_theirs(guarded):
    greedy = guarded.stub()
    calls = [greedy.ShowSweep.future(pb.SweepRequest(sweep="wait"), timeout=120) for _ in range(4)]
    until(lambda: guarded.admission.calls == 4, "four calls are under way")
    code, sentence = status_of(lambda: greedy.ShowSweep(pb.SweepRequest(sweep="there"), timeout=60))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "4 calls under way; at most 4" in sentence
    assert guarded.stub().ShowSweep(pb.SweepRequest(sweep="there"), timeout=60).spec_json == "{}"
    guarded.loop.call_soon_threadsafe(guarded.servicer.gate.set)
    for call in calls:
        assert call.code() is grpc.StatusCode.NOT_FOUND
    until(lambda: guarded.admission.calls == 0, "ended calls are not counted")
    assert greedy.ShowSweep(pb.SweepRequest(sweep="there"), timeout=60).spec_json == "{}"


@pytest.mark.parametrize("guarded", [IMPATIENT_S], indirect=True)
def test_a_client_that_never_reads_is_let_go_and_stays_counted_until_it_leaves(guarded):
    slow = guarded.stub()
    watches = [slow.WatchSweep(pb.SweepRequest(sweep="x")) for _ in range(4)]
    until(lambda: guarded.servicer.watching == 4, "all watch")
    until(lambda: guarded.servicer.watching == 0, "what wrote for them has ended")
    code, sentence = status_of(lambda: list(watches[0]))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "read nothing for 0.5 s" in sentence
    for watch in watches:
        watch.cancel()
    until(lambda: guarded.admission.calls == 0, "nothing is left of them")


def test_what_is_logged_of_strangers_is_bounded(caplog):
    now = [0.0]
    admission = Admission(clock=lambda: now[0])
    caplog.set_level(logging.WARNING)
    assert admission.log_refusal("ipv4:10.0.0.1:5000", "Join", "no")
    assert not admission.log_refusal("ipv4:10.0.0.1:5001", "Join", "no")
    assert admission.log_refusal("ipv4:10.0.0.1:5001", "Hello", "no")
    for number in range(10_000):
        admission.log_refusal(f"ipv4:10.0.{number}.1:1", "Join", "no")
    assert len(caplog.records) == LOG_LINES_MAX + 1
    now[0] = LOG_AGAIN_S
    assert admission.log_refusal("ipv4:10.0.0.1:5000", "Join", "no")


def test_the_largest_message_fits_what_it_carries():
    facts = "x" * limits.JSON_BYTES_MAX
    assert fleet_pb2.UploadRequest(end=fleet_pb2.AttemptEnd(facts_json=facts)).ByteSize() < (
        limits.MESSAGE_BYTES_MAX
    )


@pytest.mark.parametrize("guarded", [IMPATIENT_S], indirect=True)
def test_a_call_whose_request_never_comes_is_ended(guarded):
    for method in ("ShowSweep", "WatchSweep"):
        hanging = threading.Event()
        call = guarded.channel().stream_stream(f"/paretofleet.v1.Control/{method}")
        code, sentence = status_of(
            lambda call=call, hanging=hanging: list(call(iter(lambda: hanging.wait(100), None), timeout=120))
        )
        hanging.set()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert sentence == "No request came (within 0.5 s); the call was ended."
    until(lambda: guarded.admission.calls == 0, "nothing is left of them")


def test_calls_of_one_client_wait_for_their_turn():
    async def flood(peer: str) -> int:
        admission, at_work, most = Admission(turns_max=3), 0, 0

        async def work(peer: str) -> None:
            nonlocal at_work, most
            async with admission.turn(peer):
                at_work += 1
                most = max(most, at_work)
                await asyncio.sleep(0)
                at_work -= 1

        await asyncio.gather(*(work(peer) for _ in range(30)))
        return most

    assert asyncio.run(flood("ipv4:10.0.0.1:5000")) == 3
    # Nobody knows which of the local ones it is.
    assert asyncio.run(flood("unix:")) == 30


def test_who_is_refused_again_and_again_waits_for_it(monkeypatch):
    slept_s: list[float] = []

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)

    monkeypatch.setattr("paretofleet_collector.service.admission.asyncio", SimpleNamespace(sleep=sleep))

    async def waits(times: list[float]) -> list[bool]:
        ticks = iter(times)
        admission = Admission(clock=lambda: next(ticks))
        result = []
        for _ in times:
            await admission.slow_down("a")
            result.append(slept_s == [REFUSED_WAIT_S])
            slept_s.clear()
        return result

    in_a_second = asyncio.run(waits([5.0] * (REFUSED_MAX + 2)))
    assert in_a_second == [False] * REFUSED_MAX + [True] * 2
    assert not any(asyncio.run(waits([float(at // REFUSED_MAX) for at in range(3 * REFUSED_MAX)])))
