from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from daemon_parts import INVENTORY, WHO, config, key
from fake_collector import FakeCollector
from held_ports import hold_port, port_of
from paretofleet_agent import __version__
from paretofleet_agent.errors import Refused, Unreachable
from paretofleet_agent.uplink import backoff
from paretofleet_agent.uplink.channels import OPTIONS
from paretofleet_agent.uplink.client import CollectorClient


def connect(collector, tmp_path, **changes):
    return CollectorClient(config(tmp_path, collector.address, **changes), WHO, INVENTORY)


def test_a_hello_says_who_and_what_this_device_is(tmp_path):
    with FakeCollector().running() as collector:
        client = connect(collector, tmp_path)
        welcome = client.hello([key("a", 2)])
        client.close()
    (join,), (hello,) = collector.joins, collector.hellos
    assert (join.name, join.device_class, dict(join.labels)) == ("dev-1", "cpu", {"room": "b12"})
    assert (hello.session.device_id, hello.session.instance) == (WHO.device_id, WHO.instance)
    assert (hello.agent_version, hello.wire_version, hello.boot_id) == (__version__, 5, "boot")
    assert [(ref.run_id, ref.attempt) for ref in hello.held] == [("a", 2)]
    assert hello.inventory.runtimes[0].version == "1.19.2"
    assert (hello.inventory.sensors[0].scope, list(hello.inventory.cpus)) == ("package", [0, 1])
    assert list(hello.inventory.isa) == ["avx2", "avx512_vnni"]
    assert (welcome.heartbeat_s, welcome.window_chunks) == (0.1, 4)


def test_every_hello_tells_the_environment_of_then(tmp_path):
    environment = {"kernel": "6.1"}
    with FakeCollector().running() as collector:
        settings = config(tmp_path, collector.address)
        client = CollectorClient(settings, WHO, INVENTORY, lambda: dict(environment))
        client.hello([])
        assert not client.has_other_environment()
        environment["power_mode"] = "0 MAXN"
        assert client.has_other_environment()
        client.hello([])
        assert not client.has_other_environment()
        environment["variables"] = {"LONG": "x" * 70_000}
        client.hello([])
        client.close()
    told = [hello.inventory.environment_json for hello in collector.hellos]
    assert told == ['{"kernel": "6.1"}', '{"kernel": "6.1", "power_mode": "0 MAXN"}', ""]


def test_no_more_attempts_are_named_at_once_than_a_collector_takes_the_newest_first(tmp_path):
    held = [key(f"run{at}", 1) for at in range(300)]
    with FakeCollector().running() as collector:
        client = connect(collector, tmp_path)
        client.hello(held)
        client.close()
    (hello,) = collector.hellos
    assert [ref.run_id for ref in hello.held] == [each.run_id for each in held[-256:]]


@pytest.mark.parametrize(
    "code", ["ALREADY_EXISTS", "FAILED_PRECONDITION", "PERMISSION_DENIED", "INVALID_ARGUMENT"]
)
def test_a_refusal_is_passed_on_in_the_collectors_words(tmp_path, code):
    collector = FakeCollector()
    collector.refuse = (
        getattr(grpc.StatusCode, code),
        "The name dev-1 is taken: choose another with --name.",
    )
    with collector.running():
        client = connect(collector, tmp_path)
        with pytest.raises(Refused, match=r"^The name dev-1 is taken: choose another with --name\.$"):
            client.hello([])
        client.close()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL"])
def test_trouble_that_passes_is_not_a_refusal(tmp_path, code):
    collector = FakeCollector()
    collector.refuse = (getattr(grpc.StatusCode, code), "The disk is full.")
    with collector.running():
        client = connect(collector, tmp_path)
        with pytest.raises(Unreachable, match="The disk is full"):
            client.hello([])
        client.close()


def test_nobody_there_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        client = CollectorClient(config(tmp_path, address), WHO, INVENTORY)
        with pytest.raises(Unreachable, match=address) as raised:
            client.hello([])
        client.close()
    assert "\n" not in str(raised.value)


def test_of_several_collectors_the_next_is_spoken_to_when_one_is_lost(tmp_path):
    first, second = FakeCollector(), FakeCollector()
    with first.running(), second.running():
        both = f"{first.address},{second.address}"
        client = CollectorClient(config(tmp_path, both), WHO, INVENTORY)
        client.hello([])
        assert client.address == first.address
        first.stop()
        with pytest.raises(Unreachable, match=first.address):
            client.lease()
        client.hello([])
        assert client.address == second.address
        client.lease()
        client.close()
    assert (len(first.hellos), len(second.hellos)) == (1, 1)


def test_a_killed_collector_is_found_again_soon_after_it_is_back(tmp_path):
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from fake_collector import FakeCollector\n"
        "c = FakeCollector(); c.port = int(sys.argv[1]); c.start()\n"
        "print(c.port, flush=True); sys.stdin.read()"
    )

    tests = Path(__file__).parents[2]
    folders = (tests / "agent", tests / "system")

    def start(port):
        command = [sys.executable, "-c", code, str(port), *map(str, folders)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert int(process.stdout.readline()) == port
        return process

    def greets():
        try:
            client.hello([])
        except Unreachable:
            return False
        return True

    held = hold_port()
    port = port_of(held)
    process = start(port)
    client = CollectorClient(config(tmp_path, f"127.0.0.1:{port}"), WHO, INVENTORY)
    assert greets()
    for _ in range(2):
        process.kill()
        process.communicate()
        assert not any(greets() for _ in range(3))
        process = start(port)
        until = time.monotonic() + 60
        while not greets():
            assert time.monotonic() < until, "the channel never connected again"
            time.sleep(0.1)
    client.close()
    process.kill()
    process.communicate()
    held.close()


def test_a_grant_comes_whole(tmp_path):
    with FakeCollector().running() as collector:
        sha256 = collector.grant("run-7", 2)
        client = connect(collector, tmp_path)
        lease = client.lease().lease
        answer = client.lease()
        client.close()
    assert (lease.key, lease.artifact.sha256, lease.configuration) == (
        key("run-7", 2),
        sha256,
        {"batch_size": 1},
    )
    assert (lease.limits.iterations_max, lease.limits.timeout_s) == (2, 30)
    assert (answer.lease, answer.ask_again_s, answer.reboot) == (None, 0.1, "")


def test_dead_peers_are_noticed_in_seconds():
    # Without ping_timeout_ms the answer to a keepalive ping is awaited for 60 s.
    options = dict(OPTIONS)
    assert options["grpc.keepalive_time_ms"] == 20_000
    assert options["grpc.keepalive_timeout_ms"] == options["grpc.http2.ping_timeout_ms"] == 5_000


def test_waits_are_jittered_and_their_bound_doubles():
    class Most(random.Random):
        def uniform(self, low, high):
            assert low == 0.0
            return high

    waits = backoff.waits(Most())
    assert [next(waits) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    one, two = backoff.waits(random.Random(1)), backoff.waits(random.Random(2))
    assert [next(one) for _ in range(5)] != [next(two) for _ in range(5)]


def test_a_lasting_failure_is_told_at_first_and_then_ever_more_rarely():
    retry = backoff.Retry(random.Random(1))
    lines = [now for now in range(2000) if retry.worth_a_line(float(now))]
    assert lines == [0, 30, 90, 210, 450, 930, 1530]
    assert retry.succeeded()
    assert not retry.succeeded()
    assert retry.worth_a_line(2001.0)
