"""Metrics as Prometheus reads them: from loopback or a unix socket, with what the store holds."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml
from paretofleet_collector.cli import logs
from paretofleet_collector.errors import Refused, StorageUnavailable
from paretofleet_collector.model.entities import RUN_FINAL, SWEEP_STATES
from paretofleet_collector.rpc import metrics_server
from paretofleet_collector.store.runs import OPEN
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
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as reply:
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
    monkeypatch.setattr(metrics_server, "_SILENCE_S", 1.0)
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


GRAFANA = Path(__file__).parents[3] / "deploy" / "grafana"
#: Words of the query language that its expressions use; what else looks like a name is a metric.
WORDS = {"sum", "min", "rate", "by", "state", "or", "vector"}


def test_the_dashboard_asks_only_for_what_the_collector_exports(rig):
    with (
        metrics_server.serving(rig.context, "127.0.0.1:0") as address,
        urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as reply,
    ):
        families = list(text_string_to_metric_families(reply.read().decode()))
    exported = {f"{each.name}_total" if each.type == "counter" else each.name for each in families}
    dashboard = json.loads((GRAFANA / "paretofleet.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for each in expressions for name in metric_names(each)}
    assert asked <= exported
    own = {name for name in exported if name.startswith("paretofleet_")}
    assert own - asked <= {"paretofleet_chunks_total", "paretofleet_lake_samples"}, (
        "a metric that nobody sees"
    )


def metric_names(expression: str) -> set[str]:
    """The metrics in an expression: its names outside of braces, brackets and strings."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    return set(re.findall(r"[a-z_]+", bare)) - WORDS


#: Prometheus's own checker, as of Debian's package `prometheus`.
PROMTOOL = shutil.which(os.environ.get("PARETOFLEET_TEST_PROMTOOL", "promtool"))


def promtool(kind: str, file: Path) -> subprocess.CompletedProcess[str]:
    """What it says of a file of this kind."""
    return subprocess.run(
        [str(PROMTOOL), "check", kind, str(file)], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool: Prometheus parses nothing of the dashboard")
def test_prometheus_parses_what_the_dashboard_asks_and_takes_its_configuration(tmp_path):
    dashboard = json.loads((GRAFANA / "paretofleet.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    filled = [each.replace("$job", "paretofleet").replace("$__rate_interval", "1m") for each in asked]
    rules = [{"record": f"dashboard:{number}", "expr": each} for number, each in enumerate(filled)]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("rules", file)
    assert (checked.returncode, f"{len(rules)} rules found" in checked.stdout) == (0, True), checked.stderr
    configured = promtool("config", GRAFANA / "prometheus.yml")
    assert configured.returncode == 0, configured.stderr
    file.write_text(file.read_text().replace("sum(", "sum((", 1))
    assert promtool("rules", file).returncode != 0, "a mistake is seen"


def test_the_states_that_the_dashboard_picks_are_states_of_the_collector():
    text = (GRAFANA / "paretofleet.json").read_text()
    kinds = {
        "devices": {"online", "offline", "paused", "removed"},
        "sweeps": set(SWEEP_STATES),
        "runs": {*OPEN, *RUN_FINAL},
    }
    picked = re.findall(r'paretofleet_(\w+)\{job=~\\"\$job\\", state=~?\\"([\w|]+)\\"\}', text)
    assert len(picked) == 5
    for kind, states in picked:
        assert set(states.split("|")) <= kinds[kind]


def test_the_dashboard_is_one_that_grafana_reads():
    dashboard = json.loads((GRAFANA / "paretofleet.json").read_text())
    assert dashboard["schemaVersion"] >= 36
    assert dashboard["uid"]
    assert len(dashboard["uid"]) <= 40
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for each in (panel, *panel["targets"]):
            assert each["datasource"] == {"type": "prometheus", "uid": "${source}"}
            used = set(re.findall(r"\$\{?(\w+)", each.get("expr", ""))) - {"__rate_interval"}
            assert used <= variables


@pytest.mark.parametrize(
    ("name", "part"), [("dashboards.yaml", "providers"), ("datasource.yaml", "datasources")]
)
def test_what_provisions_it_is_what_grafana_reads(name, part):
    read = yaml.safe_load((GRAFANA / name).read_text())
    assert read["apiVersion"] == 1
    (only,) = read[part]
    assert {"name", "type"} <= set(only)


def test_prometheus_is_shown_the_address_of_the_documentation():
    (job,) = yaml.safe_load((GRAFANA / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = (each["targets"] for each in job["static_configs"])
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "team.md").read_text()
    assert f'metrics = "{targets[0]}"' in page
