"""Whoever is rude to a real collector is rude to himself: another client is answered as before."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc
import psutil
import pytest
from live_collector import LiveCollector
from paretofleet_proto.v1 import control_pb2
from rude_clients import RUDE, GoodClient, RudeProcess

pytestmark = pytest.mark.system

SECONDS = 1.0


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    made = LiveCollector(tmp_path_factory.mktemp("home"))
    made.start()
    yield made
    assert made.stop() == 0
    assert "Traceback" not in made.log()
    assert len(made.log().splitlines()) < 200


@pytest.fixture(scope="module")
def good(collector: LiveCollector) -> Iterator[GoodClient]:
    client = GoodClient(collector)
    yield client
    client.close()


@pytest.fixture(scope="module")
def rude(collector: LiveCollector) -> Iterator[RudeProcess]:
    process = RudeProcess(collector.address)
    yield process
    process.close()


@pytest.mark.parametrize("kind", RUDE)
def test_another_client_is_answered_beside_a_rude_one(good: GoodClient, rude: RudeProcess, kind: str) -> None:
    assert good.work(0.0, 2).failures == []
    rude.start(kind)
    # Both share the cores with a client that does nothing else: not as fast, but in turn.
    answers = good.work(SECONDS, 4)
    rude.stop()
    assert answers.failures == []


def test_nothing_of_them_is_left(collector: LiveCollector) -> None:
    process = psutil.Process(collector.process.pid)
    deadline = time.monotonic() + 60
    while len(process.net_connections()) > 4:
        assert time.monotonic() < deadline, process.net_connections()
        time.sleep(0.2)
    assert collector.control().ListDevices(control_pb2.ListDevicesRequest(), timeout=60).devices


@pytest.mark.usefixtures("good")
def test_a_client_of_many_calls_is_told_so(collector: LiveCollector) -> None:
    sweep = control_pb2.SweepRequest(sweep="of-good")
    with grpc.insecure_channel(collector.address) as channel:
        stub = collector.control(channel)
        watches = [stub.WatchSweep(sweep) for _ in range(32)]
        for watch in watches:
            next(watch)
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.WatchSweep(sweep))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "32 calls under way; at most 32" in caught.value.details()
        for watch in watches:
            watch.cancel()
