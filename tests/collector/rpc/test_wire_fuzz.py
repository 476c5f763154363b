"""A fuzzer over the wire, in its short form; `bench/hostile.py --fuzz` runs it for as long as you like."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_collector import LiveCollector
from malformed import Malformed, Ours, full_name
from wire_fuzz import METHODS, raw, structured, upload, verdict

pytestmark = pytest.mark.system

ROUNDS = 120


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollector]:
    made = LiveCollector(tmp_path_factory.mktemp("home"))
    made.start(with_identity=True)
    yield made
    assert made.stop() == 0


def test_every_call_is_answered_that_says_nothing(collector: LiveCollector) -> None:
    with grpc.insecure_channel(collector.address) as channel:
        for method in METHODS:
            assert verdict(collector, channel, Malformed("empty", full_name(method), (b"",))) == ""
    assert "Traceback" not in collector.log()


def test_whatever_comes_is_answered_and_what_was_accepted_can_be_used(collector: LiveCollector) -> None:
    session = collector.joined("victim")
    grant = collector.granted(session, "victim")
    ours = Ours(session, grant.attempt)

    @given(st.one_of(raw(), structured(ours), upload(ours)))
    @settings(max_examples=ROUNDS, database=None, suppress_health_check=list(HealthCheck))
    def attack(each: object) -> None:
        assert verdict(collector, channel, each) == ""

    with grpc.insecure_channel(collector.address) as channel:
        attack()
    assert "Traceback" not in collector.log()
    collector.state()
    # It may have said hello in our name, or ended the attempt: what it could do is kept.
    collector.upload(collector.joined("victim", instance=2**40), grant)
    collector.sealed(grant.sweep_name)
