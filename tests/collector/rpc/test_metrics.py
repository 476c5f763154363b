"""Metrics as Prometheus reads them: from loopback or a unix socket, with what the store holds."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import sys
import urllib.request

import pytest
from paretofleet_collector.cli import logs
from paretofleet_collector.errors import Refused, StorageUnavailable
from paretofleet_collector.rpc import metrics_server
from prometheus_client.parser import text_string_to_metric_families
from rig import chunk


def samples(text: str) -> dict[tuple, float]:
    """Every sample of a text, by its name and the values of its labels; the text must be one that parses."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fetched(address: str) -> dict[tuple, float]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
        assert reply.headers["Content-Type"].startswith("text/plain")
        return samples(reply.read().decode())


def test_what_was_sent_is_counted_and_what_stands_is_shown(rig):
    session = rig.joined()
    rig.submit(batch_sizes=(1, 2))
    key = rig.lease(session).key
    good = chunk(key, "iterations", 0, range(10), range(10))
    with metrics_server.serving(rig.context, "127.0.0.1:0") as address:
        before = fetched(address)
        rig.send(session, good)
        rig.send(session, chunk(key, "iterations", 5, range(10), range(10)))
        after = fetched(address)
    assert before["paretofleet_samples_total",] == 0
    assert after["paretofleet_chunks_total",] == 1
    assert after["paretofleet_samples_total",] == 10
    assert after["paretofleet_chunk_bytes_total",] == 160
    assert after["paretofleet_chunks_refused_total",] == 1
    assert after["paretofleet_devices", "online"] == 1
    assert after["paretofleet_runs", "pending"] == 1
    assert after["paretofleet_serving",] == 1
    assert after["paretofleet_store_commits_total",] > before["paretofleet_store_commits_total",]
    assert after["process_resident_memory_bytes",] > 1 << 20


def test_a_store_out_of_reach_leaves_the_rest(rig, monkeypatch):
    def away(_work):
        raise StorageUnavailable("gone")

    monkeypatch.setattr(rig.context.store, "read_now", away)
    with metrics_server.serving(rig.context, "127.0.0.1:0") as address:
        shown = fetched(address)
    assert ("paretofleet_samples_total",) in shown
    assert not any(name == "paretofleet_runs" for name, *_ in shown)


def test_a_unix_socket_serves_its_group_and_goes_with_the_collector(rig):
    path = rig.home / "metrics"
    for _ in range(2):
        with metrics_server.serving(rig.context, f"unix:{path}"):
            assert path.stat().st_mode & 0o777 == 0o660
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(path))
            connection.request("GET", "/metrics")
            assert ("paretofleet_serving",) in samples(connection.getresponse().read().decode())
            connection.close()
        assert not path.exists()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("0.0.0.0:0", "does not listen on 0.0.0.0"),
        ("9090", "is not an address"),
        ("socket", "no address for metrics"),
        ("unix:/nowhere/metrics", "cannot be served at unix:/nowhere/metrics"),
    ],
)
def test_an_address_that_strangers_reach_or_that_is_none_is_refused(rig, address, sentence):
    with pytest.raises(Refused, match=sentence), metrics_server.serving(rig.context, address):
        pass


def test_a_client_that_says_nothing_does_not_hold_the_others(rig, monkeypatch):
    monkeypatch.setattr(metrics_server, "_SILENCE_S", 0.2)
    with metrics_server.serving(rig.context, "127.0.0.1:0") as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))):
            assert fetched(address)


def test_a_line_of_the_log_is_one_object_whatever_is_in_it():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord(
            "paretofleet", logging.WARNING, "f", 1, "a %s", ("\x1b[31m\n",), sys.exc_info()
        )
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    read = json.loads(line)
    assert read["message"] == "a \x1b[31m\n"
    assert read["level"] == "WARNING"
    assert "ValueError: two\nlines" in read["error"]
    assert read["time"].endswith("Z")
