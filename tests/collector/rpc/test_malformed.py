"""A thousand malformed requests to a real collector: each is refused, and nothing else happens."""

from __future__ import annotations

import operator
import threading
from collections import Counter
from collections.abc import Iterator

import grpc
import psutil
import pytest
from live_collector import LiveCollector
from malformed import Malformed, Ours, by_hand, by_table, malformed
from paretofleet_proto.v1 import control_pb2, fleet_pb2

pytestmark = pytest.mark.system

#: At least; each kind comes once.
COUNT = 1000
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,
}
#: By what bytes, descriptors and threads may grow: what each of 600 requests leaves behind is more.
GROWTH_MAX = (48 << 20, 20, 40)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    made = LiveCollector(tmp_path_factory.mktemp("home"))
    made.start(with_identity=True)
    yield made
    assert made.stop() == 0


def send(
    collector: LiveCollector, channel: grpc.Channel, each: Malformed
) -> tuple[grpc.StatusCode, str, list[bytes]]:
    """The status, its sentence and the replies to a request, as bytes."""
    replies = []
    with collector.channel_to(each.method, channel) as there:
        call = there.stream_stream(each.method)(iter(each.requests), timeout=60)
        try:
            replies.extend(call)
        except grpc.RpcError as error:
            return error.code(), error.details() or "", replies
    return grpc.StatusCode.OK, "", replies


def sentence_of(collector: LiveCollector, channel: grpc.Channel, each: Malformed) -> str:
    """Why a request was refused, by its status or by the verdict on what it uploads."""
    code, details, replies = send(collector, channel, each)
    if code is grpc.StatusCode.OK:
        assert each.method.endswith("/Upload"), f"{each.kind} was accepted"
        (reply,) = (fleet_pb2.UploadReply.FromString(data) for data in replies)
        assert reply.verdict != fleet_pb2.UploadReply.COMMITTED, f"{each.kind} was accepted"
        return str(reply.message)
    assert code in REFUSALS, (each.kind, code, details)
    return details


def usage(process: psutil.Process) -> tuple[int, int, int]:
    """Resident bytes, descriptors and threads of the collector."""
    return process.memory_info().rss, process.num_fds(), process.num_threads()


def test_a_thousand_malformed_requests_are_refused_in_sentences_and_leave_nothing_behind(
    collector: LiveCollector,
) -> None:
    session = collector.joined("victim")
    grant = collector.granted(session, "victim")
    ours = Ours(session, grant.attempt)
    kinds = len([*by_table(ours), *by_hand(ours)])
    requests = malformed(max(COUNT, kinds), 1, ours)
    assert kinds >= 40
    before = collector.state()
    process = psutil.Process(collector.process.pid)
    beats, stop = Counter[str](), threading.Event()
    beating = threading.Thread(target=_beat, args=(collector, beats, stop))
    beating.start()
    sentences, settled = [], (0, 0, 0)
    with grpc.insecure_channel(collector.address) as channel:
        for at, each in enumerate(requests):
            if at == COUNT // 3:
                settled = usage(process)
            sentence = sentence_of(collector, channel, each)
            assert sentence, each.kind
            assert sentence.isprintable(), (each.kind, sentence)
            assert len(sentence.encode()) <= 4096, each.kind
            assert "Traceback" not in sentence
            sentences.append(sentence)
        after = usage(process)
    stop.set()
    beating.join()
    growth = [now - then for now, then in zip(after, settled, strict=True)]
    assert all(map(operator.le, growth, GROWTH_MAX)), (settled, after)
    assert beats["refused"] == 0
    assert beats["answered"] > 5
    assert collector.state() == before
    log = collector.log()
    assert "Traceback" not in log
    assert len(log.splitlines()) < 100, "what strangers do fills no log"
    # What was aimed at is as whole as before: its run ends, and holds what was sent well.
    assert collector.upload(session, grant) == {fleet_pb2.UploadReply.COMMITTED}
    assert collector.sealed(grant.sweep_name).count("iterations") == 40


def _beat(collector: LiveCollector, beats: Counter[str], stop: threading.Event) -> None:
    """Heartbeats of another agent, on a connection of its own."""
    with grpc.insecure_channel(
        collector.address, options=(("grpc.use_local_subchannel_pool", 1),)
    ) as channel:
        session = collector.joined("bystander", channel)
        while not stop.wait(0.05):
            try:
                collector.fleet(channel).Progress(fleet_pb2.ProgressRequest(session=session), timeout=60)
                beats["answered"] += 1
            except grpc.RpcError:
                beats["refused"] += 1


def test_text_with_half_a_surrogate_is_answered_and_nobody_waits(collector: LiveCollector) -> None:
    """A lone surrogate in the details of a status left its client waiting for a minute."""
    for spec in ('{"models": ["x"], "name": "\\ud800"}', '{"\\ud800": 1}', '{"models": ["\\ud800"]}'):
        with pytest.raises(grpc.RpcError) as caught:
            collector.control().PlanSweep(control_pb2.PlanSweepRequest(spec_json=spec), timeout=60)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
